"""The fleet: which workers are at work, on any machine, and on what."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from tui.app import words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.screens.base import BaseScreen
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.dialog import Dialog
from tui.app.widgets import fleet_lines as draw
from tui.app.widgets.canvas import LineList
from tui.app.widgets.fleet_lines import Row
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, clip, spread
from tui.app.widgets.run_lines import short_id
from tui.app.widgets.sheet import Sheet
from tui.model import Member, Problem, Wish

ASK_EVERY = 1.0
"""Seconds between two questions to the store, at the least."""

ASK_REST = 4.0
"""How many times as long as it answered the store is left alone."""


class FleetDetails(Dialog[None]):
    """One run or one worker in full, as of a moment."""

    AREA = "fleet_details"
    ACTIONS = (Action("close", "escape,enter,q", "Close", show=1, palette=False),)
    DEFAULT_CSS = "FleetDetails Sheet { height: auto; max-height: 55vh; padding: 0; }"

    def __init__(self, row: Row, now: float) -> None:
        share = row.member.share if row.member else None
        super().__init__(f"Worker {words.clean(share.worker)}" if share else f"Run {words.clean(row.run.run_id)}")
        self._row, self._now = row, now

    def compose_box(self) -> ComposeResult:
        """The page."""
        yield Sheet(lambda width: [clip(line, width) for line in draw.page(self._row, self._now)])

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()


def _there(screen: FleetScreen) -> bool:
    return screen.current is not None


class FleetScreen(BaseScreen):
    """Live runs and their workers, asked for once a second while the screen is on top."""

    AREA = "fleet"
    TITLE = "Fleet"
    ACTIONS = (
        Action("pause", "p", "Pause or resume", show=1, enabled=_there, help="All workers of the run", writes=True),
        Action("stop", "s", "Stop", show=3, enabled=_there, help="All workers of the run; asks first", writes=True),
        Action("details", "d", "Details", show=4, enabled=_there, help="Enter, too"),
        Action("back", "escape", "Back", show=2),
    )
    DEFAULT_CSS = """
    FleetScreen #fleet-head { height: 2; }
    FleetScreen #fleet-titles { height: 1; padding: 0; }
    FleetScreen #fleet-empty { height: auto; display: none; padding: 0 1; color: $text-muted; }
    FleetScreen #fleet-detail { height: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._members: Sequence[Member] = ()
        self._wishes: dict[str, tuple[Wish, float]] = {}
        self.asked = False
        self.error = ""
        self._timer: Timer | None = None
        self._asking = False
        self._uncounted = False
        self._as_of = 0.0

    def compose_body(self) -> ComposeResult:
        """Titles, the list, and what there is to say about the row under the cursor."""
        yield Sheet(self._head, id="fleet-head", focusable=False)
        yield Sheet(self._titles, id="fleet-titles", focusable=False)
        yield Static(Content(self._nobody()), id="fleet-empty")
        yield LineList(self._paint, id="fleet-list")
        yield Sheet(self._detail, id="fleet-detail", focusable=False)

    def _nobody(self) -> str:
        session = self.backfill.session
        if session is None or session.read_only:
            return draw.EMPTY
        settings = session.settings
        return draw.nobody(
            words.clean(session.command), project=bool(settings.project), key_variable=settings.key_variable
        )

    @property
    def _list(self) -> LineList[Row]:
        return self.query_one("#fleet-list", LineList)

    @property
    def current(self) -> Row | None:
        """The run or worker under the cursor."""
        return self._list.current if self.is_mounted else None

    def on_mount(self) -> None:
        """The list has the keys."""
        self._list.focus()

    # Asking the store

    def on_screen_resume(self) -> None:
        """Ask, behind the paint, and go on asking."""
        self.ask()

    def on_screen_suspend(self) -> None:
        """Nobody looks."""
        self._rest()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def ask(self) -> None:
        """Ask the store now, unless it is being asked."""
        self._rest()
        if not self._asking:
            self._asking = True
            start(self, "fleet", self._ask)

    async def _ask(self) -> None:
        began = self.backfill.clock()
        try:
            await self._load()
        finally:
            self._asking = False
        if self.is_active:
            took = self.backfill.clock() - began
            self._timer = self.set_timer(max(ASK_EVERY, ASK_REST * took), self.ask)

    async def _load(self) -> None:
        session = self.backfill.session
        if session is None:
            return
        try:
            began = self.backfill.clock()
            self._members, self.error = await session.store.fleet(), ""
            self._wishes = {run: told for run, told in self._wishes.items() if told[1] > began}
            # Nobody is silent only because the store has not answered since.
            self._as_of = self.backfill.clock()
        except Problem as problem:
            self.error = str(problem)
        self.asked = True
        self._show()
        self._count()

    def _count(self) -> None:
        """Others' work changes the counts, once more after the last of them has gone."""
        self._uncounted = self._uncounted or bool(self.rows)
        if self._uncounted and self.backfill.count_when_due():
            self._uncounted = bool(self.rows)

    def _show(self) -> None:
        """The cursor stays on what it is about, wherever that went."""
        before = self.current
        self.rows = draw.rows(draw.wanting(self._members, {run: wish for run, (wish, _) in self._wishes.items()}))
        place = next((n for n, row in enumerate(self.rows) if before and row.key == before.key), None)
        self._list.show(self.rows)
        if place is not None:
            self._list.cursor = place
        self._tell()
        self.refresh_bindings()

    def _tell(self) -> None:
        self.query_one("#fleet-empty").display = self.asked and not self.rows and not self.error
        for sheet in self.query(Sheet):
            sheet.reflow()

    # Drawing

    def _paint(self, row: Row, width: int) -> Line:
        trickle = self.backfill.trickle
        return draw.paint(row, width, self._as_of, trickle.worker if trickle is not None else "")

    def _head(self, width: int) -> Sequence[Line]:
        if self.error:
            told: Line = (Piece(words.clean(self.error), Ink.BAD),)
        else:
            told = draw.total_line(self.rows, self.asked, self._as_of)
        return (spread((Piece("Fleet", Ink.STRONG),), told, width),)

    def _titles(self, width: int) -> Sequence[Line]:
        return (draw.column_titles(width - 1),) if self.rows else ()

    def _detail(self, width: int) -> Sequence[Line]:
        return BLANK, *draw.detail(self.current, self._as_of, width)

    def on_line_list_moved(self) -> None:
        """Tell about the row under the cursor."""
        self._tell()
        self.refresh_bindings()

    # Actions

    def on_line_list_opened(self) -> None:
        """Enter shows it in full."""
        self.action_details()

    def action_details(self) -> None:
        """Show the run or worker under the cursor in full."""
        if self.current is not None:
            self.app.push_screen(FleetDetails(self.current, self._as_of))

    def _own(self, row: Row) -> bool:
        app = self.backfill
        return app.running and app.trickle is not None and app.trickle.run_id == row.run.run_id

    def action_pause(self) -> None:
        """Pause the run under the cursor for all its workers, or let them go on."""
        row = self.current
        if row is None:
            return
        if self._own(row):
            self.backfill.toggle_pause()
        else:
            self._direct(row, Wish.RUN if row.paused else Wish.PAUSE)

    def action_stop(self) -> None:
        """Stop the run under the cursor for all its workers, once the operator has agreed."""
        row = self.current
        if row is None:
            return
        question = ConfirmScreen(
            f"Stop run {short_id(row.run.run_id)}?",
            f"{words.plural(len(row.members), 'worker')} of {self.backfill.sign.title}: requests in flight end, "
            "what is left is released, and what is stored stays.",
            "Stop the run",
        )

        def answer(agreed: bool | None) -> None:
            if agreed:
                self._direct(row, Wish.STOP)
                if self._own(row):
                    self.backfill.stop_run()

        self.app.push_screen(question, answer)

    def _direct(self, row: Row, wish: Wish) -> None:
        """In a worker of the app: leaving the screen does not end it."""
        start(self.backfill, f"direct {row.run.run_id}", self._direct_run, row.run.run_id, wish)

    async def _direct_run(self, run_id: str, wish: Wish) -> None:
        """A wish shows at once, and until the store has been asked again after it knew of it."""
        session = self.backfill.session
        if session is None:
            return
        self._want(run_id, wish, math.inf)
        try:
            await session.store.direct_run(run_id, wish)
        except Problem:
            self._wishes.pop(run_id, None)
            raise
        self._want(run_id, wish, self.backfill.clock())
        if self.is_active:
            self.ask()

    def _want(self, run_id: str, wish: Wish, told: float) -> None:
        self._wishes[run_id] = wish, told
        if self.is_mounted:
            self._show()

    def action_back(self) -> None:
        """Leave."""
        self.app.pop_screen()
