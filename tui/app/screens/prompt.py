"""A question that is answered with one line of text."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.app.screens.dialog import Dialog
from tui.app.widgets.field import Field


class PromptScreen(Dialog[str]):
    """One field; the answer is its text, or None after Escape."""

    AREA = "prompt"

    def __init__(self, title: str, label: str, value: str = "", hint: str = "") -> None:
        super().__init__(title)
        self._label, self._value, self._hint = label, value, hint

    def compose_box(self) -> ComposeResult:
        """A hint, the label, the field."""
        if self._hint:
            yield Static(Content(self._hint), classes="text")
        yield Static(Content(self._label), classes="label")
        yield Field(self._value)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """An empty answer is none."""
        text = event.value.strip()
        if text:
            self.dismiss(text)
