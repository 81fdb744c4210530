"""Runs as rows of the history, and one run in full: pure functions."""

from __future__ import annotations

from tui.app import words
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, left, right
from tui.app.widgets.run_lines import scope_words, short_id
from tui.model import Reason, RunRecord
from tui.trickle.journal import fate

_FATES = {
    "finished": ("✓", Ink.GOOD),
    "stopped": ("◼", Ink.WARN),
    "interrupted": ("!", Ink.WARN),
    "failed": ("✕", Ink.BAD),
    "running": ("▶", Ink.ACCENT),
}
NARROW = 76
MEDIUM = 86
WIDE = 117


def fate_piece(record: RunRecord, now: float) -> Piece:
    """How it ended, as a glyph and a word."""
    word = fate(record, now)
    glyph, ink = _FATES.get(word, ("·", Ink.DIM))
    return Piece(f"{glyph} {word}", ink)


def lasted(record: RunRecord, now: float) -> float:
    """Seconds from its start to its end, its last sign of life, or now."""
    if record.ended_at is not None:
        return record.ended_at - record.started_at
    return (now if fate(record, now) == "running" else record.seen_at) - record.started_at


def column_titles(width: int) -> Line:
    """The line over the list."""
    text = " " + left("started", 17) + left("run", 6) + " " * 14
    text += _numbers("took", "vehicles", "stored", "refused", "deferred", width)
    if width >= WIDE:
        text += _options("batch", "cap", "limit", "pace")
    return (Piece(text, Ink.DIM),)


def _numbers(took: str, vehicles: str, stored: str, refused: str, deferred: str, width: int) -> str:
    """The narrower the list, the fewer."""
    text = right(took, 11) + right(stored, 9)
    if width >= NARROW:
        text = right(took, 11) + right(vehicles, 10) + right(stored, 8) + right(refused, 9)
    return text + (right(deferred, 10) if width >= MEDIUM else "")


def _options(batch: str, cap: str, limit: str, pace: str) -> str:
    return right(batch, 7) + right(cap, 5) + right(limit, 8) + "  " + left(pace, 9)


def paint(record: RunRecord, width: int, now: float) -> Line:
    """One run."""
    state, tally, options = fate_piece(record, now), record.tally, record.options
    start = Piece(" " + left(words.day_time(record.started_at), 17) + left(short_id(record.run_id), 6))
    numbers = _numbers(
        words.duration(lasted(record, now)),
        words.thousands(record.vehicles_done),
        words.thousands(tally.stored),
        _count(tally.refused),
        _count(tally.deferred),
        width,
    )
    line = (start, Piece(left(state.text, 14), state.ink), Piece(numbers))
    if width < WIDE:
        return line
    tuned = _options(f"{options.batch_size:,}", f"{options.max_images:,}", f"{options.limit:,}", options.pace)
    return *line, Piece(tuned, Ink.DIM)


def _count(number: int) -> str:
    return words.thousands(number) if number else "–"


def options_words(record: RunRecord) -> str:
    """`batch size 10 · cap 20 · limit 100 · normal`."""
    options = record.options
    return f"batch size {options.batch_size:,} · cap {options.max_images:,} · limit {options.limit:,} · {options.pace}"


def details(record: RunRecord, now: float) -> list[Line]:
    """Everything that the journal knows of one run."""
    state = fate_piece(record, now)
    seen = record.ended_at if record.ended_at is not None else record.seen_at
    lines = [
        (Piece(left("fate", 14), Ink.DIM), state),
        _row("started", words.day_time(record.started_at)),
        _row("ended" if record.ended_at is not None else "last seen", words.day_time(seen)),
        _row("took", words.duration(lasted(record, now))),
        _row("scope", scope_words(record.options, record.vehicles_total)),
        _row("options", options_words(record)),
        _row("worker", words.clean(record.worker)),
        BLANK,
        *_counts(record),
    ]
    if record.error:
        lines += [BLANK, (Piece(words.clean(record.error), Ink.BAD),)]
    return lines


def _row(name: str, value: str, ink: Ink = Ink.PLAIN) -> Line:
    return Piece(left(name, 14), Ink.DIM), Piece(value, ink)


def _counts(record: RunRecord) -> list[Line]:
    tally = record.tally
    told = [
        _row("vehicles", f"{record.vehicles_done:,} of {record.vehicles_total:,}"),
        _row("stored", f"{tally.stored:,}   {words.bytes_words(tally.bytes)}", Ink.GOOD if tally.stored else Ink.PLAIN),
    ]
    for name, count in (("duplicate", tally.duplicate), ("deferred", tally.deferred), ("refused", tally.refused)):
        if count:
            told.append(_row(name, words.thousands(count)))
    for value, count in sorted(tally.refusals.items(), key=lambda item: -item[1]):
        told.append(_row("", f"{left(words.thousands(count), 6)} {Reason(value).words} ({Reason(value).advice})"))
    return told
