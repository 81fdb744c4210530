"""Widgets that draw lines by themselves: one node, however many lanes, bars or rows it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.app.widgets.ink import Ink, Line, clip, line_width
from tui.app.widgets.palette import ink_style

T = TypeVar("T")


class Inked(ScrollView, can_focus=False):
    """A line-drawing widget that knows the inks."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"ink--cursor", "ink--cursor-blurred"}

    DEFAULT_CSS = """
    Inked {
        background: transparent;
        scrollbar-size-vertical: 1;
        & > .ink--cursor { background: $block-cursor-background; }
        & > .ink--cursor-blurred { background: $block-cursor-blurred-background; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        self._styles_of_inks: dict[Ink, Style] = {}
        super().__init__(id=id, classes=classes)

    @property
    def room(self) -> int:
        """Cells for a line beside the scrollbar."""
        return self.scrollable_content_region.width

    def strip(self, line: Line, width: int, under: Style | None = None) -> Strip:
        """A line in exactly `width` cells; `under` is laid over its colours, as a cursor is."""
        segments = [Segment(text, self._style(ink, under)) for text, ink in line]
        return Strip(segments).adjust_cell_length(width, self._style(Ink.PLAIN, under))

    def _style(self, ink: Ink, under: Style | None) -> Style:
        style = self._styles_of_inks.get(ink)
        if style is None:
            style = ink_style(ink, self.app.theme_variables, self.background_colors[1])
            self._styles_of_inks[ink] = style
        if under is None or ink.opaque:
            return style
        # Reversed, a colour of the terminal's own would be a block of it.
        return self._style(Ink.PLAIN, None) + under if under.reverse and ink is not Ink.PLAIN else style + under

    def notify_style_update(self) -> None:
        """Another theme has other inks."""
        self._styles_of_inks.clear()
        super().notify_style_update()


class Drawn(Inked):
    """Lines that change often: after a `redraw` only those that differ are painted again.

    It may have padding, but neither a border nor an opacity: its lines go past Textual's cache, which would look all of
    these up for each of them.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        self._strips: dict[int, Strip] = {}
        self._shades: dict[Ink | None, Style] = {}
        super().__init__(id=id, classes=classes)
        self.lines: Sequence[Line] = ()

    def draw(self, width: int) -> Sequence[Line]:
        """The lines in sight, in this width."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw, and paint what changed."""
        before, self.lines = self.lines, self.draw(self.room)
        if len(before) != len(self.lines):
            self._strips.clear()
            self.fit()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, self.lines, strict=True)) if old != new]
        if changed:
            self._repaint(changed)

    def fit(self) -> None:
        """Paint another number of lines."""
        self.refresh()

    def _repaint(self, rows: Sequence[int]) -> None:
        """Paint some lines from edge to edge: the compositor would cut a part of one out of its strip every time."""
        padding, width = self.styles.padding, self.outer_size.width
        for y in rows:
            self._strips.pop(y + padding.top, None)
        self.refresh(*(Region(-padding.left, y, width, 1) for y in rows))

    def on_resize(self, event: events.Resize) -> None:
        """Draw again for the new width."""
        self.redraw()

    def notify_style_update(self) -> None:
        """Another theme has other inks, another class other padding."""
        self._strips.clear()
        self._shades.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The strips of a part, of which those that did not change are still here."""
        width = self.outer_size.width
        strips = [self._edge_to_edge(y, width) for y in crop.line_range]
        if crop.column_span == (0, width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def _edge_to_edge(self, y: int, width: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != width:
            strip = self._strips[y] = self._painted(y, width)
        return strip

    def _painted(self, y: int, width: int) -> Strip:
        """A line with its padding, in the colours that the terminal has: made in one go, for strips are not cheap."""
        top, right, _, left = self.styles.padding
        line = self.lines[y - top] if top <= y < top + len(self.lines) else ()
        room = width - left - right
        rest = room - line_width(line)
        start, end = self._blank(left, None), [*self._blank(rest, Ink.PLAIN), *self._blank(right, None)]
        pieces = line if rest >= 0 else clip(line, room)
        return Strip([*start, *(Segment(text, self._shade(ink)) for text, ink in pieces), *end], width)

    def _blank(self, width: int, ink: Ink | None) -> tuple[Segment, ...]:
        return (Segment(" " * width, self._shade(ink)),) if width > 0 else ()

    def _shade(self, ink: Ink | None) -> Style:
        """The style of an ink, or of the ground alone, after the app's filters."""
        style = self._shades.get(ink)
        if style is None:
            ground = self.background_colors[1]
            style = Style(bgcolor=ground.rich_color) if ink is None else self._style(ink, None)
            segments = [Segment(" ", style)]
            for each in self.get_line_filters():
                segments = each.apply(segments, ground)
            style = self._shades[ink] = segments[0].style or Style.null()
        return style


class Canvas(Drawn):
    """As many lines as it draws, whatever room that takes."""

    DEFAULT_CSS = "Canvas { height: auto; overflow: hidden hidden; }"

    def fit(self) -> None:
        """Take more room or less."""
        self.virtual_size = Size(self.size.width, len(self.lines))
        self.refresh(layout=True)


