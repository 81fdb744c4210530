"""The app: one open session, at most one run over it, and the screens that look at both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer

from tui.app import words
from tui.app.actions import Action, bindings, state_of
from tui.app.background import start
from tui.app.deployment import DeploymentApp
from tui.app.doors import Doors, Opening
from tui.app.farewell import farewell
from tui.app.screens.base import BaseScreen
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.connect import ConnectScreen
from tui.app.screens.doctor import DoctorScreen
from tui.app.screens.fleet import FleetScreen
from tui.app.screens.help import HelpScreen
from tui.app.screens.inventory import InventoryScreen
from tui.app.screens.run import RunScreen
from tui.app.screens.summary import SummaryScreen
from tui.app.screens.welcome import WelcomeScreen
from tui.app.theme import DARK, LIGHT, completed
from tui.model import Phase, Problem, RunOptions, Scope, Snapshot

if TYPE_CHECKING:
    from tui.trickle.run import Trickle
    from tui.trickle.session import Session

LOOKS_PER_SECOND = 10

PAUSED = (Phase.PAUSING, Phase.PAUSED)

KEY_NAMES = {"enter": "enter", "escape": "esc", "space": "space"}


def _open(app: BackfillApp) -> bool:
    return app.session is not None


ACTIONS = (
    Action("help", "question_mark", "Help", show=2, group="Anywhere"),
    Action("quit", "q", "Quit", show=3, group="Anywhere"),
    Action("toggle_pause", "p", "Pause or resume the run", group="Run", enabled=lambda app: app.running, writes=True),
    Action("stop_run", "s", "Stop the run (twice: at once)", group="Run", enabled=lambda app: app.running, writes=True),
    Action("watch_run", "w", "Watch the run", group="Run", enabled=lambda app: app.trickle is not None),
    Action("fleet", "F", "Fleet", show=8, group="Look", help="Workers on any machine", enabled=_open),
    Action("doctor", "D", "Doctor", show=9, group="Look", help="What the deployment needs, and what it lacks"),
    Action("toggle_theme", "t", "Light or dark", group="Anywhere"),
    Action("command_palette", "colon", "All commands", group="Anywhere", palette=False),
    Action("welcome", "ctrl+o", "Open another store", group="Anywhere"),
)


class BackfillApp(DeploymentApp):
    """The program on screen.

    `options` are what the next run starts with and the present one is tuned to; `snapshot` is the present or last run
    as of at most a tenth of a second ago.
    """

    TITLE = "backfill"
    CSS_PATH = "app.tcss"
    AREA: ClassVar[str] = "app"
    ACTIONS: ClassVar[tuple[Action, ...]] = ACTIONS
    BINDINGS = [*bindings("app", ACTIONS)]  # noqa: RUF012 - declared as such by Textual

    options: reactive[RunOptions] = reactive(RunOptions, init=False, repaint=False)
    snapshot: reactive[Snapshot | None] = reactive(None, init=False, repaint=False)

    def __init__(
        self,
        doors: Doors,
        opening: Opening | None = None,
        options: RunOptions = RunOptions(),  # noqa: B008 - frozen
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(doors, clock)
        self.trickle: Trickle | None = None
        self.run_error = ""
        self._opening = opening
        self._quitting = False
        self._stops = 0
        self._paused_here = False
        self._look_timer: Timer | None = None
        self._run_over = asyncio.Event()
        self._run_over.set()
        self.set_reactive(BackfillApp.options, options)
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self.trickle is not None and not self._run_over.is_set()

    @property
    def paused_elsewhere(self) -> bool:
        """Whether the run is paused, but not from here."""
        return self.snapshot is not None and self.snapshot.phase in PAUSED and not self._paused_here

    @property
    def sharing(self) -> int:
        """Live workers of the run that goes on, here and elsewhere."""
        return self.snapshot.workers if self.snapshot is not None else 1

    @property
    def exit_summary(self) -> str:
        """What to print when the app has closed: what was done, what is left, how to go on. Empty without a run."""
        return farewell(self.snapshot, self.counts, self.session)

    def get_default_screen(self) -> Screen[None]:
        """The inventory, painted before anything is open."""
        return InventoryScreen()

    def get_css_variables(self) -> dict[str, str]:
        """The theme's variables, with ours under any theme."""
        return completed(super().get_css_variables())

    def get_key_display(self, binding: Binding) -> str:
        """Keys by their names, as plain letters as they come."""
        return KEY_NAMES.get(binding.key) or super().get_key_display(binding)

    def on_mount(self) -> None:
        """Open behind the first paint, or ask what to open."""
        if self._opening is None:
            self.push_screen(WelcomeScreen())
        else:
            self.call_after_refresh(self.open_session, self._opening)

    async def on_unmount(self) -> None:
        """Leave nothing open, however the app ends."""
        await self._run_over.wait()
        if self.session is not None:
            await self.session.close()

    def take(self, session: Session) -> None:
        """Make a session the app's; the first one brings its theme."""
        first = self.session is None
        self.trickle = self.snapshot = None
        super().take(session)
        if first and self.theme == DARK.name and session.settings.theme in self.available_themes:
            self.theme = session.settings.theme

    def refuse_opening(self, error: str) -> None:
        """Say why nothing was opened on the screen that asked, or on the one where to begin."""
        asking = next((it for it in reversed(self.screen_stack) if isinstance(it, WelcomeScreen | ConnectScreen)), None)
        if asking is None:
            self.push_screen(WelcomeScreen(error))
            if self.doors.settings.project and not self.doors.settings.supabase_key:
                self.push_screen(ConnectScreen(error))
            return
        asking.error = error
        if not asking.is_active:
            self.notify(words.clean(error), severity="error", markup=False)

    # The run

    def start_run(self, scope: Scope) -> None:
        """Run the present options over a scope and show it; refuses while a run goes on."""
        if self.session is None or self.running:
            self.notify("A run goes on already: w shows it.", severity="warning")
            return
        self.trickle = trickle = self.session.trickle(replace(self.options, scope=scope))
        self.run_error, self._stops, self._paused_here = "", 0, False
        self._run_over.clear()
        self.snapshot = trickle.snapshot()
        self._look_timer = self.set_interval(1 / LOOKS_PER_SECOND, self._look)
        start(self, "trickle", self._run, trickle)
        self.push_screen(RunScreen())
        self.screen.refresh_bindings()

    def _look(self) -> None:
        if self.trickle is not None:
            self.snapshot = seen = self.trickle.snapshot()
            self._paused_here = self._paused_here and seen.phase in PAUSED
        self.count_when_due()

    async def _run(self, trickle: Trickle) -> None:
        try:
            await trickle.run()
        except Problem as problem:
            self.run_error = str(problem)
        except Exception as error:
            self.run_error = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._end_run(trickle)
        self._after_run(trickle)

    def _end_run(self, trickle: Trickle) -> None:
        if self._look_timer is not None:
            self._look_timer.stop()
        last = trickle.snapshot()
        self.snapshot = last if last.phase.over else replace(last, phase=Phase.FAILED, error=self.run_error)
        self._run_over.set()

    def _after_run(self, trickle: Trickle) -> None:
        self.refresh_counts()
        self.screen.refresh_bindings()
        if trickle.phase is Phase.STOPPED and not self._stops:
            self.notify("The run was stopped from elsewhere.", severity="warning")
        if self._quitting:
            self.exit()
        elif isinstance(self.screen, RunScreen):
            self.switch_screen(SummaryScreen(trickle.snapshot(), trickle.results))
        else:
            self.notify(self.run_error or "The run has ended: w shows its summary.", markup=False)

    def watch_options(self, options: RunOptions) -> None:
        """Tune the run that goes on; its scope stays."""
        if self.running and self.trickle is not None:
            self.trickle.tune(replace(options, scope=self.trickle.options.scope))

    def toggle_pause(self) -> None:
        """Pause the run, or let it go on."""
        if not self.running or self.trickle is None:
            return
        self._paused_here = self.trickle.phase not in PAUSED
        if self._paused_here:
            self.trickle.pause()
        else:
            self.trickle.resume()
        self._look()

    def stop_run(self) -> None:
        """Drain the run; asked a second time, cut it."""
        if not self.running or self.trickle is None:
            return
        self._stops += 1
        if self._stops == 1:
            self.trickle.stop()
        else:
            self.trickle.cut()
        self._look()

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now and hide what may not be done at all, as the registry says."""
        return state_of(self, self.ACTIONS, action, read_only=self.read_only)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: what the registry has for this screen, then what Textual offers."""
        for owner in (screen, self):
            for action in getattr(owner, "ACTIONS", ()):
                if action.palette and state_of(owner, (action,), action.name, read_only=_read_only(owner)):
                    call = partial(self.run_action, action.call, owner)
                    yield SystemCommand(action.title, action.help or action.group, call)
        yield SystemCommand(
            "Theme", "Choose among all themes, the terminal's own colours too", self.action_change_theme
        )

    def action_help(self) -> None:
        """Show the keys of this screen."""
        if isinstance(self.screen, BaseScreen):
            self.push_screen(HelpScreen(self.screen, self, self.notice))

    async def action_quit(self) -> None:
        """Leave; during a run ask first, and drain."""
        if not self.running:
            self.exit()
        elif self._quitting:
            self.stop_run()
        else:
            question = ConfirmScreen(
                "A run is going on",
                "Quitting lets the requests in flight end, releases the rest and keeps what is stored.",
                "Quit and drain",
            )
            self.push_screen(question, self._quit_and_drain)

    def _quit_and_drain(self, agreed: bool | None) -> None:
        if not agreed:
            return
        if not self.running:
            self.exit()
            return
        self._quitting = True
        if self._stops == 0:
            self.stop_run()
        self.notify("Draining, then leaving. q again leaves at once.")

    def action_help_quit(self) -> None:
        """Ctrl+C means to leave, here as everywhere."""
        start(self, "quit", self.action_quit)

    def action_toggle_pause(self) -> None:
        """Pause or resume the run."""
        self.toggle_pause()

    def action_stop_run(self) -> None:
        """Stop the run."""
        self.stop_run()

    def action_watch_run(self) -> None:
        """Show the run that goes on, or the summary of the last one."""
        if isinstance(self.screen, RunScreen | SummaryScreen) or self.trickle is None:
            return
        if self.running:
            self.push_screen(RunScreen())
        else:
            self.push_screen(SummaryScreen(self.trickle.snapshot(), self.trickle.results))

    def action_fleet(self) -> None:
        """Show the workers and the runs they share."""
        if not isinstance(self.screen, FleetScreen):
            self.push_screen(FleetScreen())

    def action_doctor(self) -> None:
        """Examine what is open, or what the settings at hand name."""
        if not isinstance(self.screen, DoctorScreen):
            self.push_screen(DoctorScreen())

    def action_toggle_theme(self) -> None:
        """Change between light and dark."""
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def action_welcome(self) -> None:
        """Choose another store, once no run needs this one."""
        if self.running:
            self.refuse_while_running()
        elif not isinstance(self.screen, WelcomeScreen):
            self.push_screen(WelcomeScreen())


def _read_only(owner: object) -> bool:
    return bool(getattr(owner, "read_only", False))
