"""Listings to vehicles: what a second import changes, and what it must not touch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.stores.contract.shelves import Shelf
from tests.stores.shelf import claim, claim_one, image, listing, only, refused
from tui.model import IntakeReport, Lease, Listing, Outcome, Result, Settlement, State, VehicleQuery
from tui.stores import Store

URLS = ("http://a/1.jpg", "http://a/2.jpg")
FULL = Listing(
    identity="vin:V1",
    organization="Acme  Motors",
    vin="V1",
    year=2019,
    make="Ford",
    model="F-150",
    trim="XL",
    mileage=12_345,
    price=12_500.5,
    link="http://acme/1?a=b&c=(d)",
    title="A truck",
    image_urls=URLS,
    extra={"color": "red", "deep": {"list": [1, None, "x"]}},
)


@pytest.mark.needs("private")
async def test_everything_that_a_listing_tells(store: Store, shelf: Shelf) -> None:
    assert await store.intake([FULL]) == IntakeReport(inserted=1)
    vehicle = await only(store)
    row = shelf.vehicle(vehicle.id)
    assert (row["vin"], row["year"], row["make"], row["model"], row["trim"]) == ("V1", 2019, "Ford", "F-150", "XL")
    assert (row["mileage"], row["asking_price"], row["listing_title"]) == (12_345, 12_500.5, "A truck")
    assert row["listing_url"] == row["discovery_url"] == FULL.link
    assert (row["status"], bool(row["is_public"]), row["origin_organization_id"]) == (
        "active",
        True,
        vehicle.organization_id,
    )
    assert row["origin_metadata"] == {"image_urls": list(URLS), "feed": FULL.extra}
    assert (vehicle.title, vehicle.organization_name) == ("2019 Ford F-150 XL", "Acme Motors")
    (link,) = shelf.select("organization_vehicles")
    assert (link["vehicle_id"], link["organization_id"]) == (vehicle.id, vehicle.organization_id)
    assert (link["relationship_type"], link["status"]) == ("inventory", "active")


async def test_the_same_again_changes_nothing(store: Store, shelf: Shelf) -> None:
    batch = [FULL, *(listing(f"v{n}", organization=[None, "A", "B"][n % 3]) for n in range(6))]
    assert await store.intake(batch) == IntakeReport(inserted=7)
    before = {table: shelf.select(table) for table in ("vehicles", shelf.organizations)}
    assert await (await shelf.another()).intake(batch) == IntakeReport(unchanged=7)
    assert {table: shelf.select(table) for table in before} == before
    assert (await store.counts()).vehicles == 7


async def test_what_is_taken_in_is_in_sight_at_once(store: Store) -> None:
    for number in range(3):
        await store.intake([listing(f"v{number}")])
        assert (await store.counts()).needing == number + 1
        assert len((await store.vehicles(VehicleQuery())).rows) == number + 1


async def test_more_than_one_request_holds(store: Store) -> None:
    batch = [listing(f"v{n}", organization=f"O{n % 3}") for n in range(1_100)]
    assert await store.intake(batch) == IntakeReport(inserted=1_100)
    assert await store.intake(iter(batch)) == IntakeReport(unchanged=1_100)
    assert (await store.counts()).needing == 1_100
    assert await store.intake([]) == IntakeReport()


async def test_two_listings_of_one_vehicle_are_one_vehicle(store: Store, shelf: Shelf) -> None:
    first, second = (listing("v", make=make) for make in ("Ford", "Kia"))
    assert await store.intake([first, second, second]) == IntakeReport(1, 1, 1)
    assert (await only(store)).title == "Kia"


@pytest.mark.needs("private")
async def test_what_a_listing_does_not_tell_stays(store: Store, shelf: Shelf) -> None:
    await store.intake([FULL])
    vehicle = await only(store)
    shelf.update("vehicles", vehicle.id, is_public=False, model="Ranger")
    shelf.edit_metadata(vehicle.id, listed_date="2020-01-01")
    assert await store.intake([Listing("vin:V1", price=7.0, extra={"doors": 4})]) == IntakeReport(updated=1)
    row = shelf.vehicle(vehicle.id)
    assert (row["make"], row["model"], row["asking_price"], bool(row["is_public"])) == ("Ford", "Ranger", 7, False)
    assert row["origin_metadata"] == {
        "image_urls": list(URLS),
        "feed": {**FULL.extra, "doors": 4},
        "listed_date": "2020-01-01",
    }


async def test_metadata_that_is_no_object_is_left_alone(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    vehicle = await only(store)
    shelf.update("vehicles", vehicle.id, origin_metadata=["theirs"])
    await store.intake([listing("v", *URLS, make="Kia")])
    row = shelf.vehicle(vehicle.id)
    assert (row["origin_metadata"], row["make"]) == (["theirs"], "Kia")


async def test_organizations_by_name_in_any_case(store: Store, shelf: Shelf) -> None:
    theirs = shelf.put_organization("Acme Motors")
    names = ("ACME motors", "Acme  Motors ", "Straße", "STRASSE")
    await store.intake([listing(f"v{n}", organization=name) for n, name in enumerate(names)])
    counted = {row.name: row.counts.vehicles for row in (await store.organizations()).rows}
    assert counted == {"Acme Motors": 2, "Straße": 2}
    assert (await store.counts(theirs)).vehicles == 2


STRANGE = [
    *("5* Motors", "50% Motors", "5_ Motors", "5x Motors", "Motors", "a.b", "a,b", '"quoted"', "(in brackets)"),
    *("back\\slash", "[/red] markup", "Ünïcödé 🚗", "x & y = z?#", "eq.Acme", "null", "'; drop table vehicles; --"),
    *("^start", "end$", "{1,2}", "+", "|", "\x1b[31m", "x" * 100_000),
]


async def test_organizations_of_strange_names(store: Store, shelf: Shelf) -> None:
    theirs = {name: shelf.put_organization(name) for name in STRANGE[:-1:2]}
    batch = [listing(f"v{n}", organization=name) for n, name in enumerate(STRANGE)]
    assert await store.intake(batch) == IntakeReport(inserted=len(STRANGE))
    assert await (await shelf.another()).intake(batch) == IntakeReport(unchanged=len(STRANGE))
    rows = (await store.organizations()).rows
    assert sorted((row.name, row.counts.vehicles) for row in rows) == sorted((name, 1) for name in STRANGE)
    found = {row.name: row.id for row in rows}
    assert {name: found[name] for name in theirs} == theirs


async def test_vehicles_of_strange_names(store: Store, shelf: Shelf) -> None:
    names = [f"{name} {n}" for n, name in enumerate([*STRANGE, "nothing: \0"])]
    batch = [listing(f"v{n}", make=name, extra={"note\0": [name]}) for n, name in enumerate(names)]
    assert await store.intake(batch) == IntakeReport(inserted=len(names))
    assert await store.intake(batch) == IntakeReport(unchanged=len(names))
    titles = [row.title.replace("\0", "\ufffd")[:200] for row in (await store.vehicles(VehicleQuery())).rows]
    assert sorted(titles) == sorted(name.replace("\0", "\ufffd")[:200] for name in names)
    for name in STRANGE[:-1]:
        found = (await store.vehicles(VehicleQuery(filter=name))).rows
        assert any(name in row.title for row in found), name


async def test_long_urls(store: Store, shelf: Shelf) -> None:
    urls = tuple(f"http://a/{n}?{'x' * 8_000}" for n in range(3))
    await store.intake([listing("v", *urls)])
    lease = await claim_one(store)
    assert lease.gallery.urls == urls
    assert await store.record(lease, image(lease, source=store.source))
    outcomes = (Outcome(urls[0], "a", Result.STORED), refused(urls[1]), refused(urls[2]))
    await store.settle(lease, Settlement(outcomes))
    assert set(await store.outcomes(lease.vehicle.id)) == set(outcomes)
    assert await store.retry() == 1
    (again,) = await claim(store)
    assert again.outcomes == outcomes[:1]


@pytest.mark.needs("links")
async def test_a_second_dealer_is_linked_and_the_first_stays_the_origin(store: Store, shelf: Shelf) -> None:
    one = Listing("vin:V1", vin="V1")
    assert await store.intake([replace(one, organization="First")]) == IntakeReport(inserted=1)
    assert await store.intake([replace(one, organization="Second")]) == IntakeReport(updated=1)
    assert await store.intake([replace(one, organization="Second")]) == IntakeReport(unchanged=1)
    assert (await only(store)).organization_name == "First"
    assert len(shelf.select("organization_vehicles")) == 2


@pytest.mark.needs("links")
async def test_a_link_of_another_kind_is_not_the_inventory(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v", organization=None)])
    acme = shelf.put_organization("Acme")
    shelf.link((await only(store)).id, acme, "consigner")
    assert await store.intake([listing("v", organization="Acme")]) == IntakeReport(updated=1)
    kinds = [row["relationship_type"] for row in shelf.select("organization_vehicles")]
    assert sorted(kinds) == ["consigner", "inventory"]


async def parked(store: Store) -> str:
    lease = await claim_one(store)
    await store.settle(lease, Settlement(tuple(map(refused, URLS)), parked=True))
    return lease.vehicle.id


async def backfilled(store: Store) -> str:
    lease = await claim_one(store)
    await store.record(lease, image(lease, source=store.source))
    await store.settle(lease, Settlement((Outcome(URLS[0], "a", Result.STORED), refused(URLS[1])), backfilled=True))
    return lease.vehicle.id


async def test_new_urls_free_a_parked_vehicle(store: Store) -> None:
    await store.intake([listing("v")])
    key = await parked(store)
    assert await store.intake([listing("v")]) == IntakeReport(unchanged=1)
    assert (await only(store)).state is State.PARKED
    assert await store.intake([listing("v", *URLS, "http://a/3.jpg")]) == IntakeReport(updated=1)
    assert (await only(store)).state is State.READY
    lease = await claim_one(store)
    assert (lease.vehicle.id, len(lease.gallery.urls), len(lease.outcomes)) == (key, 3, 2)


async def test_new_urls_end_the_wait_of_a_vehicle(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    await store.settle(await claim_one(store), Settlement(retry_at=shelf.now + 600))
    assert await claim(store) == ()
    await store.intake([listing("v", *URLS, "http://a/3.jpg")])
    assert len(await claim(store)) == 1


async def test_new_urls_take_a_mark_back_and_leave_what_is_stored(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    key = await backfilled(store)
    for urls in (URLS, URLS[:1]):
        await store.intake([listing("v", *urls)])
        assert (await only(store)).state is State.BACKFILLED
    await store.intake([listing("v", *URLS, "http://a/3.jpg")])
    assert (await only(store)).state is State.PARTIAL
    assert shelf.metadata(key) == {"image_urls": [*URLS, "http://a/3.jpg"]}
    lease = await claim_one(store)
    assert (len(lease.stored), len(lease.outcomes)) == (1, 2)
    assert len(shelf.images(key)) == 1


@pytest.mark.parametrize("ending", ["backfilled", "parked"])
async def test_an_import_while_its_vehicles_are_being_finished(store: Store, shelf: Shelf, ending: str) -> None:
    """Whoever comes first: nothing that was told gets lost, and nothing is done that has URLs to come."""
    names = [f"v{n}" for n in range(8)]
    await store.intake([listing(name) for name in names])
    leases = await claim(store, 8)
    elsewhere = await shelf.another()
    more = [listing(name, *URLS, "http://a/3.jpg", extra={"color": "red"}) for name in names]
    report, *_ = await asyncio.gather(
        elsewhere.intake(more), *(finished(store, lease, ending == "backfilled") for lease in leases)
    )
    assert report == IntakeReport(updated=8)
    for lease in leases:
        assert shelf.metadata(lease.vehicle.id) == {"image_urls": [*URLS, "http://a/3.jpg"], "feed": {"color": "red"}}
    await store.refresh()
    again = await claim(store, 9)
    assert {lease.vehicle.id for lease in again} == {lease.vehicle.id for lease in leases}


async def finished(store: Store, lease: Lease, stored: bool) -> None:
    if stored:
        await store.record(lease, image(lease, source=store.source))
    await store.settle(lease, Settlement(tuple(map(refused, URLS)), backfilled=stored, parked=not stored))


async def test_imports_of_the_same_vehicles_at_once(store: Store, shelf: Shelf) -> None:
    async def share(store: Store, told: Sequence[Listing]) -> IntakeReport:
        return await store.intake(told)

    stores = [await shelf.another() for _ in range(4)]
    told = [
        [listing(f"v{n}", organization="Acme", extra={f"from {number}": n}) for n in range(10)] for number in range(4)
    ]
    reports = await asyncio.gather(*(share(store, part) for store, part in zip(stores, told, strict=True)))
    assert sum(report.inserted + report.updated for report in reports) >= 10
    rows = shelf.select("vehicles")
    assert len(rows) == 10
    assert all(set(row["origin_metadata"]["feed"]) == {f"from {n}" for n in range(4)} for row in rows)
    assert (await store.organizations()).total == 1
