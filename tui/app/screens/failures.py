"""What was refused or deferred, by host and reason, and the ways to try it again."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

from textual.app import ComposeResult

from tui.app import words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.screens.base import BaseScreen
from tui.app.screens.confirm import ConfirmScreen
from tui.app.widgets import failure_lines as draw
from tui.app.widgets.canvas import LineList
from tui.app.widgets.failure_lines import Order
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, spread
from tui.app.widgets.sheet import Sheet
from tui.model import Problem, RefusalGroup, Snapshot

ROOMY = 76

FOLLOW_EVERY = 2.0
"""Seconds between two questions to the store while a run goes on, at the least."""

FOLLOW_REST = 10.0
"""How many times as long as it answered the store is left alone."""


def _may_help(screen: FailuresScreen) -> bool:
    group = screen.current
    return group is not None and group.reason.retry_may_help


def _no_use(screen: FailuresScreen) -> bool:
    group = screen.current
    return group is not None and not group.reason.retry_may_help


class FailuresScreen(BaseScreen):
    """Groups of refusals, which follow a run that goes on.

    A retry forgets a group, so that the next run asks for those URLs again.
    """

    AREA = "failures"
    TITLE = "Failures"
    ACTIONS = (
        Action(
            "retry", "r", "Retry", show=1, enabled=_may_help, help="Let the next run try this group again", writes=True
        ),
        Action(
            "retry_all",
            "R",
            "Retry all",
            show=3,
            help="Every group that a retry may help",
            enabled=lambda screen: any(group.reason.retry_may_help for group in screen.groups),
            writes=True,
        ),
        Action(
            "unpark", "u", "Unpark", show=4, enabled=_no_use, help="Ask for dead URLs again all the same", writes=True
        ),
        Action("order", "o", "Order", show=5, help="By images, host, reason, vehicles"),
        Action("open_url", "b", "Browser", show=6, help="Open the example; enter, too"),
        Action("copy_url", "y", "Copy", show=7, help="Copy the example's URL"),
        Action("refresh", "f5", "Look again", group="List"),
        Action("back", "escape", "Back", show=2),
    )
    DEFAULT_CSS = """
    FailuresScreen #failures-head { height: 2; }
    FailuresScreen #failures-titles { height: 1; padding: 0; }
    FailuresScreen #failures-detail { height: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.groups: tuple[RefusalGroup, ...] = ()
        self.order = Order.IMAGES
        self.asked = False
        self.error = ""
        self._followed: object = None
        self._ask_again_at = 0.0

    def compose_body(self) -> ComposeResult:
        """Titles, the list, and what there is to say about the row under the cursor."""
        yield Sheet(self._head, id="failures-head", focusable=False)
        yield Sheet(self._titles, id="failures-titles", focusable=False)
        yield LineList(draw.paint, id="failures-list")
        yield Sheet(self._detail, id="failures-detail", focusable=False)

    @property
    def _list(self) -> LineList[RefusalGroup]:
        return self.query_one("#failures-list", LineList)

    @property
    def current(self) -> RefusalGroup | None:
        """The group under the cursor."""
        return self._list.current if self.is_mounted else None

    def on_mount(self) -> None:
        """The list has the keys."""
        self._list.focus()
        self.watch(self.app, "snapshot", self._follow, init=False)

    def on_screen_resume(self) -> None:
        """Ask the store, behind the paint."""
        self.load()

    def _follow(self, seen: Snapshot | None) -> None:
        """Ask again when vehicles have ended since: only then are their refusals on record."""
        if seen is None or not self.is_active:
            return
        standing = seen.run_id, seen.vehicles_done, seen.tally.refused + seen.tally.deferred, seen.phase.over
        if standing != self._followed and (seen.phase.over or self.backfill.clock() >= self._ask_again_at):
            self._followed = standing
            self.load()

    def load(self) -> None:
        """Ask the store for all groups."""
        self._ask_again_at = math.inf
        start(self, "failures", self._load)

    async def _load(self) -> None:
        session = self.backfill.session
        if session is None:
            return
        began = self.backfill.clock()
        try:
            self.groups = await session.store.refusals()
            self.error = ""
        except Problem as problem:
            self.error = str(problem)
        now = self.backfill.clock()
        self._ask_again_at = now + max(FOLLOW_EVERY, FOLLOW_REST * (now - began))
        self.asked = True
        self._arrange()

    def _arrange(self) -> None:
        """The cursor stays on the group that it is about, wherever that went."""
        before = self.current
        self._list.show(draw.ordered(self.groups, self.order))
        if before is not None:
            self._list.cursor = next((n for n, row in enumerate(self._list.rows) if _same(row, before)), 0)
        self._tell()

    def _tell(self) -> None:
        for sheet in self.query(Sheet):
            sheet.reflow()
        self.refresh_bindings()

    def _head(self, width: int) -> Sequence[Line]:
        title = (Piece("Failures", Ink.STRONG), Piece("   by host and reason" if width >= ROOMY else "", Ink.DIM))
        total = (Piece(words.clean(self.error), Ink.BAD),) if self.error else draw.total_line(self.groups, self.asked)
        return (spread(title, total, width),)

    def _titles(self, width: int) -> Sequence[Line]:
        return (draw.column_titles(self.order, width - 1),) if self.groups else ()

    def _detail(self, width: int) -> Sequence[Line]:
        return BLANK, *draw.detail(self.current, self.backfill.clock(), width)

    def on_line_list_moved(self) -> None:
        """The row under the cursor decides what can be done."""
        self._tell()

    def on_line_list_opened(self) -> None:
        """Enter opens the example."""
        self.action_open_url()

    def _let_retry(self, groups: Sequence[RefusalGroup]) -> None:
        """In a worker of the app and a group of its own: neither leaving the screen nor another retry ends it."""
        start(self.backfill, f"retry {[(group.host, group.reason.value) for group in groups]}", self._forget, groups)

    async def _forget(self, groups: Sequence[RefusalGroup]) -> None:
        session = self.backfill.session
        if session is None:
            return
        try:
            vehicles = await _each(session.store.retry, groups)
            self.notify(f"{words.plural(vehicles, 'vehicle')} can be claimed again.")
        finally:
            self.backfill.refresh_counts()
            if self.is_attached:
                self.load()

    def action_retry(self) -> None:
        """Let the next run try the group under the cursor again."""
        if self.current is not None:
            self._let_retry((self.current,))

    def action_retry_all(self) -> None:
        """The same for every group whose reason may pass."""
        self._let_retry([group for group in self.groups if group.reason.retry_may_help])

    def action_unpark(self) -> None:
        """Ask for URLs again that were refused for good, once the operator has agreed."""
        group = self.current
        if group is None:
            return
        question = ConfirmScreen(
            "Try dead URLs again?",
            f"{words.plural(group.images, 'image')} of {words.clean(group.host)} ended as "
            f"“{group.reason.words}”. The next run requests them all once more.",
            "Unpark",
        )

        def answer(agreed: bool | None) -> None:
            if agreed:
                self._let_retry((group,))

        self.app.push_screen(question, answer)

    def action_refresh(self) -> None:
        """Ask the store again."""
        self.load()

    def action_order(self) -> None:
        """The next order."""
        orders = list(Order)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self._arrange()

    def action_open_url(self) -> None:
        """Open the example of the group under the cursor."""
        group = self.current
        if group is not None and group.example_url.startswith(("http://", "https://")):
            self.app.open_url(group.example_url)

    def action_copy_url(self) -> None:
        """Copy the example of the group under the cursor."""
        group = self.current
        if group is not None:
            self.app.copy_to_clipboard(words.clean(group.example_url))
            self.notify("Copied.", timeout=2)

    def action_back(self) -> None:
        """Leave."""
        self.app.pop_screen()


def _same(one: RefusalGroup, other: RefusalGroup) -> bool:
    return (one.host, one.reason) == (other.host, other.reason)


async def _each(retry: Callable[[str, str], Awaitable[int]], groups: Sequence[RefusalGroup]) -> int:
    return sum([await retry(group.host, group.reason.value) for group in groups])
