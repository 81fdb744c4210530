"""A titled list that can be filtered and sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer

from tui.app.widgets.canvas import Canvas
from tui.app.widgets.field import Field
from tui.app.widgets.ink import Ink, Line, Piece, line_width, spread, yielding
from tui.app.widgets.pager import Column, PagedList

T = TypeVar("T")

SETTLE = 0.12
"""Seconds without a key after which what was typed is asked of the store."""


class Heading(Canvas):
    """The line above a list: its title, and the filter that is on."""

    DEFAULT_CSS = "Heading { width: 1fr; height: 1; }"

    title: reactive[Line] = reactive((), init=False)
    filter: reactive[str] = reactive("", init=False)
    shown: reactive[int] = reactive(0, init=False)
    editing: reactive[bool] = reactive(False, init=False)

    def draw(self, width: int) -> Sequence[Line]:
        """Title left, filter right; a long name gives way to the numbers behind it."""
        said = self._filter_words()
        title = yielding(self.title, width - line_width(said) - 1)
        return (spread(title, said, width),)

    def _filter_words(self) -> Line:
        shown = Piece(f"  {self.shown:,} shown", Ink.DIM)
        if self.editing:
            return shown, Piece("  / ", Ink.ACCENT)
        if not self.filter:
            return ()
        return Piece(f"/{self.filter}", Ink.ACCENT), shown, Piece("  esc clears", Ink.DIM)

    def watch_title(self) -> None:
        """Paint it."""
        self.redraw()

    def watch_filter(self) -> None:
        """Paint it."""
        self.redraw()

    def watch_editing(self) -> None:
        """Paint it."""
        self.redraw()

    def watch_shown(self) -> None:
        """Paint it."""
        self.redraw()


class Pane(Vertical, Generic[T]):
    """A heading over a paged list. `filter` and `order` (a sort key and whether it descends) are asked of the store.

    `nothing` is what an empty list says.
    """

    DEFAULT_CSS = """
    Pane {
        & > .pane-top { height: 1; padding: 0 0 0 3; }
        & > .pane-top > Field { display: none; width: 18; background: $panel; padding: 0 1; }
        &.-filtering > .pane-top > Field { display: block; }
        & > PagedList { height: 1fr; }
    }
    """

    filter: reactive[str] = reactive("", init=False)
    order: reactive[tuple[str, bool]] = reactive(("", False), init=False)
    nothing: reactive[str] = reactive("", init=False)

    @dataclass
    class Asked(Message):
        """Another filter or another order is wanted."""

        pane: Pane[Any]

    def __init__(
        self,
        columns: Sequence[Column[T]],
        key: Callable[[T], str],
        orders: Sequence[tuple[str, bool]],
        *,
        id: str,
    ) -> None:
        super().__init__(id=id)
        self.pager: PagedList[T] = PagedList(columns, key, id=f"{id}-list")
        self.heading = Heading()
        self._field = Field(placeholder="filter", id=f"{id}-filter")
        self._orders = orders
        self._settling: Timer | None = None
        self.set_reactive(Pane.order, orders[0])

    def compose(self) -> ComposeResult:
        """Heading and filter on one line, the list below."""
        with Horizontal(classes="pane-top"):
            yield self.heading
            yield self._field
        yield self.pager

    def on_mount(self) -> None:
        """Show the order there is."""
        self.pager.sorted_by = self.order

    def begin_filter(self) -> None:
        """Let the operator type a filter."""
        self._edit(True)
        self._field.value = self.filter
        self._field.focus()

    def clear_filter(self) -> None:
        """Show everything again."""
        self._field.value = ""
        self._ask_filter("")

    def next_order(self) -> None:
        """Sort by the next column."""
        keys = [key for key, _ in self._orders]
        self.order = self._orders[(keys.index(self.order[0]) + 1) % len(keys)]

    def reverse_order(self) -> None:
        """Sort the other way round."""
        self.order = (self.order[0], not self.order[1])

    def watch_order(self, order: tuple[str, bool]) -> None:
        """Show and ask for the new order."""
        self.pager.sorted_by = order
        self.post_message(self.Asked(self))

    def watch_filter(self, filter: str) -> None:
        """Show and ask for the new filter."""
        self.heading.filter = filter
        self._say_nothing()
        self.post_message(self.Asked(self))

    def watch_nothing(self) -> None:
        """Say it where there is no row."""
        self._say_nothing()

    def _say_nothing(self) -> None:
        found = f"Nothing holds {self.filter!r}: esc clears the filter."
        self.pager.empty = found if self.filter else self.nothing

    def on_paged_list_sorted(self, event: PagedList.Sorted) -> None:
        """A click on a column sorts by it, another one reverses."""
        event.stop()
        if event.sort == self.order[0]:
            self.reverse_order()
        else:
            self.order = next(order for order in self._orders if order[0] == event.sort)

    def on_paged_list_loaded(self) -> None:
        """Say how many rows the filter leaves."""
        self.heading.shown = self.pager.total

    def on_input_changed(self, event: Field.Changed) -> None:
        """Filter once the typing pauses."""
        event.stop()
        if self._settling is not None:
            self._settling.stop()
        if self._field.has_focus:
            self._settling = self.set_timer(SETTLE, self._settled)

    def _settled(self) -> None:
        self._ask_filter(self._field.value)

    def _ask_filter(self, text: str) -> None:
        if self._settling is not None:
            self._settling.stop()
        self.filter = text.strip()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """Enter keeps the filter."""
        event.stop()
        self._ask_filter(self._field.value)
        self._end_filter()

    def on_field_left(self, event: Field.Left) -> None:
        """Escape gives it up."""
        event.stop()
        self.clear_filter()
        self._end_filter()

    def _end_filter(self) -> None:
        self.pager.focus()
        self._edit(False)

    def on_input_blurred(self, event: Field.Blurred) -> None:
        """Whoever leaves the field by other ways keeps the filter too."""
        event.stop()
        self._edit(False)

    def _edit(self, editing: bool) -> None:
        self.heading.editing = editing
        self.set_class(editing, "-filtering")
