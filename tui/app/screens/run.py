"""The run that goes on: bars, lanes, hosts and the log, five times a second; leaving it never stops the run."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from tui.app.actions import Action
from tui.app.screens.base import BaseScreen
from tui.app.widgets.bottom import NOTE_STAYS
from tui.app.widgets.options import OptionsBar, holds_from
from tui.app.widgets.options_line import OptionsLine
from tui.app.widgets.run_page import LEAST_LOG, RunLog, RunPage
from tui.model import PACES, Snapshot

LOOKS_PER_PAINTING = 2
"""The app looks ten times a second; what moves is alive at half of that, and a painting costs ten times a look."""


def _may_step(screen: RunScreen, step: int) -> bool:
    app = screen.backfill
    return app.running and 0 <= PACES.index(app.options.pace) + step < len(PACES)


class RunScreen(BaseScreen):
    """Watches `app.snapshot`; turns into the summary when the run is over."""

    AREA = "run"
    TITLE = "Run"
    ACTIONS = (
        Action("pause", "p", "Pause", show=1, group="Run", action="app.toggle_pause", help="Again: resume"),
        Action("stop", "s", "Stop", show=2, group="Run", action="app.stop_run", help="Drains; again: cuts"),
        Action("faster", "plus,equals_sign", "Faster", show=5, group="Run", enabled=lambda it: _may_step(it, 1)),
        Action("slower", "minus", "Slower", show=6, group="Run", enabled=lambda it: _may_step(it, -1)),
        Action("options", "e", "Options", show=7, group="Run", help="Edit them while the run goes on"),
        Action("failures", "f", "Failures", show=8),
        Action("back", "escape", "Back", show=4, help="The run goes on"),
    )

    DEFAULT_CSS = """
    RunScreen #run-options { padding: 0 1; }
    RunScreen.-tall #run-options { margin: 1 0 0 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0

    def compose_body(self) -> ComposeResult:
        """The page, the log under it, and the options."""
        yield RunPage(id="run-page")
        yield RunLog(id="run-log")
        yield OptionsLine(id="run-options")

    def on_mount(self) -> None:
        """Look whenever the app has looked."""
        self.query_one(RunLog).focus()
        self.watch(self.app, "snapshot", self._look)
        self.watch(self.app, "options", self._show_options)

    def on_screen_resume(self) -> None:
        """Catch up; be the summary of a run that has ended meanwhile."""
        self._skipped = LOOKS_PER_PAINTING
        self._look(self.backfill.snapshot)
        if not self.backfill.running:
            self.call_after_refresh(self._conclude)

    def on_resize(self, event: events.Resize) -> None:
        """Give the page what the log can spare."""
        page = self.query_one(RunPage)
        page.rows = max(6, event.size.height - LEAST_LOG - 4)
        page.redraw()

    def _look(self, seen: Snapshot | None) -> None:
        if seen is None or not self.is_active:
            return
        shown = self.query_one(RunPage).seen
        turned = shown is None or shown.phase is not seen.phase
        self._skipped += 1
        if turned or self._skipped >= LOOKS_PER_PAINTING:
            self._paint(seen)
        if turned:
            self.refresh_bindings()

    def _paint(self, seen: Snapshot) -> None:
        self._skipped = 0
        page = self.query_one(RunPage)
        page.seen, page.elsewhere = seen, self.backfill.paused_elsewhere
        page.redraw()
        self.query_one(RunLog).show(seen.log)

    def _show_options(self) -> None:
        self.query_one(OptionsLine).options = self.backfill.options
        self.refresh_bindings()

    def on_options_bar_changed(self, event: OptionsBar.Changed) -> None:
        """Tune the run, and say from when on that holds."""
        note = holds_from(self.backfill.options, event.options, self.backfill.sharing)
        self.backfill.options = event.options
        self._note(note)
        self.set_timer(NOTE_STAYS, lambda: self._note("", note))

    def _note(self, note: str, instead_of: str | None = None) -> None:
        page = self.query_one(RunPage)
        if instead_of in (None, page.note):
            page.note = note
            page.redraw()

    def on_options_bar_refused(self, event: OptionsBar.Refused) -> None:
        """Say what is wrong with what was entered, until it is not any more."""
        page = self.query_one(RunPage)
        page.problem = event.sentence
        page.redraw()

    def on_options_bar_done(self) -> None:
        """Back to the log."""
        self.query_one(RunLog).focus()

    def _conclude(self) -> None:
        app = self.backfill
        if self.is_active and app.trickle is not None and not app.running:
            from tui.app.screens.summary import SummaryScreen

            app.switch_screen(SummaryScreen(app.trickle.snapshot(), app.trickle.results))

    def _step_pace(self, step: int) -> None:
        app = self.backfill
        pace = PACES[PACES.index(app.options.pace) + step]
        app.options = app.options.tuned(pace=pace)

    async def action_options(self) -> None:
        """Edit the options in place."""
        await self.query_one(OptionsLine).begin()

    def action_faster(self) -> None:
        """The next pace."""
        self._step_pace(1)

    def action_slower(self) -> None:
        """The pace before."""
        self._step_pace(-1)

    def action_failures(self) -> None:
        """Refusals so far, by host and reason."""
        from tui.app.screens.failures import FailuresScreen

        self.app.push_screen(FailuresScreen())

    def action_back(self) -> None:
        """Leave the run to itself."""
        self.app.pop_screen()
