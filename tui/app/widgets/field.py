"""A one-line input that says what its keys do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input

from tui.app.actions import Action, bindings
from tui.settings import Secret


class Field(Input):
    """An input without a border whose actions show in the footer while it has the focus."""

    AREA: ClassVar[str] = "field"
    ACTIONS: ClassVar[tuple[Action, ...]] = (
        Action("submit", "enter", "Apply", show=1, palette=False),
        Action("leave", "escape", "Back", show=2, palette=False),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(AREA, ACTIONS)]
    ALLOW_SELECT = False

    @dataclass
    class Left(Message):
        """Escape was pressed."""

        field: Field

        @property
        def control(self) -> Field:
            """The field, for handlers that select by it."""
            return self.field

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True)
        self.cursor_blink = False

    def action_leave(self) -> None:
        """Tell that the operator wants out."""
        self.post_message(self.Left(self))


class FormField(Field):
    """One of several fields that are sent together."""

    AREA = "form"
    ACTIONS = (
        Action("submit", "enter", "Open", show=1, palette=False),
        Action("next_field", "tab", "Next", show=2, palette=False, action="app.focus_next"),
        Action("leave", "escape", "Back", show=3, palette=False),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(AREA, ACTIONS)]


class KeyField(FormField):
    """A field for a secret: dots on screen, and neither its messages nor the clipboard ever hold what was typed."""

    class Changed(Input.Changed, namespace="input"):
        """Something was typed."""

        def __repr__(self) -> str:
            return "Changed(***)"

    class Submitted(Input.Submitted, namespace="input"):
        """Enter was pressed."""

        def __repr__(self) -> str:
            return "Submitted(***)"

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id)
        self.password = True

    @property
    def secret(self) -> Secret:
        """What was typed, without the white space round it."""
        return Secret(self.value.strip())

    def action_copy(self) -> None:
        """A secret is not copied."""

    def action_cut(self) -> None:
        """A secret is not copied."""


class OptionField(Field):
    """One option of a run: `parse` turns its text into the value and raises ValueError with a sentence."""

    AREA = "option"
    ACTIONS = (
        Action("submit", "enter", "Apply", show=1, palette=False),
        Action("leave", "escape", "Restore", show=2, palette=False),
        Action("step_up", "up", "More", show=3, palette=False, action="step(1)"),
        Action("step_down", "down", "Less", show=4, palette=False, action="step(-1)"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(AREA, ACTIONS)]

    def __init__(self, name: str, step: Callable[[str, int], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.option = name
        self._step = step

    def action_step(self, by: int) -> None:
        """Take the next value up or down."""
        self.value = self._step(self.value, by)
        self.cursor_position = len(self.value)


def step_number(text: str, by: int) -> str:
    """One more or one less; from 20 on by tens, from 200 on by hundreds, and so on."""
    try:
        number = int(text.replace(",", ""))
    except ValueError:
        return text
    size = 1
    while number >= size * 20 + (0 if by > 0 else 1):
        size *= 10
    return str(max(1, number + by * size))


def step_choice(choices: tuple[str, ...]) -> Callable[[str, int], Any]:
    """The next or the previous of some words, without going round."""

    def step(text: str, by: int) -> str:
        index = choices.index(text) if text in choices else 0
        return choices[max(0, min(index + by, len(choices) - 1))]

    return step
