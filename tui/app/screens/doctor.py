"""The doctor: whether a deployment has what it needs, and the one thing to do about what it lacks."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult

from tui.app import words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.screens.base import BaseScreen
from tui.app.screens.confirm import ConfirmScreen
from tui.app.widgets import doctor_lines as draw
from tui.app.widgets.canvas import LineList
from tui.app.widgets.doctor_lines import Row
from tui.app.widgets.ink import Ink, Line, Piece, chip, clip, line_width, spread
from tui.app.widgets.sheet import Sheet
from tui.model import Finding, Problem
from tui.settings import Settings


class DoctorScreen(BaseScreen):
    """Examines the deployment that is open, or else the one of the settings at hand; or that of given `settings`."""

    AREA = "doctor"
    TITLE = "Doctor"
    ACTIONS = (
        Action(
            "fix",
            "x",
            "Fix",
            show=3,
            enabled=lambda screen: screen.curable is not None,
            help="Let the doctor do it; asks first",
            writes=True,
        ),
        Action("again", "r,f5", "Look again", show=1, enabled=lambda screen: not screen.looking),
        Action("back", "escape", "Back", show=2),
    )
    DEFAULT_CSS = "DoctorScreen #doctor-head { height: 2; }"

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.findings: list[Finding] = []
        self.looking = False
        self.error = ""
        self._given = settings

    @property
    def settings(self) -> Settings:
        """Those of the deployment that is examined."""
        session = self.backfill.session
        return self._given or (session.settings if session is not None else self.backfill.doors.settings)

    @property
    def read_only(self) -> bool:
        """Whether the deployment that is examined may only be looked at."""
        return self.settings.read_only or (self._given is None and self.backfill.read_only)

    @property
    def curable(self) -> Finding | None:
        """The finding that the doctor can do something about: the one under the cursor, else the first."""
        if self.looking or not self.is_mounted:
            return None
        row = self._list.current
        found = [row.finding] if row is not None and row.finding is not None else []
        return next((finding for finding in [*found, *self.findings] if finding.remedy), None)

    def compose_body(self) -> ComposeResult:
        """The sum above the findings."""
        yield Sheet(self._head, id="doctor-head", focusable=False)
        yield LineList(lambda row, _: row.line, rests=lambda row: row.finding is not None, id="doctor-list")

    @property
    def _list(self) -> LineList[Row]:
        return self.query_one("#doctor-list", LineList)

    def on_mount(self) -> None:
        """Look behind the first paint."""
        self._list.focus()
        self.action_again()

    async def _look(self) -> None:
        settings = self.settings
        try:
            async for finding in self.backfill.doors.examine(settings):
                self.findings.append(finding)
                self._show()
        except Problem as problem:
            self.error = str(problem)
        finally:
            self.looking = False
        self._show()

    def _show(self) -> None:
        self._list.show(draw.rows(self.findings, self.looking, self._notice(), self._list.room))
        self.query_one(Sheet).reflow()
        self.refresh_bindings()

    def _notice(self) -> str:
        return self.backfill.notice if self._given is None else ""

    def on_resize(self, event: events.Resize) -> None:
        """Lines are wrapped to the width."""
        self.call_after_refresh(self._show)

    def on_line_list_moved(self) -> None:
        """The finding under the cursor decides what can be done."""
        self.refresh_bindings()

    def _head(self, width: int) -> Sequence[Line]:
        told: Line = draw.summary(self.findings, self.looking)
        if self.error:
            told = (Piece(words.clean(self.error), Ink.BAD),)
        about = clip(self._about(), max(16, width - line_width(told) - 12))
        return (spread((Piece("Doctor   ", Ink.STRONG), *about), told, width),)

    def _about(self) -> Line:
        """Which deployment; the one that is open has its name and colour in the header."""
        settings = self.settings
        name = words.clean(settings.profile) if self._given is not None else ""
        place = Piece(words.clean(settings.project or settings.store), Ink.DIM)
        return (chip(name, settings.color), Piece("  "), place) if name else (place,)

    def action_again(self) -> None:
        """Look at everything anew."""
        self.findings, self.looking, self.error = [], True, ""
        self._show()
        start(self, "doctor", self._look)

    def action_fix(self) -> None:
        """Do what a finding offers, once the operator has agreed."""
        finding = self.curable
        if finding is None:
            return

        def answer(agreed: bool | None) -> None:
            if agreed:
                start(self, "mend", self._mend, self.settings, finding.remedy)

        told = words.clean(f"{finding.text} {finding.advice}")
        self.app.push_screen(ConfirmScreen(f"Fix {words.clean(finding.subject)}?", told, "Fix"), answer)

    async def _mend(self, settings: Settings, remedy: str) -> None:
        done = await self.backfill.doors.mend(settings, remedy)
        self.notify(words.clean(done), markup=False)
        self.action_again()

    def action_back(self) -> None:
        """Leave."""
        self.app.pop_screen()
