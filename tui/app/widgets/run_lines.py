"""A snapshot of a run as lines: title, bars, counters, lanes, hosts, log. Pure functions, fitted to a width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from tui.app import words
from tui.app.widgets.ink import (
    BLANK,
    Ink,
    Line,
    Piece,
    bar,
    cut,
    left,
    line_width,
    parts,
    right,
    spark,
    spread,
    squeeze,
)
from tui.model import HostPace, Lane, LogLine, Mark, OrganizationProgress, Phase, RunOptions, Snapshot, Tally

_INKS = {
    Mark.WAITING: Ink.FAINT,
    Mark.FETCHING: Ink.ACCENT,
    Mark.STORED: Ink.ACCENT,
    Mark.DUPLICATE: Ink.DIM,
    Mark.REFUSED: Ink.BAD,
    Mark.DEFERRED: Ink.WARN,
}
GLYPHS = {mark: Piece(words.MARKS[mark], ink) for mark, ink in _INKS.items()}

_INK_OF = itemgetter(1)

_TELLING = (Mark.FETCHING, Mark.WAITING, Mark.REFUSED, Mark.DEFERRED, Mark.DUPLICATE, Mark.STORED)
"""Which mark speaks for several when a lane has more images than cells."""

SPARKS = 40
"""Seconds that the sparkline tells of, at most."""

_LEVELS = {"info": Ink.DIM, "warn": Ink.PLAIN, "error": Ink.BAD}


def short_id(run_id: str) -> str:
    """The last part of a run id, enough to tell runs apart on screen."""
    return run_id.rpartition("-")[2]


def scope_words(options: RunOptions, vehicles: int, known: Sequence[OrganizationProgress] = ()) -> str:
    """What a run is about, e.g. `2 organizations · 59 vehicles`; a single one by its name where that is known."""
    scope = options.scope
    count = words.plural(vehicles, "vehicle")
    if scope.vehicle_ids:
        return count if vehicles else words.plural(len(scope.vehicle_ids), "vehicle")
    names = [words.clean(group.name) for group in known if (group.id,) == scope.organization_ids and group.name]
    if names:
        return f"{names[0]} · {count}"
    named = words.plural(len(scope.organization_ids), "organization") if scope.organization_ids else "all organizations"
    return f"{named} · {count}"


def title(seen: Snapshot, width: int) -> Line:
    """Run, scope, how many work on it, phase, and when it will be over."""
    start = (
        Piece(f"Run {short_id(seen.run_id)}", Ink.STRONG),
        Piece("   " + scope_words(seen.options, seen.vehicles_total, seen.organizations), Ink.DIM),
    )
    phase = Piece(words.phase_words(seen.phase, seen.in_flight), words.PHASES[seen.phase][1])
    return spread(start, (*_workers(seen), phase, *_when(seen)), width)


def _workers(seen: Snapshot) -> Line:
    alone = seen.workers < 2 or seen.phase.over
    return () if alone else (Piece(f"{words.plural(seen.workers, 'worker')}   ", Ink.DIM),)


def _when(seen: Snapshot) -> Line:
    if seen.phase.over:
        return (Piece(f"   took {words.duration(seen.elapsed)}"),)
    return () if seen.eta is None else (Piece("   " + right(f"ETA {words.duration(seen.eta)}", 18)),)


def overall(seen: Snapshot, width: int) -> Line:
    """The one bar of the whole run with its vehicles and images."""
    done = seen.tally.done
    counts = (
        Piece(f"   {ratio(seen.vehicles_done, seen.vehicles_total)} vehicles"),
        Piece(f"   {ratio(done, seen.images_total)} images"),
    )
    return (*bar(done, seen.images_total, max(8, width - line_width(counts))), *counts)


def ratio(done: int, total: int) -> str:
    """`37 / 59`, as wide as it will ever be."""
    whole = f"{total:,}"
    return f"{done:>{len(whole)},} / {whole}"


def speed(seen: Snapshot, width: int) -> Line:
    """Images and bytes per second, with the last seconds as a sparkline."""
    rates = Piece(
        left(words.rate(seen.images_per_second), 13) + "  " + right(words.byte_rate(seen.bytes_per_second), 9)
    )
    room = max(0, min(SPARKS, width - 27))
    return rates, Piece("   " + spark(seen.history, room), Ink.ACCENT)


def counters(tally: Tally) -> Line:
    """What became of the images so far; zeros but the first are not told. Explains the glyphs."""
    told = [Piece(f"{GLYPHS[Mark.STORED].text} stored {tally.stored:,}", Ink.GOOD if tally.stored else Ink.DIM)]
    for mark, count in (
        (Mark.DUPLICATE, tally.duplicate),
        (Mark.REFUSED, tally.refused),
        (Mark.DEFERRED, tally.deferred),
    ):
        if count:
            glyph, ink = GLYPHS[mark]
            told.append(Piece(f"{glyph} {mark.value} {count:,}", ink))
    if tally.bytes:
        told.append(Piece(words.bytes_words(tally.bytes), Ink.DIM))
    return parts(told)


def organizations(groups: Sequence[OrganizationProgress], width: int, rows: int) -> list[Line]:
    """A bar for each organization, those still going first; what finds no room is counted on the last row."""
    kept = len(groups) if len(groups) <= rows else max(0, rows - 1)
    digits = max((len(f"{group.total:,}") for group in groups), default=1)
    ordered = sorted(groups, key=lambda group: group.done >= group.total)[:kept]
    return _with_rest([_organization(group, width, digits) for group in ordered], len(groups) - kept, rows)


def _with_rest(lines: list[Line], hidden: int, rows: int) -> list[Line]:
    return [*lines, (Piece(f"+ {hidden:,} more", Ink.DIM),)][:rows] if hidden else lines


def _organization(group: OrganizationProgress, width: int, digits: int) -> Line:
    name = max(14, min(28, width * 2 // 5))
    end = f"  {group.done:>{digits},} / {group.total:>{digits},} "
    tick = Piece("✓" if group.done >= group.total else " ", Ink.GOOD)
    label = Piece(left(words.clean(group.name or group.id[:8]) or "no organization", name) + "  ", Ink.PLAIN)
    return (label, *bar(group.done, group.total, max(4, width - name - 3 - len(end))), Piece(end), tick)


def lanes(shown: Sequence[Lane], width: int, rows: int) -> list[Line]:
    """The vehicles in progress, each at its own place: a free place stays empty until another vehicle takes it."""
    placed = {lane.slot: lane for lane in shown}
    last = max(placed, default=-1)
    kept = rows if last < rows else rows - 1
    room = max([20, *(len(lane.marks) for lane in shown)])
    lines = [_lane(placed[slot], width, room) if slot in placed else BLANK for slot in range(min(last + 1, kept))]
    hidden = sum(slot >= kept for slot in placed)
    return [*lines, (Piece(f"+ {hidden:,} more in progress", Ink.DIM),)] if hidden and rows else lines


def _lane(lane: Lane, width: int, cells: int) -> Line:
    name = max(16, min(34, width * 2 // 5))
    done = lane_done(lane)
    tick = " ✓" if lane.finished and done == len(lane.marks) else "  "
    end = (Piece(right(f"{done} / {len(lane.marks)}", 9)), Piece(tick, Ink.GOOD))
    room = max(4, min(cells, width - name - 3 - line_width(end)))
    label = Piece(left(words.clean(lane.title), name) + "  ", Ink.DIM if lane.finished else Ink.PLAIN)
    return spread((label, *gauge(lane.marks, room)), end, min(width, name + 3 + room + line_width(end)))


def lane_done(lane: Lane) -> int:
    """Images of a lane that have ended."""
    return len(lane.marks) - lane.marks.count(Mark.WAITING) - lane.marks.count(Mark.FETCHING)


def gauge(marks: Sequence[Mark], room: int) -> Line:
    """A glyph for each image, or for each handful of them where there are more images than cells."""
    step = math.ceil(len(marks) / room) if marks else 1
    if step > 1:
        marks = [min(marks[at : at + step], key=_TELLING.index) for at in range(0, len(marks), step)]
    glyphs = [GLYPHS[mark] for mark in marks]
    return tuple(Piece("".join([text for text, _ in alike]), ink) for ink, alike in groupby(glyphs, _INK_OF))


def hosts(paces: Sequence[HostPace], width: int, rows: int) -> list[Line]:
    """How each host is treated, by name; where there is room for some only, those that wait and the busiest."""
    kept = len(paces) if len(paces) <= rows else max(0, rows - 1)
    telling = sorted(paces, key=lambda pace: (-(pace.wait > 0), -pace.in_flight, pace.host))[:kept]
    lines: list[Line] = [_host(pace, width) for pace in sorted(telling, key=lambda pace: pace.host)]
    return _with_rest(lines, len(paces) - kept, rows)


def _host(pace: HostPace, width: int) -> Line:
    name = max(14, min(34, width - 29))
    ink = Ink.PLAIN if pace.in_flight or pace.wait else Ink.DIM
    speed = Piece(right(words.host_rate(pace.rate), 8), Ink.WARN if pace.narrowed else Ink.DIM)
    return Piece(left(words.clean(pace.host), name) + "  ", ink), speed, *_treatment(pace)


def _treatment(pace: HostPace) -> Line:
    trouble = words.host_trouble(pace)
    if pace.open or pace.wait > 0:
        return (Piece(f"  {trouble}", Ink.BAD if pace.open else Ink.WARN),)
    slots = Piece(f"  {pace.in_flight} of {words.plural(pace.slots, 'slot')}", Ink.DIM)
    return (slots, Piece(f"  {trouble}", Ink.WARN)) if trouble else (slots,)


def log_line(entry: LogLine, width: int) -> Line:
    """The time and the text; a long URL gives way to the verdict behind it."""
    ink = _LEVELS.get(entry.level, Ink.PLAIN)
    return Piece(words.clock_time(entry.at) + "  ", Ink.DIM), Piece(squeeze(words.clean(entry.text), width - 10), ink)


def beside(first: Sequence[Line], second: Sequence[Line], first_width: int, gap: int) -> list[Line]:
    """Two blocks of lines as columns."""
    rows = max(len(first), len(second))
    padded = [*first, *([BLANK] * (rows - len(first)))]
    others = [*second, *([BLANK] * (rows - len(second)))]
    return [
        (*line, Piece(" " * (max(0, first_width - line_width(line)) + gap)), *other)
        for line, other in zip(padded, others, strict=True)
    ]


def heading(text: str, width: int, note: str = "") -> Line:
    """A quiet word over a block."""
    return spread((Piece(cut(text, width), Ink.DIM),), (Piece(note, Ink.DIM),) if note else (), width)


def standing(seen: Snapshot, *, elsewhere: bool = False) -> Line:
    """Why the run waits, or what the operator can expect now, in one sentence."""
    if seen.trouble and not seen.phase.over:
        return (Piece(f"waiting: {words.clean(seen.trouble)}", Ink.WARN),)
    return (Piece(_phase_help(seen.phase, elsewhere), Ink.DIM),)


def _phase_help(phase: Phase, elsewhere: bool) -> str:
    if elsewhere and phase in (Phase.PAUSING, Phase.PAUSED):
        return "Paused from elsewhere, for all workers of this run. p resumes them."
    return {
        Phase.PAUSING: "No new request starts; those in flight end.",
        Phase.PAUSED: "Nothing is in flight. Leases are kept; p resumes.",
        Phase.STOPPING: "Requests in flight end and nothing new begins. s again cuts them.",
    }.get(phase, "")
