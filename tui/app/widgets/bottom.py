"""The line that says what a run would do now, or what is wrong with what was typed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.reactive import reactive

from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece
from tui.app.words import plural
from tui.model import Workload


class BottomLine(Canvas):
    """A problem, or else the marks and what a run over them would find."""

    DEFAULT_CSS = "BottomLine { height: 1; }"

    work: reactive[tuple[str, Workload, int] | None] = reactive(None, init=False)
    problem: reactive[str] = reactive("", init=False)

    def draw(self, width: int) -> Sequence[Line]:
        """The line."""
        return ((Piece(self.problem, Ink.BAD),) if self.problem else self._totals(),)

    def _totals(self) -> Line:
        if self.work is None:
            return ()
        marked, work, limit = self.work
        found = f"{plural(work.vehicles, 'vehicle')} · {plural(work.images, 'image')}"
        pieces = [Piece(f"{marked} · ", Ink.ACCENT)] if marked else []
        pieces.append(Piece(found, Ink.PLAIN if work.vehicles else Ink.DIM))
        if work.vehicles > limit:
            pieces.append(Piece(f" · the next {limit:,} in this run", Ink.DIM))
        return tuple(pieces)

    def watch_work(self) -> None:
        """Paint it."""
        self.redraw()

    def watch_problem(self) -> None:
        """Paint it."""
        self.redraw()
