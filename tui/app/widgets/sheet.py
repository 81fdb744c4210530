"""A still page of lines that scrolls when it has to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.geometry import Size
from textual.strip import Strip

from tui.app.widgets.canvas import Inked
from tui.app.widgets.ink import Line


class Sheet(Inked, can_focus=True):
    """Shows what `compose_lines` gives for its width; the arrow keys scroll."""

    DEFAULT_CSS = """
    Sheet { overflow: hidden auto; scrollbar-gutter: stable; padding: 0 1; }
    Sheet.-still { overflow: hidden hidden; }
    """

    def __init__(
        self, compose_lines: Callable[[int], Sequence[Line]], *, id: str | None = None, focusable: bool = True
    ) -> None:
        super().__init__(id=id, classes="" if focusable else "-still")
        self.can_focus = focusable
        self._compose_lines = compose_lines
        self.lines: Sequence[Line] = ()

    def reflow(self) -> None:
        """Ask for the lines again."""
        width = self.room
        self.lines = self._compose_lines(width) if width else ()
        self.virtual_size = Size(width, len(self.lines))
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Lines depend on the width."""
        self.reflow()

    def render_line(self, y: int) -> Strip:
        """Paint one visible line."""
        row = y + self.scroll_offset.y
        return self.strip(self.lines[row] if row < len(self.lines) else (), self.room)
