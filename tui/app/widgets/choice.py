"""One of a few words, chosen with the arrow keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.reactive import reactive

from tui.app.actions import Action, bindings
from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece


class Choice(Canvas, can_focus=True):
    """Shows the word chosen between two arrows; `paint` draws it."""

    AREA: ClassVar[str] = "choice"
    ACTIONS: ClassVar[tuple[Action, ...]] = (
        Action("other", "right,space", "Another", show=1, palette=False, action="step(1)"),
        Action("before", "left", "The one before", show=4, palette=False, action="step(-1)"),
        Action("next_field", "tab", "Next", show=2, palette=False, action="app.focus_next"),
        Action("leave", "escape", "Back", show=3, palette=False, action="screen.leave"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(AREA, ACTIONS)]
    DEFAULT_CSS = """
    Choice { height: 1; padding: 0 1; background: $panel; }
    Choice:focus { background: $block-cursor-background; }
    """

    value: reactive[str] = reactive("")

    def __init__(self, words: Sequence[str], paint: Callable[[str], Piece], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.words = tuple(words)
        self._paint = paint
        self.set_reactive(Choice.value, self.words[0])

    def draw(self, width: int) -> Sequence[Line]:
        """One line."""
        return ((Piece("◂ ", Ink.ACCENT), self._paint(self.value), Piece(" ▸", Ink.ACCENT)),)

    def watch_value(self) -> None:
        """Show it."""
        self.redraw()

    def action_step(self, by: int) -> None:
        """Take the word before or after, and come round at the ends."""
        self.value = self.words[(self.words.index(self.value) + by) % len(self.words)]
