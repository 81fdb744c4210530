"""Every run there was: when, how it ended, what it did; and the way to run it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult

from tui.app import words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.screens.base import BaseScreen
from tui.app.screens.dialog import Dialog
from tui.app.widgets import history_lines as draw
from tui.app.widgets.canvas import LineList
from tui.app.widgets.ink import Ink, Line, Piece, clip, spread
from tui.app.widgets.sheet import Sheet
from tui.model import Problem, RunRecord, Scope

SHOWN = 200


class RunDetails(Dialog[None]):
    """One run in full, over the list."""

    AREA = "run_details"
    ACTIONS = (Action("close", "escape,enter,q", "Close", show=1, palette=False),)
    DEFAULT_CSS = "RunDetails Sheet { height: auto; max-height: 55vh; padding: 0; }"

    def __init__(self, record: RunRecord, now: float) -> None:
        super().__init__(f"Run {words.clean(record.run_id)}")
        self._record, self._now = record, now

    def compose_box(self) -> ComposeResult:
        """The page."""
        yield Sheet(lambda width: [clip(line, width) for line in draw.details(self._record, self._now)])

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()


class HistoryScreen(BaseScreen):
    """The journal, the newest run first."""

    AREA = "history"
    TITLE = "History"
    ACTIONS = (
        Action("details", "d", "Details", show=2, help="Enter, too"),
        Action(
            "again",
            "r",
            "Run again",
            show=1,
            enabled=lambda screen: screen.current is not None and not screen.backfill.running,
            help="With the same scope and options",
            writes=True,
        ),
        Action("back", "escape", "Back", show=3),
        Action("refresh", "f5", "Look again", group="List"),
    )
    DEFAULT_CSS = """
    HistoryScreen #history-head { height: 2; }
    HistoryScreen #history-titles { height: 1; padding: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: tuple[RunRecord, ...] = ()
        self.asked = False
        self.error = ""

    def compose_body(self) -> ComposeResult:
        """Titles and the list."""
        yield Sheet(self._head, id="history-head", focusable=False)
        yield Sheet(self._titles, id="history-titles", focusable=False)
        yield LineList(self._paint, id="history-list")

    @property
    def _list(self) -> LineList[RunRecord]:
        return self.query_one("#history-list", LineList)

    @property
    def current(self) -> RunRecord | None:
        """The run under the cursor."""
        return self._list.current if self.is_mounted else None

    def on_mount(self) -> None:
        """The list has the keys."""
        self._list.focus()

    def on_screen_resume(self) -> None:
        """Ask the store, behind the paint."""
        self.action_refresh()

    async def _load(self) -> None:
        session = self.backfill.session
        if session is None:
            return
        try:
            self.records = await session.store.runs(SHOWN)
            self.error = ""
        except Problem as problem:
            self.error = str(problem)
        self.asked = True
        self._list.show(self.records)
        for sheet in self.query(Sheet):
            sheet.reflow()
        self.refresh_bindings()

    def _paint(self, record: RunRecord, width: int) -> Line:
        return draw.paint(record, width, self.backfill.clock())

    def _head(self, width: int) -> Sequence[Line]:
        return (spread((Piece("History", Ink.STRONG),), self._said(), width),)

    def _titles(self, width: int) -> Sequence[Line]:
        return (draw.column_titles(width - 1),) if self.records else ()

    def _said(self) -> Line:
        if self.error:
            return (Piece(words.clean(self.error), Ink.BAD),)
        if not self.records:
            return (Piece("there was no run yet" if self.asked else "asking the store …", Ink.DIM),)
        more = "the newest " if len(self.records) == SHOWN else ""
        return (Piece(more + words.plural(len(self.records), "run"), Ink.DIM),)

    def on_line_list_opened(self) -> None:
        """Enter shows one run in full."""
        self.action_details()

    def action_refresh(self) -> None:
        """Ask the store again."""
        start(self, "history", self._load)

    def action_details(self) -> None:
        """Show the run under the cursor in full."""
        if self.current is not None:
            self.app.push_screen(RunDetails(self.current, self.backfill.clock()))

    def action_again(self) -> None:
        """Run with the same scope and options."""
        record = self.current
        if record is not None:
            self.backfill.options = replace(record.options, scope=Scope(), dry_run=False)
            self.backfill.start_run(record.options.scope)

    def action_back(self) -> None:
        """Leave."""
        self.app.pop_screen()
