"""What the screens ask: pages, orders, filters, workloads."""

from __future__ import annotations

import uuid
from dataclasses import replace
from itertools import product

import pytest

from tests.stores.contract.shelves import Shelf
from tests.stores.shelf import TTL, claim, listing
from tui.model import (
    Counts,
    Organization,
    OrganizationSort,
    Scope,
    Settlement,
    State,
    Vehicle,
    VehicleQuery,
    VehicleSort,
    Workload,
)
from tui.stores import Store


async def titles(store: Store, query: VehicleQuery) -> list[str]:
    return [row.title for row in (await store.vehicles(query)).rows]


async def test_pages_join_to_one_ordered_list(store: Store) -> None:
    await store.intake([listing(f"v{n % 7}x{n}", *["http://a/"] * (n % 4 + 1)) for n in range(30)])
    await store.intake([listing(f"w{n}", image_urls=()) for n in range(2)])
    await claim(store, 3)
    (acme,) = (await store.organizations()).rows
    for of, text, sort, descending in product((None, acme.id), ("", "v"), VehicleSort, (False, True)):
        query = VehicleQuery(of, text, sort, descending)
        whole = (await store.vehicles(query)).rows
        parts = [await store.vehicles(replace(query, offset=offset, limit=11)) for offset in range(0, 44, 11)]
        assert [row for part in parts for row in part.rows] == list(whole)
        assert {part.total for part in parts} == {len(whole)} == {30 if text else 32}
        assert list(map(_order[sort], whole)) == sorted(map(_order[sort], whole), reverse=descending)


_states = [State.READY, State.PARTIAL, State.PARKED, State.BACKFILLED, State.EMPTY, State.HAS_IMAGES, State.NO_URLS]
_order = {
    VehicleSort.TITLE: lambda row: row.title,
    VehicleSort.URLS: lambda row: row.url_count,
    VehicleSort.STATE: lambda row: _states.index(row.state),
}


async def test_a_vehicle_as_lists_show_it(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("VIN1", "http://x/1.jpg", "https://Y.example:8080/2.jpg", year=2019, model="Focus")])
    (acme,) = (await store.organizations()).rows
    (vehicle,) = (await store.vehicles(VehicleQuery())).rows
    assert vehicle == Vehicle(
        id=vehicle.id,
        title="2019 VIN1 Focus",
        organization_id=acme.id,
        organization_name="Acme",
        url_count=2,
        hosts=("x", "y.example"),
    )
    assert await store.vehicle(vehicle.id) == vehicle


async def test_a_filter_looks_at_titles_in_any_case(store: Store) -> None:
    await store.intake([listing("VIN123", model="Focus"), listing("other", organization="B")])
    assert await titles(store, VehicleQuery(filter="foCUS")) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(filter="in12")) == ["VIN123 Focus"]
    for nothing in ("%", "_", "\\", "'", "*"):
        assert await titles(store, VehicleQuery(filter=nothing)) == []
    acme = (await store.organizations(filter="acm")).rows[0].id
    assert await titles(store, VehicleQuery(organization_id=acme, filter="other")) == []
    assert await titles(store, VehicleQuery(organization_id=acme)) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(organization_id="nobody")) == []


@pytest.mark.needs("vin")
async def test_a_filter_looks_at_vins(store: Store, shelf: Shelf) -> None:
    shelf.put_vehicle(make="Ford", vin="1FTEX1EB0KFA12345")
    await store.refresh()
    assert await titles(store, VehicleQuery(filter="eb0kfa")) == ["Ford"]


async def test_organizations_by_each_order(store: Store) -> None:
    await store.intake([listing(f"v{n}", organization="abbccc"[n]) for n in range(6)])
    await store.intake([listing("many", *["http://a/"] * 50, organization="A")])
    by_name = await store.organizations(sort=OrganizationSort.NAME, descending=False)
    assert [row.name for row in by_name.rows] == ["a", "b", "c"]
    assert [row.name for row in (await store.organizations(sort=OrganizationSort.NAME)).rows] == ["c", "b", "a"]
    by_needing = await store.organizations()
    assert [(row.name, row.counts.needing) for row in by_needing.rows] == [("c", 3), ("a", 2), ("b", 2)]
    by_images = await store.organizations(sort=OrganizationSort.IMAGES, limit=1)
    assert ([row.name for row in by_images.rows], by_images.total) == (["a"], 3)
    assert by_images.rows[0].counts == await store.counts(by_images.rows[0].id)
    assert [row.name for row in (await store.organizations(offset=1, limit=1)).rows] == ["a"]
    assert await store.organizations(filter="nobody", limit=1, offset=7) == replace(by_name, rows=(), offset=7, total=0)


