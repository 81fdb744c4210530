"""A small page over the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.app.actions import Action, bindings, state_of
from tui.app.widgets.field import Field
from tui.app.widgets.footer import ActionFooter

if TYPE_CHECKING:
    from tui.app.app import BackfillApp

T = TypeVar("T")


class Dialog(ModalScreen[T], Generic[T]):
    """A titled box with its own keys in its last line; declare `AREA` and `ACTIONS`, and yield from `compose_box`."""

    AREA: ClassVar[str] = "dialog"
    ACTIONS: ClassVar[tuple[Action, ...]] = ()

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        & > #box {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 94%;
            background: $surface;
            padding: 1 3;
        }
        & .title { text-style: bold; margin: 0 0 1 0; }
        & .label { color: $text-muted; margin: 1 0 0 0; }
        & .text { color: $text-muted; }
        & .error { color: $error; }
        & Field { background: $panel; padding: 0 1; }
        & Field:focus { background: $block-cursor-background; }
        & ActionFooter { dock: none; background: transparent; padding: 0; margin: 1 0 0 0; }
    }
    """

    def __init_subclass__(cls, **kwargs: bool) -> None:
        cls.BINDINGS = [*bindings(cls.AREA, cls.ACTIONS)]
        super().__init_subclass__(**kwargs)

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    @property
    def backfill(self) -> BackfillApp:
        """The app, with its own type."""
        return cast("BackfillApp", self.app)

    def compose(self) -> ComposeResult:
        """Title, the dialog's own middle, keys."""
        with Vertical(id="box"):
            yield Static(Content(self._title), classes="title")
            yield from self.compose_box()
            yield ActionFooter()

    def compose_box(self) -> ComposeResult:
        """The widgets between title and keys."""
        yield from ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now and hide what may not be done at all, as the registry says."""
        return state_of(self, self.ACTIONS, action, read_only=self.backfill.read_only)

    def on_field_left(self, event: Field.Left) -> None:
        """Escape in a field leaves the dialog."""
        event.stop()
        self.action_leave()

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
