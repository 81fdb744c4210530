"""The line that says what a run would do now, or what is wrong with what was typed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.reactive import reactive

from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece, clip, line_width
from tui.app.words import plural
from tui.model import Workload

NOTE_STAYS = 10.0
"""Seconds for which a word about a change stands."""

NAME_LEAST = 12


class BottomLine(Canvas):
    """A problem or a note, or else what a run would be about, by name, and what it would find."""

    DEFAULT_CSS = "BottomLine { height: 1; }"

    work: reactive[tuple[str, Workload, int] | None] = reactive(None, init=False)
    problem: reactive[str] = reactive("", init=False)
    note: reactive[str] = reactive("", init=False)

    def say(self, note: str) -> None:
        """Show a note for a while."""
        self.note = note
        self.set_timer(NOTE_STAYS, lambda: self._unsay(note))

    def _unsay(self, note: str) -> None:
        if self.note == note:
            self.note = ""

    def draw(self, width: int) -> Sequence[Line]:
        """The line."""
        if self.problem:
            return ((Piece(self.problem, Ink.BAD),),)
        if self.note:
            return ((Piece(self.note, Ink.WARN),),)
        return (work_line(*self.work, width),) if self.work is not None else ()

    def watch_work(self) -> None:
        """Paint it."""
        self.redraw()

    def watch_problem(self) -> None:
        """Paint it."""
        self.redraw()

    def watch_note(self) -> None:
        """Paint it."""
        self.redraw()


def work_line(about: str, work: Workload, limit: int, width: int) -> Line:
    """`to run  Gulf Motorcars · 38 vehicles · 470 images`; the name gives way where room is short."""
    found = f" · {plural(work.vehicles, 'vehicle')} · {plural(work.images, 'image')}"
    start: Line = (Piece("to run  ", Ink.DIM), Piece(about, Ink.ACCENT))
    rest: Line = (Piece(found, Ink.PLAIN if work.vehicles else Ink.DIM),)
    if work.vehicles > limit:
        bound, shorter = f" · the next {limit:,} in this run", f" · next {limit:,}"
        fits = line_width((start[0], *rest)) + len(bound) + NAME_LEAST <= width
        rest = (*rest, Piece(bound if fits else shorter, Ink.DIM))
    return (*clip(start, width - line_width(rest)), *rest)
