from __future__ import annotations

from tests.support.web import Web
from tests.support.world import listing, vehicles
from tests.trickle.conftest import MakeTrickle
from tui.images.candidates import Why
from tui.model import Listing, RunOptions, Scope
from tui.stores import Store
from tui.trickle.plan import PAGE, PlannedVehicle, plan, plan_vehicle


async def planned(store: Store, options: RunOptions) -> list[PlannedVehicle]:
    return [vehicle async for vehicle in plan(store, options)]


async def test_a_plan_is_what_the_run_then_does(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, n, images=4, organization="A" if n < 5 else "B") for n in range(7)])
    options = RunOptions(limit=4, max_images=3)
    expected = {vehicle.vehicle.title: vehicle.to_store for vehicle in await planned(store, options)}
    assert web.asked.total() == 0
    trickle = make(limit=4, max_images=3)
    await trickle.run()
    assert {result.vehicle_name: result.images_inserted for result in trickle.results} == expected


async def test_a_plan_goes_on_behind_the_first_page(store: Store, web: Web) -> None:
    await store.intake([listing(web, n, images=1) for n in range(PAGE + 20)])
    found = await planned(store, RunOptions(limit=PAGE + 10))
    assert len({vehicle.vehicle.id for vehicle in found}) == PAGE + 10


async def test_what_the_cap_cuts_and_what_is_noise_is_told_apart(store: Store, web: Web) -> None:
    urls = (web.url("1"), "https://www.facebook.com/tr?id=1", web.url("2"), web.url("3"))
    await store.intake([Listing("link:1", title="A", image_urls=urls)])
    (vehicle,) = await planned(store, RunOptions(max_images=2))
    assert [c.url for c in vehicle.candidates.chosen] == [web.url("1"), web.url("2")]
    assert [left.why for left in vehicle.candidates.left_out] == [Why.TRACKING_PIXEL, Why.OVER_CAP]


async def test_what_an_earlier_run_settled_is_not_to_be_stored(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, 0, images=3)])
    web.answers = {"v0/0": (404, b""), "v0/2": (503, b"")}
    await make(attempts=1).run()
    await store.retry(reason="server_error")
    (vehicle,) = await planned(store, RunOptions())
    assert vehicle.settled == {web.url("v0/0"), web.url("v0/1")}
    assert vehicle.to_store == 1


async def test_one_vehicle_can_be_planned_whatever_its_state(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, 0, images=3)])
    await make().run()
    assert await planned(store, RunOptions(scope=Scope())) == []
    (vehicle,) = await vehicles(store)
    alone = await plan_vehicle(store, vehicle, cap=2)
    assert (len(alone.candidates.chosen), alone.to_store) == (2, 0)
