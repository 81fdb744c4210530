"""The line on top of every screen: where we are, how much there is to do, and the run that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from textual import events

from tui.app import words
from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece, bar, cut, line_width, parts, spread
from tui.model import Counts, Phase, Snapshot

if TYPE_CHECKING:
    from tui.app.app import BackfillApp

NAME = Piece("backfill", Ink.STRONG)


class StatusHeader(Canvas):
    """One line: name, deployment, counts, and at the right the run's state; parts go by priority when room is short."""

    DEFAULT_CSS = """
    StatusHeader { height: 1; dock: top; padding: 0 1; background: $surface; }
    """

    def on_mount(self) -> None:
        """Look at the app's state for as long as the screen lives."""
        for name in ("session", "counts", "snapshot"):
            self.watch(self.app, name, self._look, init=False)

    def _look(self) -> None:
        """Draw, unless another screen is on top: Textual would paint all of that one again for it."""
        if self.screen.is_active:
            self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The line."""
        app = cast("BackfillApp", self.app)
        title = words.clean(app.session.title) if app.session else ""
        return (header_line(title, app.counts, app.snapshot, width),)

    def on_click(self, event: events.Click) -> None:
        """The run's state leads to the run."""
        if event.x > self.size.width * 2 // 3:
            cast("BackfillApp", self.app).action_watch_run()


def header_line(title: str, counts: Counts | None, snapshot: Snapshot | None, width: int) -> Line:
    """The richest line that fits."""
    line: Line = ()
    for start, end in _variants(title, counts, snapshot):
        line = spread(start, end, width)
        if line_width(start) + line_width(end) + 3 <= width:
            break
    return line


def _variants(title: str, counts: Counts | None, snapshot: Snapshot | None) -> Iterator[tuple[Line, Line]]:
    """From rich to poor: first the split of needing goes, then the bar shrinks, then the title, then more."""
    short = cut(title, 14)
    for name, split, more, cells in (
        (title, True, True, 12),
        (title, False, True, 12),
        (short, False, True, 8),
        ("", False, True, 8),
        ("", False, True, 0),
        ("", False, False, 0),
    ):
        start = [NAME, *([Piece(name, Ink.DIM)] if name else [])]
        yield (*parts(start, 2), *_gap(counts), *_counts(counts, split, more)), run_state(snapshot, cells)
    yield (NAME,), run_state(snapshot, 0)


def _gap(counts: Counts | None) -> Line:
    return (Piece("    "),) if counts else ()


def _counts(counts: Counts | None, split: bool, more: bool) -> Line:
    if counts is None:
        return ()
    groups = [_needing(counts, split)]
    if more:
        beside = (("partial", counts.partial, Ink.WARN), ("backfilled", counts.backfilled, Ink.GOOD))
        groups += [_number(name, number, ink) for name, number, ink in beside if number]
    return tuple(piece for index, group in enumerate(groups) for piece in ((Piece("   "),) * (index > 0) + group))


def _needing(counts: Counts, split: bool) -> Line:
    needing = (Piece("needing ", Ink.DIM), Piece(words.thousands(counts.needing), Ink.STRONG))
    shares = [(n, getattr(counts, n)) for n in ("ready", "parked", "empty", "marked") if getattr(counts, n)]
    if not split or not counts.needing or [name for name, _ in shares] == ["ready"]:
        return needing
    return (*needing, Piece(": " + " ".join(f"{name} {number:,}" for name, number in shares), Ink.DIM))


def _number(name: str, number: int, ink: Ink) -> Line:
    return Piece(f"{name} ", Ink.DIM), Piece(words.thousands(number), ink)


def run_state(snapshot: Snapshot | None, cells: int) -> Line:
    """The run in a few words; a bar of that many cells while it goes on."""
    if snapshot is None:
        return (Piece("idle", Ink.DIM),)
    state = Piece(words.phase_words(snapshot.phase), words.PHASES[snapshot.phase][1])
    if snapshot.phase.over or snapshot.phase is Phase.STARTING:
        return (state,)
    done, total = snapshot.tally.done, snapshot.images_total
    mini = (Piece("  "), *bar(done, total, cells)) if cells else ()
    return (state, *mini, Piece(f" {words.percent(done, total):>4}"))
