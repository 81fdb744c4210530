"""What all full screens share: header above, actions below, and a word when the terminal is too small."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from tui.app.actions import Action, bindings, state_of
from tui.app.widgets.footer import ActionFooter
from tui.app.widgets.header import StatusHeader

if TYPE_CHECKING:
    from tui.app.app import BackfillApp

LEAST_WIDTH, LEAST_HEIGHT = 60, 18

WIDE, BROAD = 120, 150
"""Columns from which two lists stand side by side with what matters of them, and from which with all of it."""


class BaseScreen(Screen[None]):
    """A screen of the app: declare `AREA`, `TITLE` and `ACTIONS`, and yield the middle from `compose_body`.

    The bindings come from `ACTIONS` alone. The screen has the class `-wide` from 120 columns, or `-broad` from 150,
    `-narrow` below, `-tall` from 34 rows and `-short` below 22.
    """

    AREA: ClassVar[str] = "app"
    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - declared as such by Textual
        (0, "-thin"),
        (LEAST_WIDTH, "-narrow"),
        (WIDE, "-wide"),
        (BROAD, "-broad"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - declared as such by Textual
        (0, "-flat"),
        (LEAST_HEIGHT, "-short"),
        (22, "-medium"),
        (34, "-tall"),
    ]

    def __init_subclass__(cls, **kwargs: bool) -> None:
        cls.BINDINGS = [*bindings(cls.AREA, cls.ACTIONS)]
        super().__init_subclass__(**kwargs)

    @property
    def backfill(self) -> BackfillApp:
        """The app, with its own type."""
        return cast("BackfillApp", self.app)

    @property
    def read_only(self) -> bool:
        """Whether what the screen is about may only be looked at."""
        return self.backfill.read_only

    def compose(self) -> ComposeResult:
        """Header, the screen's own middle, footer."""
        yield StatusHeader()
        yield from self.compose_body()
        yield ActionFooter()
        yield Static(f"This window is too small: {LEAST_WIDTH} columns by {LEAST_HEIGHT} rows are needed.", id="small")

    def compose_body(self) -> ComposeResult:
        """The widgets between header and footer."""
        yield from ()

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was on top."""
        for header in self.query(StatusHeader):
            header.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now and hide what may not be done at all, as the registry says."""
        return state_of(self, self.ACTIONS, action, read_only=self.read_only)