LIST_KEYS: tuple[BindingType, ...] = (
    Binding("up,k", "move(-1)", "Up", show=False, id="list.up"),
    Binding("down,j", "move(1)", "Down", show=False, id="list.down"),
    Binding("pageup", "page(-1)", "Page up", show=False, id="list.page_up"),
    Binding("pagedown", "page(1)", "Page down", show=False, id="list.page_down"),
    Binding("home,g", "edge(-1)", "First", show=False, id="list.first"),
    Binding("end,G", "edge(1)", "Last", show=False, id="list.last"),
    Binding("enter", "open", "Open", show=False, id="list.open"),
)
"""The keys of every list; each says itself what moving means."""


class LineList(Inked, Generic[T], can_focus=True):
    """A list of values of which only the visible ones are painted; `rests` says on which the cursor may stand."""

    DEFAULT_CSS = "LineList { height: 1fr; overflow: hidden auto; scrollbar-gutter: stable; }"

    BINDINGS: ClassVar[list[BindingType]] = [*LIST_KEYS]

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Opened(Message):
        """Enter or a second click on the row under the cursor."""

        list: LineList[object]

    @dataclass
    class Moved(Message):
        """The cursor stands on another row."""

        list: LineList[object]

    def __init__(
        self,
        paint: Callable[[T, int], Line],
        *,
        rests: Callable[[T], bool] = lambda _: True,
        empty: Line = (),
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.rows: list[T] = []
        self.empty = empty
        self._paint = paint
        self._rests = rests

    @property
    def current(self) -> T | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, rows: Iterable[T]) -> None:
        """Show these rows in place of those before; the cursor keeps its place as far as it can."""
        self.rows = list(rows)
        self._measure()
        self.cursor = self._resting(min(self.cursor, max(0, len(self.rows) - 1)), 1)

    def extend(self, rows: Iterable[T]) -> None:
        """Add rows at the end."""
        first = not self.rows
        self.rows.extend(rows)
        self._measure()
        if first:
            self.cursor = self._resting(0, 1)

    def _measure(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows))
        self.refresh()

    def _resting(self, index: int, step: int) -> int:
        """The nearest row from `index` on in the direction of `step` where the cursor may stand, else behind it."""
        down, up = range(index, len(self.rows)), range(min(index, len(self.rows) - 1), -1, -1)
        places = (*down, *up) if step > 0 else (*up, *down)
        return next((place for place in places if self._rests(self.rows[place])), 0)

    def watch_cursor(self, before: int, now: int) -> None:
        """Paint both rows again and keep the new one in sight."""
        self.refresh_line(before)
        self.refresh_line(now)
        top = self._heading_above(now)
        self.scroll_to_region(Region(0, top, 1, now - top + 1), animate=False, force=True)
        self.post_message(self.Moved(self))  # type: ignore[arg-type]

    def _heading_above(self, index: int) -> int:
        """The first of the headings right above: a heading comes into sight with its first row."""
        while index and not self._rests(self.rows[index - 1]):
            index -= 1
        return index

    def action_move(self, step: int) -> None:
        """Move by one row."""
        target = self.cursor + step
        if 0 <= target < len(self.rows):
            self.cursor = self._resting(target, step)

    def action_page(self, step: int) -> None:
        """Move by one screen."""
        target = self.cursor + step * max(1, self.size.height - 1)
        self._go(target, step)

    def action_edge(self, step: int) -> None:
        """Move to the first or last row."""
        self._go(len(self.rows) - 1 if step > 0 else 0, -step)

    def _go(self, target: int, step: int) -> None:
        if self.rows:
            self.cursor = self._resting(max(0, min(target, len(self.rows) - 1)), step)

    def action_open(self) -> None:
        """Tell that the current row is to be opened."""
        if self.current is not None:
            self.post_message(self.Opened(self))  # type: ignore[arg-type]

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row; a second click opens it."""
        row = event.y + self.scroll_offset.y
        if row >= len(self.rows) or not self._rests(self.rows[row]):
            return
        self.cursor = row
        if event.chain > 1:
            self.action_open()

    def on_focus(self) -> None:
        """The cursor looks different in the focused list."""
        self.refresh_line(self.cursor)

    def on_blur(self) -> None:
        """The cursor looks different in the focused list."""
        self.refresh_line(self.cursor)

    def render_line(self, y: int) -> Strip:
        """Paint one visible row."""
        width = self.room
        row = y + self.scroll_offset.y
        if row >= len(self.rows):
            return self.strip(self.empty if not self.rows and y == 0 else (), width)
        return self.strip(self._paint(self.rows[row], width), width, self._under(row))

    def _under(self, row: int) -> Style | None:
        if row != self.cursor or not self._rests(self.rows[row]):
            return None
        name = "ink--cursor" if self.has_focus else "ink--cursor-blurred"
        return self.get_component_rich_style(name, partial=True)
