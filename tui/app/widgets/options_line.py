"""The run options as a line to read, which becomes fields to fill in when somebody wants to change them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import reactive

from tui.app import words
from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece
from tui.app.widgets.options import OptionsBar
from tui.model import RunOptions


class OptionsWords(Canvas):
    """`batch size 10   cap 20   limit 100   pace normal`."""

    options: reactive[RunOptions | None] = reactive(None)

    def draw(self, width: int) -> Sequence[Line]:
        """One line."""
        if self.options is None:
            return ()
        told = (
            ("batch size", f"{self.options.batch_size:,}"),
            ("cap", f"{self.options.max_images:,}"),
            ("limit", f"{self.options.limit:,}"),
            ("pace", self.options.pace),
            *([("bandwidth", f"{words.bandwidth(self.options.bandwidth)}B/s")] if self.options.bandwidth else []),
        )
        return (tuple(piece for name, value in told for piece in (Piece(f"{name} ", Ink.DIM), Piece(f"{value}   "))),)

    def watch_options(self) -> None:
        """Draw them."""
        self.redraw()


class OptionsLine(Vertical):
    """Shows `options`; `begin` puts an `OptionsBar` in place of the words until the operator is done.

    The fields exist only for as long as they are needed: eight widgets cost a screen that comes up 40 ms.
    """

    DEFAULT_CSS = """
    OptionsLine { height: 1; }
    OptionsLine.-editing > OptionsWords { display: none; }
    """

    options: reactive[RunOptions] = reactive(RunOptions)

    def compose(self) -> ComposeResult:
        """The words."""
        yield OptionsWords()

    def watch_options(self) -> None:
        """Show them in either form."""
        for line in self.query(OptionsWords):
            line.options = self.options
        for bar in self.query(OptionsBar):
            bar.options = self.options

    def on_mount(self) -> None:
        """Show what was set before."""
        self.watch_options()

    async def begin(self) -> None:
        """Let the operator edit."""
        if self.query(OptionsBar):
            return
        bar = OptionsBar()
        await self.mount(bar)
        bar.options = self.options
        self.add_class("-editing")
        bar.begin()

    async def on_options_bar_done(self) -> None:
        """Words again; the message goes on to the screen, which gives the focus to something else."""
        self.remove_class("-editing")
        await self.query(OptionsBar).remove()