async def test_an_organization_without_vehicles_is_seen(store: Store, shelf: Shelf) -> None:
    key = shelf.put_organization("Acme")
    await store.refresh()
    assert (await store.organizations()).rows == (Organization(key, "Acme"),)
    assert await store.counts(key) == Counts()


async def test_counts_of_each_organization_add_up(store: Store) -> None:
    await store.intake([listing(f"v{n}", organization=[None, "A", "B"][n % 3]) for n in range(10)])
    for lease in await claim(store, 4):
        await store.settle(lease, Settlement(parked=True))
    rows = (await store.organizations()).rows
    total = await store.counts()
    assert sum(row.counts.vehicles for row in rows) == total.vehicles == 10
    assert sum(row.counts.parked for row in rows) == total.parked == 4
    assert [row.counts for row in rows] == [await store.counts(row.id) for row in rows]
    assert await store.counts(str(uuid.uuid4())) == await store.counts("nobody") == Counts()


async def test_workload_is_cut_at_the_cap(store: Store) -> None:
    await store.intake([listing("v", *[f"http://a/{n}" for n in range(30)], organization="A")])
    await store.intake([listing("w", organization="B"), listing("x", organization=None)])
    assert await store.workload(Scope(), 20) == Workload(3, 24)
    by = await store.workload_by_organization(Scope(), 20, 3)
    names = {row.id: row.name for row in (await store.organizations()).rows}
    assert {names[key]: load for key, load in by.items()} == {
        "A": Workload(1, 20),
        "B": Workload(1, 2),
        "No organization": Workload(1, 2),
    }
    (a,) = [key for key, name in names.items() if name == "A"]
    assert await store.workload(Scope(organization_ids=(a,)), 7) == Workload(1, 7)
    assert sum(load.vehicles for load in (await store.workload_by_organization(Scope(), 20, 2)).values()) == 2


@pytest.mark.needs("private")
async def test_workload_is_what_could_be_claimed_now(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("a"), listing("b"), listing("hidden", "u", is_public=False), listing("d")])
    (lease, waiting) = await claim(store, 2)
    await store.settle(waiting, Settlement(retry_at=shelf.now + 2 * TTL))
    assert await store.workload(Scope(), 20) == Workload(1, 2)
    assert await store.workload(Scope(include_private=True), 20) == Workload(2, 3)
    named = tuple(row.id for row in (await store.vehicles(VehicleQuery())).rows)
    assert await store.workload(Scope(vehicle_ids=named), 1) == Workload(1, 1)
    await shelf.pass_time(TTL)
    assert await store.workload(Scope(), 20) == Workload(2, 4)
    assert lease.vehicle.id in {row.vehicle.id for row in await store.peek(Scope(), 0, 2)}
    await shelf.pass_time(TTL)
    assert await store.workload(Scope(vehicle_ids=named, include_private=True), 20) == Workload(4, 7)


async def test_what_is_not_there(store: Store) -> None:
    for absent in ("none", str(uuid.UUID(int=7)), "", "'"):
        assert await store.vehicle(absent) is None
        assert (await store.gallery(absent)).urls == ()
        assert (await store.images(absent), await store.outcomes(absent)) == ((), ())
        assert await store.unpark([absent]) == 0


async def test_beyond_the_end(store: Store) -> None:
    await store.intake([listing("v")])
    page = await store.vehicles(VehicleQuery(offset=50))
    assert (page.rows, page.offset, page.total) == ((), 50, 1)
    assert await titles(store, VehicleQuery(limit=0)) == []
    assert await store.peek(Scope(), 50, 10) == ()
    assert await claim(store, 0) == ()


async def test_of_an_empty_store(store: Store) -> None:
    assert await store.counts() == Counts()
    assert ((await store.vehicles(VehicleQuery())).rows, (await store.organizations()).rows) == ((), ())
    assert (await store.runs(), await store.fleet(), await store.refusals()) == ((), (), ())
    assert (await store.workload(Scope(), 20), await store.retry()) == (Workload(), 0)
    assert (store.trouble, store.read_only) == ("", False)
