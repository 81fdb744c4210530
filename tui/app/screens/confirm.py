"""A question before something that cannot be taken back."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from tui.app.actions import Action
from tui.app.screens.dialog import Dialog


class ConfirmScreen(Dialog[bool]):
    """Yes or no, with the focus on Cancel."""

    AREA = "confirm"
    ACTIONS = (
        Action("switch", "left,right,up,down", "Other answer", show=2),
        Action("leave", "escape,n", "Cancel", show=3),
    )
    AUTO_FOCUS = "#no"
    DEFAULT_CSS = """
    ConfirmScreen {
        & #answers { height: 1; margin: 1 0 0 0; }
        & Button {
            background: $panel; color: $foreground; padding: 0 1; margin: 0 2 0 0; min-width: 12; text-style: none;
        }
        & Button:focus { background: $primary; color: $background; text-style: bold; }
    }
    """

    def __init__(self, title: str, text: str, yes: str) -> None:
        super().__init__(title)
        self._text, self._yes = text, yes

    def compose_box(self) -> ComposeResult:
        """The question and its two answers."""
        yield Static(Content(self._text), classes="text")
        with Horizontal(id="answers"):
            yield Button("Cancel", id="no", compact=True)
            yield Button(self._yes, id="yes", compact=True)

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_switch(self) -> None:
        """Go to the other answer."""
        self.focus_next()

    def action_leave(self) -> None:
        """No."""
        self.dismiss(False)
