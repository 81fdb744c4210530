"""What can be done with a form, as words in a row: one widget, for a button each would slow the screen down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive

from tui.app.actions import Action, bindings
from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece

GAP = 2


class Answers(Canvas, can_focus=True):
    """The words of what can be done; the arrows choose one, enter does it."""

    AREA: ClassVar[str] = "answers"
    ACTIONS: ClassVar[tuple[Action, ...]] = (
        Action("choose", "enter,space", "Do it", show=1, palette=False),
        Action("other", "right", "The other", show=3, palette=False, action="step(1)"),
        Action("before", "left", "The one before", palette=False, action="step(-1)"),
        Action("next_field", "tab", "Next", show=2, palette=False, action="app.focus_next"),
        Action("leave", "escape", "Back", show=4, palette=False, action="screen.leave"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(AREA, ACTIONS)]
    DEFAULT_CSS = "Answers { height: 1; }"

    at: reactive[int] = reactive(0)

    @dataclass
    class Chosen(Message):
        """This is to be done."""

        word: str

    def __init__(self, words: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.words = tuple(words)

    def draw(self, width: int) -> Sequence[Line]:
        """One line, in which the chosen word stands out while the keys are here."""
        line: list[Piece] = []
        for index, word in enumerate(self.words):
            chosen = self.has_focus and index == self.at
            line += [Piece(f"[ {word} ]", Ink.ACCENT if chosen else Ink.PLAIN), Piece(" " * GAP)]
        return (tuple(line),)

    def watch_at(self) -> None:
        """Show it."""
        self.redraw()

    def on_focus(self) -> None:
        """The chosen word shows."""
        self.redraw()

    def on_blur(self) -> None:
        """It does not any more."""
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Do what is under the pointer."""
        start = 0
        for index, word in enumerate(self.words):
            end = start + len(word) + 4
            if start <= event.x < end:
                self.at = index
                self.action_choose()
            start = end + GAP

    def action_step(self, by: int) -> None:
        """Choose the word before or after."""
        self.at = (self.at + by) % len(self.words)

    def action_choose(self) -> None:
        """Tell what is to be done."""
        self.post_message(self.Chosen(self.words[self.at]))
