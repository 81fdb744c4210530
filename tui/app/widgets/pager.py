"""A list that holds a page or two of what it shows: a million rows cost what a page costs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from tui.app import words
from tui.app.background import start
from tui.app.widgets.canvas import LIST_KEYS, Inked
from tui.app.widgets.ink import Ink, Line, Piece, clip, left, line_width, right
from tui.model import Page, Problem

T = TypeVar("T")

PAGE = 100
KEPT_PAGES = 32
GUTTER = 3
"""Cells at the left for the cursor and the mark."""

GAP = 2

Fetch = Callable[[int, int], Awaitable[Page[T]]]
"""Offset and limit to a page."""


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column: at least `width` cells wide, growing by weight `grow` up to `most`; the highest `drop` goes first."""

    title: str
    width: int
    paint: Callable[[T], Line]
    right: bool = False
    grow: int = 0
    most: int = 1_000
    drop: int = 0
    sort: str = ""


def fit(columns: Sequence[Column[T]], width: int) -> list[tuple[Column[T], int]]:
    """The columns that fit, with the cells that each gets."""
    kept = list(columns)
    while len(kept) > 1 and _needed(kept) > width:
        victim = max(kept, key=lambda column: column.drop)
        if not victim.drop:
            break
        kept.remove(victim)
    return _grown(kept, width - _needed(kept))


