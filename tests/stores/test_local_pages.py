"""What the screens ask: pages, orders, filters, workloads, galleries."""

from __future__ import annotations

import json
import sqlite3

import pytest

from tests.stores.shelf import TTL, Clock, claim, listing
from tui.model import (
    OrganizationSort,
    Scope,
    Settlement,
    State,
    VehicleQuery,
    VehicleSort,
    Workload,
)
from tui.stores.local import LocalStore, pages


async def titles(store: LocalStore, query: VehicleQuery) -> list[str]:
    return [row.title for row in (await store.vehicles(query)).rows]


@pytest.mark.parametrize("sort", list(VehicleSort))
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("filter", "few"), [("", 0), ("v", 100), ("v", 10)])
async def test_pages_join_to_one_ordered_list(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, sort: VehicleSort, descending: bool, filter: str, few: int
) -> None:
    monkeypatch.setattr(pages, "_FEW", few)
    await store.intake([listing(f"v{n % 7}x{n}", *["http://a/"] * (n % 4 + 1)) for n in range(30)])
    await claim(store, 3)
    whole = await titles(store, VehicleQuery(filter=filter, sort=sort, descending=descending))
    parts = [
        await titles(store, VehicleQuery(filter=filter, sort=sort, descending=descending, offset=offset, limit=7))
        for offset in range(0, 42, 7)
    ]
    assert [title for part in parts for title in part] == whole
    assert len(set(whole)) == 30
    (acme,) = (await store.organizations()).rows
    assert whole == await titles(store, VehicleQuery(acme.id, filter, sort, descending))
    if sort is VehicleSort.TITLE:
        assert whole == sorted(whole, reverse=descending)


async def test_a_filter_looks_at_titles_and_vins_in_any_case(store: LocalStore) -> None:
    await store.intake([listing("VIN123", title="One", model="Focus"), listing("other", organization="B")])
    assert await titles(store, VehicleQuery(filter="foCUS")) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(filter="in12")) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(filter="%")) == []
    acme = (await store.organizations(filter="acm")).rows[0].id
    assert await titles(store, VehicleQuery(organization_id=acme, filter="other")) == []
    assert await titles(store, VehicleQuery(organization_id=acme)) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(organization_id="nobody")) == []


async def test_organizations_by_each_order(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}", organization="abbccc"[n]) for n in range(6)])
    await store.intake([listing("many", *["http://a/"] * 50, organization="A")])
    by_name = await store.organizations(sort=OrganizationSort.NAME, descending=False)
    assert [row.name for row in by_name.rows] == ["a", "b", "c"]
    by_needing = await store.organizations()
    assert [(row.name, row.counts.needing) for row in by_needing.rows] == [("c", 3), ("a", 2), ("b", 2)]
    by_images = await store.organizations(sort=OrganizationSort.IMAGES, limit=1)
    assert ([row.name for row in by_images.rows], by_images.total) == (["a"], 3)
    assert by_images.rows[0].counts == await store.counts(by_images.rows[0].id)


async def test_an_organization_of_its_vehicles_alone_is_seen(store: LocalStore, hand: sqlite3.Connection) -> None:
    hand.execute("INSERT INTO vehicles (id, origin_organization_id) VALUES ('v', 'gone')")
    assert [(row.id, row.name) for row in (await store.organizations()).rows] == [("gone", "gone")]


async def test_workload_is_cut_at_the_cap(store: LocalStore) -> None:
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


async def test_workload_is_what_could_be_claimed_now(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("a"), listing("b"), listing("hidden", "u", is_public=False), listing("d")])
    (lease, waiting) = await claim(store, 2)
    await store.settle(waiting, Settlement(retry_at=clock.now + 2 * TTL))
    assert await store.workload(Scope(), 20) == Workload(1, 2)
    assert await store.workload(Scope(include_private=True), 20) == Workload(2, 3)
    named = tuple(row.id for row in (await store.vehicles(VehicleQuery())).rows)
    assert await store.workload(Scope(vehicle_ids=named), 1) == Workload(1, 1)
    clock.now += TTL
    assert await store.workload(Scope(), 20) == Workload(2, 4)
    assert [row.vehicle.id for row in await store.peek(Scope(), 0, 1)] == [lease.vehicle.id]
    clock.now += TTL
    assert await store.workload(Scope(vehicle_ids=named, include_private=True), 20) == Workload(4, 7)


@pytest.mark.parametrize(
    ("metadata", "urls", "state"),
    [
        ({"image_urls": ["a", "b"]}, ("a", "b"), State.READY),
        ({"image_urls": "http://a/1.jpg"}, ("http://a/1.jpg",), State.READY),
        ({"image_urls": '["a", "b"]'}, ("a", "b"), State.READY),
        ({"image_urls": None, "images": ["a"]}, ("a",), State.READY),
        ({"images": [{"url": "a"}]}, ({"url": "a"},), State.READY),
        ({"image_urls": []}, (), State.EMPTY),
        ({"image_urls": ""}, (), State.EMPTY),
        ({"image_urls": {"a": 1}}, (), State.EMPTY),
        ({"image_urls": 7}, (), State.EMPTY),
        ({"images": 7}, (), State.NO_URLS),
        ({}, (), State.NO_URLS),
        (["image_urls"], (), State.NO_URLS),
        (None, (), State.NO_URLS),
        ({"image_urls": ["a"], "images_backfilled": True}, ("a",), State.BACKFILLED),
        ({"image_urls": ["a"], "images_backfilled": "true"}, ("a",), State.BACKFILLED),
        ({"image_urls": ["a"], "images_backfilled": "no"}, ("a",), State.READY),
    ],
)
async def test_the_gallery_in_every_shape(
    store: LocalStore, hand: sqlite3.Connection, metadata: object, urls: tuple[object, ...], state: State
) -> None:
    hand.execute("INSERT INTO vehicles (id, origin_metadata) VALUES ('v', ?)", (json.dumps(metadata),))
    vehicle = await store.vehicle("v")
    assert vehicle is not None
    assert (vehicle.state, vehicle.url_count) == (state, len(urls))
    assert (await store.gallery("v")).urls == urls


async def test_what_is_not_there(store: LocalStore) -> None:
    assert await store.vehicle("none") is None
    assert (await store.gallery("none")).urls == ()
    assert await store.images("none") == ()
    assert (await store.vehicles(VehicleQuery(offset=50))).rows == ()
