"""Refusals by host and reason as rows of a list: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from tui.app import words
from tui.app.widgets.ink import Ink, Line, Piece, left, parts, right, shorten
from tui.model import RefusalGroup


class Order(StrEnum):
    """The orders of the list, in the order in which one key walks through them."""

    IMAGES = "images"
    HOST = "host"
    REASON = "reason"
    VEHICLES = "vehicles"


ALL_COLUMNS = 76
VEHICLES = 12

_KEYS: dict[Order, Callable[[RefusalGroup], tuple[object, ...]]] = {
    Order.IMAGES: lambda group: (-group.images, group.host, group.reason),
    Order.HOST: lambda group: (group.host, -group.images, group.reason),
    Order.REASON: lambda group: (not group.reason.retry_may_help, group.reason, -group.images, group.host),
    Order.VEHICLES: lambda group: (-group.vehicles, group.host, group.reason),
}


def ordered(groups: Iterable[RefusalGroup], order: Order) -> list[RefusalGroup]:
    """Counts run down, names run up; by reason, what a retry may help comes first."""
    return sorted(groups, key=_KEYS[order])


def _columns(host: str, reason: str, images: str, vehicles: str, width: int) -> str:
    """All columns but the last; a narrow list goes without the vehicles."""
    rest = 44 + (VEHICLES if width >= ALL_COLUMNS else 0)
    text = f" {left(host, max(12, min(44, width - rest)))}  {left(reason, 19)}{right(images, 9)}"
    return text + (right(vehicles, VEHICLES) if width >= ALL_COLUMNS else "") + "   "


def column_titles(order: Order, width: int) -> Line:
    """The line over the list, with an arrow at the column that orders it."""
    names = {each: each.value + (_arrow(each) if each is order else "") for each in Order}
    text = _columns(names[Order.HOST], names[Order.REASON], names[Order.IMAGES], names[Order.VEHICLES], width)
    return (Piece(text + "a retry", Ink.DIM),)


def _arrow(order: Order) -> str:
    return " ↓" if order in (Order.IMAGES, Order.VEHICLES) else " ↑"


def paint(group: RefusalGroup, width: int) -> Line:
    """One group."""
    helps = group.reason.retry_may_help
    text = _columns(
        words.clean(group.host) or "no host",
        group.reason.words,
        words.thousands(group.images),
        words.thousands(group.vehicles),
        width,
    )
    return Piece(text), Piece("may help" if helps else "is no use", Ink.GOOD if helps else Ink.DIM)


def detail(group: RefusalGroup | None, now: float, width: int) -> list[Line]:
    """What else there is to say about the group under the cursor: when it is tried again, and an example."""
    if group is None:
        return []
    told = [Piece(f"{group.reason.words}: {group.reason.advice}", Ink.DIM)]
    if group.retry_at is not None:
        told.append(Piece(_when(group.retry_at, now), Ink.DIM))
    url = shorten(words.clean(group.example_url), max(10, width - 5))
    return [parts(told), (Piece("e.g. ", Ink.DIM), Piece(url))]


def _when(retry_at: float, now: float) -> str:
    if retry_at <= now:
        return "the next run tries them again"
    return f"tried again from {words.clock_time(retry_at)[:5]} on, in {words.duration(retry_at - now)}"


def total_line(groups: Sequence[RefusalGroup], asked: bool) -> Line:
    """How much failed, and how much of it may still succeed."""
    if not groups:
        return (Piece("no refusal is on record" if asked else "asking the store …", Ink.DIM),)
    images = sum(group.images for group in groups)
    hopeful = sum(group.images for group in groups if group.reason.retry_may_help)
    told = [Piece(words.plural(images, "image"), Ink.PLAIN)]
    if hopeful:
        told.append(Piece(f"a retry may help {hopeful:,}", Ink.GOOD))
    if images - hopeful:
        told.append(Piece(f"no use for {images - hopeful:,}", Ink.DIM))
    return parts(told)
