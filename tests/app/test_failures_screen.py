from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.support.pilot import driven, shown, until
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.failures import FailuresScreen
from tui.app.widgets.failure_lines import Order, ordered
from tui.model import Listing, Outcome, Reason, RefusalGroup, Result, Scope, Settlement

SIZES = [(80, 24), (120, 36), (60, 18)]

GONE = Outcome("http://img.test.example/gone.jpg", "img.test.example", Result.REFUSED, Reason.GONE, attempts=1)
LOST = Outcome("http://nowhere.invalid/1.jpg", "nowhere.invalid", Result.DEFERRED, Reason.DNS, retry_at=9e9, attempts=1)


async def with_refusals(pilot: Pilot[None], app: BackfillApp) -> FailuresScreen:
    """The failures of a store with a parked vehicle (all gone) and one that waits for a host without an address."""
    await until(pilot, lambda: app.session is not None)
    assert app.session is not None
    store = app.session.store
    await store.intake([Listing("link:gone", title="Gone", image_urls=(GONE.source_url,))])
    await store.intake([Listing("link:lost", title="Lost", image_urls=(LOST.source_url,))])
    endings = {"Gone": Settlement((GONE,), parked=True), "Lost": Settlement((LOST,), retry_at=LOST.retry_at)}
    for lease in await store.claim(Scope(), 100, worker="test", run_id="r-1", ttl=60):
        await store.settle(lease, endings.get(lease.vehicle.title, Settlement()))
    app.refresh_counts()
    screen = FailuresScreen()
    await app.push_screen(screen)
    await until(pilot, lambda: len(screen.groups) == 2)
    return screen


def group(host: str, reason: Reason, images: int, vehicles: int = 1) -> RefusalGroup:
    return RefusalGroup(host, reason, images, vehicles, f"http://{host}/1.jpg")


def test_orders() -> None:
    a = group("a.example", Reason.GONE, 5, 5)
    b = group("b.example", Reason.TIMEOUT, 9, 2)
    c = group("c.example", Reason.DNS, 1, 9)
    groups = [a, b, c]
    assert ordered(groups, Order.IMAGES) == [b, a, c]
    assert ordered(groups, Order.HOST) == [a, b, c]
    assert ordered(groups, Order.REASON) == [c, b, a]
    assert ordered(groups, Order.VEHICLES) == [c, a, b]


async def test_says_so_when_nothing_failed(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        await app.push_screen(FailuresScreen())
        await until(pilot, lambda: "no refusal is on record" in shown(app))
        await pilot.press("r", "R", "u", "b", "y", "o")
        assert isinstance(app.screen, FailuresScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_groups_by_host_and_reason_with_advice(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await with_refusals(pilot, app)
        text = shown(app)
        for words in ("img.test.example", "gone", "is no use", "nowhere.invalid", "dns", "may help"):
            assert words in text


async def test_the_row_under_the_cursor_is_explained_and_decides_what_can_be_done(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await with_refusals(pilot, app)
        await pilot.press("home")
        await until(pilot, lambda: screen.current is not None and screen.current.reason is Reason.GONE)
        assert "e.g. http://img.test.example/gone.jpg" in shown(app)
        assert screen.check_action("retry", ()) is None
        assert screen.check_action("unpark", ()) is True
        await pilot.press("down")
        await until(pilot, lambda: "tried again from" in shown(app))
        assert screen.check_action("retry", ()) is True
        assert screen.check_action("unpark", ()) is None


async def test_a_retry_forgets_the_group(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await with_refusals(pilot, app)
        await pilot.press("end", "r")
        await until(pilot, lambda: [each.reason for each in screen.groups] == [Reason.GONE])


async def test_retry_all_spares_what_is_no_use(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await with_refusals(pilot, app)
        await pilot.press("R")
        await until(pilot, lambda: [each.reason for each in screen.groups] == [Reason.GONE])


async def test_unpark_asks_first(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await with_refusals(pilot, app)
        await until(pilot, lambda: app.counts is not None and app.counts.parked == 1)
        await pilot.press("home", "u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        assert len(screen.groups) == 2
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("right", "enter")
        await until(pilot, lambda: app.counts is not None and app.counts.parked == 0)
        await until(pilot, lambda: [each.reason for each in screen.groups] == [Reason.DNS])


async def test_follows_a_run_that_goes_on_and_keeps_the_selection(app: BackfillApp, web: Web) -> None:
    web.answers = {path: (404, b"") for number in range(12) for path in [f"v{number}/{number * 64}"]}
    async with driven(app) as pilot:
        await with_refusals(pilot, app)
        web.hold.clear()
        app.start_run(Scope())
        await pilot.press("f")
        assert isinstance(app.screen, FailuresScreen)
        followed = app.screen
        await until(pilot, lambda: len(followed.groups) == 2 and web.holding > 0)
        await pilot.press("end")
        chosen = followed.current
        web.hold.set()
        await until(pilot, lambda: sum(group.images for group in followed.groups) == 14)
        assert followed.current == chosen
        assert app.screen is followed


async def test_f5_asks_the_store_again(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await with_refusals(pilot, app)
        assert app.session is not None
        await app.session.store.retry(LOST.host, Reason.DNS.value)
        await pilot.press("f5")
        await until(pilot, lambda: [each.reason for each in screen.groups] == [Reason.GONE])


async def test_the_order_is_shown_at_its_column(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await with_refusals(pilot, app)
        assert "images ↓" in shown(app)
        await pilot.press("o")
        await until(pilot, lambda: "host ↑" in shown(app))
        assert screen.order is Order.HOST
