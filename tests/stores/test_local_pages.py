"""Pages in the ways that SQLite finds them."""

from __future__ import annotations

import sqlite3

import pytest

from tests.stores.shelf import listing
from tui.model import VehicleQuery, VehicleSort
from tui.stores.local import LocalStore, pages


async def titles(store: LocalStore, query: VehicleQuery) -> list[str]:
    return [row.title for row in (await store.vehicles(query)).rows]


@pytest.mark.parametrize("sort", list(VehicleSort))
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("few", [0, 10, 100])
async def test_a_filter_finds_the_same_whether_it_finds_few_or_many(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, sort: VehicleSort, descending: bool, few: int
) -> None:
    monkeypatch.setattr(pages, "_FEW", few)
    await store.intake([listing(f"v{n % 7}x{n}", *["http://a/"] * (n % 4 + 1)) for n in range(30)])
    whole = await titles(store, VehicleQuery(sort=sort, descending=descending))
    parts = [
        await titles(store, VehicleQuery(filter="v", sort=sort, descending=descending, offset=offset, limit=7))
        for offset in range(0, 42, 7)
    ]
    assert [title for part in parts for title in part] == whole


async def test_an_organization_of_its_vehicles_alone_is_seen(store: LocalStore, hand: sqlite3.Connection) -> None:
    hand.execute("INSERT INTO vehicles (id, origin_organization_id) VALUES ('v', 'gone')")
    assert [(row.id, row.name) for row in (await store.organizations()).rows] == [("gone", "gone")]