def _needed(columns: Sequence[Column[T]]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _grown(columns: Sequence[Column[T]], spare: int) -> list[tuple[Column[T], int]]:
    """Hand out what is left of the line, and take from the growing columns what is missing."""
    sizes = []
    weights = sum(column.grow for column in columns)
    for column in columns:
        share = spare * column.grow // weights if column.grow else 0
        size = max(4, min(column.most, column.width + share)) if column.grow else column.width
        spare -= size - column.width
        weights -= column.grow
        sizes.append((column, size))
    return sizes


class PagedList(Inked, Generic[T], can_focus=True):
    """Rows fetched by the page in a worker, under a line of column titles.

    `show` says where rows come from and `key` what tells them apart: marks are a set of keys, and the cursor follows
    its row through a refresh. A row that is not here yet is drawn as a dot.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LIST_KEYS]

    cursor: reactive[int] = reactive(0)
    marks: reactive[frozenset[str]] = reactive(frozenset())
    sorted_by: reactive[tuple[str, bool]] = reactive(("", False))
    empty: reactive[str] = reactive("")

    @dataclass
    class Said(Message):
        """What all messages of a list have: the list, for handlers that select by it."""

        pager: PagedList[Any]

        @property
        def control(self) -> PagedList[Any]:
            """The list."""
            return self.pager

    class Moved(Said):
        """The cursor stands on another row."""

    class Opened(Said):
        """Enter or a second click on the row under the cursor."""

    class Marked(Said):
        """A click on the mark of the row under the cursor."""

    @dataclass
    class Sorted(Said):
        """A click on the title of a column that can be sorted by."""

        sort: str

    class Loaded(Said):
        """The first rows of what `show` asked for are here."""

    def __init__(self, columns: Sequence[Column[T]], key: Callable[[T], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns = columns
        self.total = 0
        self.error = ""
        self._key = key
        self._fetch: Fetch[T] | None = None
        self._pages: OrderedDict[int, tuple[T, ...]] = OrderedDict()
        self._generation = 0
        self._fetching = False
        self._announced: str | None = None

    @property
    def current(self) -> T | None:
        """The row under the cursor, once it is here."""
        return self.row(self.cursor)

    @property
    def body_height(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height - 1)

    def row(self, index: int) -> T | None:
        """A row, if its page is here."""
        page = self._pages.get(index // PAGE, ())
        return page[index % PAGE] if 0 <= index % PAGE < len(page) and index >= 0 else None

    async def every_row(self, most: int) -> AsyncIterator[T]:
        """All rows in order, at most so many, asked of the store by larger pages than the screen needs."""
        offset = 0
        while self._fetch is not None and offset < most:
            page = await self._fetch(offset, min(1_000, most - offset))
            for row in page.rows:
                yield row
            offset += len(page.rows)
            if not page.rows or offset >= page.total:
                return

    def show(self, fetch: Fetch[T], *, stay: bool = False) -> None:
        """Show other rows from the top, or with `stay` the same rows as they are now; the old ones stay till then."""
        self._fetch = fetch
        self._generation += 1
        start(self, "reload", self._reload, fetch, stay)

    def clear(self) -> None:
        """Show nothing."""
        self._fetch = None
        self._generation += 1
        self._replace({}, stay=False)

    async def _reload(self, fetch: Fetch[T], stay: bool) -> None:
        generation = self._generation
        wanted = sorted(self._sight()) if stay else [0]
        try:
            pages = {page: await fetch(page * PAGE, PAGE) for page in wanted}
        except Problem as problem:
            self._fail(str(problem))
            return
        if generation == self._generation:
            self._replace(pages, stay)

    def _replace(self, pages: dict[int, Page[T]], stay: bool) -> None:
        anchor = self._announced if stay else None
        self.error = ""
        self._pages = OrderedDict((index, page.rows) for index, page in pages.items())
        self._measure(max((page.total for page in pages.values()), default=0))
        self.cursor = self._index_of(anchor) if anchor is not None else 0
        if not stay:
            self.scroll_to(y=0, animate=False, force=True, immediate=True)
            self._announced = self._current_key()
            self.post_message(self.Moved(self))
        self.refresh()
        self._announce()
        self.post_message(self.Loaded(self))

    def _index_of(self, key: str) -> int:
        for page, rows in self._pages.items():
            for index, row in enumerate(rows):
                if self._key(row) == key:
                    return page * PAGE + index
        return min(self.cursor, max(0, self.total - 1))

    def _measure(self, total: int) -> None:
        self.total = total
        self.virtual_size = Size(1, total + 1)

    def _fail(self, error: str) -> None:
        self.error = error
        self.refresh()

    def _sight(self) -> set[int]:
        """The pages in sight, and the cursor's."""
        top = int(self.scroll_offset.y)
        last = min(top + self.body_height, max(1, self.total)) - 1
        return {*range(top // PAGE, max(top, last) // PAGE + 1), self.cursor // PAGE}

    def _want(self) -> None:
        if not self._fetching and self._fetch is not None:
            self._fetching = True
            start(self, "pages", self._catch_up)

    async def _catch_up(self) -> None:
        """Fetch what is in sight, and look again: however fast somebody scrolls, one query is under way at a time."""
        try:
            while self._fetch is not None and (missing := self._missing()) is not None:
                generation = self._generation
                page = await self._fetch(missing * PAGE, PAGE)
                if generation == self._generation:
                    self._keep(missing, page)
        except Problem as problem:
            self._fail(str(problem))
        finally:
            self._fetching = False

    def _missing(self) -> int | None:
        return next((page for page in sorted(self._sight()) if page not in self._pages), None)

    def _keep(self, index: int, page: Page[T]) -> None:
        self._pages[index] = page.rows
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        if page.total != self.total:
            self._measure(page.total)
            self.cursor = min(self.cursor, max(0, page.total - 1))
        self.refresh()
        self._announce()

    def _announce(self) -> None:
        """Tell about the row under the cursor once it is here and another than before."""
        key = self._current_key()
        if key != self._announced and (key is not None or not self.total):
            self._announced = key
            self.post_message(self.Moved(self))

    def _current_key(self) -> str | None:
        row = self.current
        return None if row is None else self._key(row)

    # Keys and pointer

    def validate_cursor(self, cursor: int) -> int:
        """Within the rows there are."""
        return max(0, min(cursor, self.total - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        """Paint both rows again and keep the new one in sight."""
        self._refresh_row(before)
        self._refresh_row(now)
        top = int(self.scroll_offset.y)
        if now < top:
            self.scroll_to(y=now, animate=False, force=True, immediate=True)
        elif now >= top + self.body_height:
            self.scroll_to(y=now - self.body_height + 1, animate=False, force=True, immediate=True)
        self._announce()
        if self.current is None and self.total:
            self._want()

    def _refresh_row(self, index: int) -> None:
        y = index - int(self.scroll_offset.y) + 1
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def action_move(self, step: int) -> None:
        """Move by one row."""
        self.cursor += step

    def action_page(self, step: int) -> None:
        """Move by one screen."""
        self.cursor += step * max(1, self.body_height - 1)

    def action_edge(self, step: int) -> None:
        """Move to the first or last row."""
        self.cursor = self.total - 1 if step > 0 else 0

    def action_open(self) -> None:
        """Tell that the current row is to be opened."""
        if self.current is not None:
            self.post_message(self.Opened(self))

    def on_click(self, event: events.Click) -> None:
        """Sort by a column, mark, or put the cursor on a row; a second click opens it."""
        if event.y == 0:
            self._sort_at(event.x)
            return
        index = event.y - 1 + int(self.scroll_offset.y)
        if index >= self.total:
            return
        self.cursor = index
        if event.x < GUTTER:
            self.post_message(self.Marked(self))
        elif event.chain > 1:
            self.action_open()

    def _sort_at(self, x: int) -> None:
        start = GUTTER
        for column, size in self._fitted():
            if start <= x < start + size + GAP and column.sort:
                self.post_message(self.Sorted(self, column.sort))
            start += size + GAP

    def on_focus(self) -> None:
        """The cursor looks different in the focused list."""
        self._refresh_row(self.cursor)

    def on_blur(self) -> None:
        """The cursor looks different in the focused list."""
        self._refresh_row(self.cursor)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.watch_cursor(self.cursor, self.cursor)

    # Painting

    def _fitted(self) -> list[tuple[Column[T], int]]:
        return fit(self.columns, self.size.width - GUTTER - GAP)

    def render_line(self, y: int) -> Strip:
        """The titles, or one row in sight."""
        width = self.size.width
        if y == 0:
            return self.strip(self._titles(), width)
        index = y - 1 + int(self.scroll_offset.y)
        if index < self.total:
            return self.strip(self._row_line(index), width, self._under(index))
        return self.strip(self._words_below() if index == self.total == 0 else (), width)

    def _words_below(self) -> Line:
        text, ink = (words.clean(self.error), Ink.BAD) if self.error else (self.empty, Ink.DIM)
        return Piece(" " * GUTTER), Piece(text, ink)

    def _titles(self) -> Line:
        sort, descending = self.sorted_by
        line = [Piece(" " * GUTTER)]
        for column, size in self._fitted():
            chosen = bool(column.sort) and column.sort == sort
            space = " " if len(column.title) + 2 <= size else ""
            arrow = f"{space}{'↓' if descending else '↑'}" if chosen else ""
            align = right if column.right else left
            line.append(Piece(align(column.title + arrow, size) + " " * GAP, Ink.PLAIN if chosen else Ink.DIM))
        return tuple(line)

    def _row_line(self, index: int) -> Line:
        row = self.row(index)
        if row is None:
            self._want()
            return Piece(" " * GUTTER), Piece("·", Ink.FAINT)
        bar = Piece("▌" if index == self.cursor and self.has_focus else " ", Ink.ACCENT)
        mark = Piece("✓ " if self._key(row) in self.marks else "  ", Ink.ACCENT)
        return (bar, mark, *(piece for column, size in self._fitted() for piece in self._cell(column, size, row)))

    def _cell(self, column: Column[T], size: int, row: T) -> Line:
        line = clip(column.paint(row), size)
        blank = Piece(" " * (size - line_width(line)))
        return (blank, *line, Piece(" " * GAP)) if column.right else (*line, blank, Piece(" " * GAP))

    def _under(self, index: int) -> Style | None:
        if index != self.cursor:
            return None
        return self.get_component_rich_style("ink--cursor" if self.has_focus else "ink--cursor-blurred", partial=True)
