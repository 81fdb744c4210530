"""After a run: what it did and what is left."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from tui.app.actions import Action
from tui.app.screens.base import BaseScreen
from tui.app.widgets.ink import Line
from tui.app.widgets.sheet import Sheet
from tui.app.widgets.summary_lines import summary
from tui.model import Snapshot, VehicleResult


class SummaryScreen(BaseScreen):
    """One page about a run that has ended."""

    AREA = "summary"
    TITLE = "Summary"
    ACTIONS = (
        Action("failures", "f", "Failures", show=2),
        Action("history", "h", "History", show=3),
        Action("back", "escape,enter", "Back", show=1),
    )
    DEFAULT_CSS = "SummaryScreen #summary { height: 1fr; padding: 1 1 0 1; }"

    def __init__(self, snapshot: Snapshot, results: Sequence[VehicleResult]) -> None:
        super().__init__()
        self.seen = snapshot
        self.results = results

    def compose_body(self) -> ComposeResult:
        """The page."""
        yield Sheet(self._page, id="summary")

    def on_mount(self) -> None:
        """What is left changes when the store has been asked."""
        self.query_one(Sheet).focus()
        self.watch(self.app, "counts", self.query_one(Sheet).reflow, init=False)

    def _page(self, width: int) -> Sequence[Line]:
        return summary(self.seen, self.results, self.backfill.counts, self.backfill.run_error, width)

    def action_failures(self) -> None:
        """Refusals by host and reason."""
        from tui.app.screens.failures import FailuresScreen

        self.app.push_screen(FailuresScreen())

    def action_history(self) -> None:
        """All runs."""
        from tui.app.screens.history import HistoryScreen

        self.app.push_screen(HistoryScreen())

    def action_back(self) -> None:
        """Leave."""
        self.app.pop_screen()
