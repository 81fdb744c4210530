"""Stores that are reached over a network: answers that get lost, and writes that cross each other."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest

from tests.stores.contract.shelves import ProjectShelf, Shelf
from tests.stores.shelf import claim, claim_one, image, listing, only, refused
from tests.support.stack import Answer, Cut, Fault, Hold
from tests.support.stack.faults import Act
from tui.model import IntakeReport, Orders, Outcome, Phase, Result, RunOptions, RunRecord, Settlement, State, Wish
from tui.stores import Store

pytestmark = [pytest.mark.remote, pytest.mark.any_shape]

WRITE = r"^(POST|PATCH|PUT) /(rest|storage)/v1/(?!rpc/image_backfill_(catch_up|sync|take_in|totals|vehicles)\b)"
LOST = [Answer(504, when="after"), Cut("answer")]


@pytest.fixture(params=LOST, ids=["504", "cut"])
def lost(request: pytest.FixtureRequest) -> Act:
    """The write is done, and its answer never comes."""
    act: Act = request.param
    return act


def lose(shelf: Shelf, act: Act, pattern: str = WRITE) -> Fault:
    assert isinstance(shelf, ProjectShelf)
    return shelf.project.gateway.fault(pattern, act)


async def test_a_claim_that_is_asked_for_again_gives_what_it_gave(store: Store, shelf: Shelf, lost: Act) -> None:
    await store.intake([listing(f"v{n}") for n in range(5)])
    fault = lose(shelf, lost)
    leases = await claim(store, 3)
    assert (fault.hits, len(leases)) == (1, 3)
    assert len(await claim(await shelf.another(), 5, worker="other")) == 2
    for lease in leases:
        assert await store.record(lease, image(lease, source=store.source))


async def test_an_image_that_is_recorded_again(store: Store, shelf: Shelf, lost: Act) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    fault = lose(shelf, lost)
    assert await store.record(lease, image(lease, source=store.source))
    assert fault.hits == 1
    assert len(shelf.images(lease.vehicle.id)) == 1


@pytest.mark.parametrize("end", ["backfilled", "parked", "released"])
async def test_an_end_that_is_said_again(store: Store, shelf: Shelf, lost: Act, end: str) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    if end == "backfilled":
        await store.record(lease, image(lease, source=store.source))
    fault = lose(shelf, lost)
    outcomes = (Outcome("http://a/1.jpg", "a", Result.STORED), refused("http://a/2.jpg"))
    await store.settle(lease, Settlement(outcomes, backfilled=end == "backfilled", parked=end == "parked"))
    assert fault.hits == 1
    states = {"backfilled": State.BACKFILLED, "parked": State.PARKED, "released": State.READY}
    assert (await only(store)).state is states[end]
    assert len(await claim(store)) == (end == "released")
    assert set(await store.outcomes(lease.vehicle.id)) == set(outcomes)


async def test_listings_that_are_written_again(store: Store, shelf: Shelf, lost: Act) -> None:
    lose(shelf, lost, "^POST /rest/v1/vehicles")
    lose(shelf, lost, f"^POST /rest/v1/{shelf.organizations}")
    batch = [listing(f"v{n}") for n in range(3)]
    assert await store.intake(batch) == IntakeReport(inserted=3)
    fault = lose(shelf, lost, "^PATCH /rest/v1/vehicles")
    more = [replace(one, make="Kia", image_urls=(*one.image_urls, "http://a/3.jpg")) for one in batch]
    assert await store.intake(more) == IntakeReport(updated=3)
    assert fault.hits == 1
    assert await store.intake(more) == IntakeReport(unchanged=3)
    assert ((await store.counts()).vehicles, (await store.organizations()).total) == (3, 1)


async def test_reports_that_are_made_again(store: Store, shelf: Shelf, lost: Act) -> None:
    report = RunRecord("one", "a:1", shelf.now, shelf.now, None, Phase.STARTING, RunOptions())
    lose(shelf, lost)
    assert await store.join_run(report) == "one"
    lose(shelf, lost)
    assert await store.save_run(report) == Orders(Wish.RUN, 1)
    assert len(await store.fleet()) == 1


async def test_an_object_that_is_written_again(store: Store, shelf: Shelf, lost: Act) -> None:
    fault = lose(shelf, lost)
    await store.put_object("v/1.jpg", io.BytesIO(b"photo"), "image/jpeg")
    assert (fault.hits, shelf.objects()) == (1, {"v/1.jpg": b"photo"})


async def under_way(shelf: Shelf, pattern: str) -> None:
    assert isinstance(shelf, ProjectShelf)
    async with asyncio.timeout(10):
        while not shelf.project.gateway.requests(pattern):  # noqa: ASYNC110 - the gateway is in another thread
            await asyncio.sleep(0.005)


async def test_an_edit_by_hand_in_the_middle_of_an_import(store: Store, shelf: Shelf) -> None:
    """Read before it and written after it: the edit stays, and so does what was imported."""
    await store.intake([listing("v", extra={"color": "red"})])
    vehicle = await only(store)
    hold = Hold()
    lose(shelf, hold, "^PATCH /rest/v1/vehicles")
    importing = asyncio.create_task(store.intake([listing("v", "http://a/3.jpg", extra={"doors": 4})]))
    await under_way(shelf, "^PATCH /rest/v1/vehicles")
    shelf.edit_metadata(vehicle.id, listed_date="2020-01-01", feed={"color": "blue"})
    hold.release()
    assert await importing == IntakeReport(updated=1)
    assert shelf.metadata(vehicle.id) == {
        "image_urls": ["http://a/3.jpg"],
        "feed": {"color": "blue", "doors": 4},
        "listed_date": "2020-01-01",
    }


async def test_a_vehicle_deleted_in_the_middle_of_an_import(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    vehicle = await only(store)
    hold = Hold()
    lose(shelf, hold, "^PATCH /rest/v1/vehicles")
    importing = asyncio.create_task(store.intake([listing("v", "http://a/3.jpg")]))
    await under_way(shelf, "^PATCH /rest/v1/vehicles")
    shelf.delete("vehicles", vehicle.id)
    hold.release()
    await importing
    assert shelf.metadata(vehicle.id) == {"image_urls": ["http://a/3.jpg"]}
