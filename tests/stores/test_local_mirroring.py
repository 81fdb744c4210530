"""A local store as the mirror of vehicles that live elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest_asyncio

from tests.stores.conftest import Clock
from tui.model import Outcome, Reason, Result, Scope, State, VehicleQuery
from tui.stores.local import LocalStore, mirroring
from tui.stores.local.mirroring import Hold, Seen

TWO = '{"image_urls": ["http://a/1.jpg", "http://a/2.jpg"]}'
GONE = Outcome("http://a/1.jpg", "a", Result.REFUSED, Reason.GONE, "x", None, 1)


def seen(name: str, **changes: object) -> Seen:
    plain = Seen(name, "1", (1990, name, None, None, None, None), True, TWO, "A", 0, 0)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def mirror(tmp_path: Path, clock: Clock) -> AsyncIterator[LocalStore]:
    store = await LocalStore.open(tmp_path, clock=clock)
    await mirroring.prepare(store)
    yield store
    await store.close()


async def ids(mirror: LocalStore) -> list[str]:
    return sorted(row.id for row in (await mirror.vehicles(VehicleQuery())).rows)


async def test_counts_follow_what_was_seen(mirror: LocalStore) -> None:
    await mirroring.take(mirror, [seen("a"), seen("b", stored=3), seen("c", stored=3, ours=2, finals=1)])
    counts = await mirror.counts("A")
    assert (counts.ready, counts.partial, counts.needing, counts.images_to_come) == (1, 1, 1, 3)
    await mirroring.take(mirror, [seen("a", parked=True, outcomes=(GONE,)), seen("c", is_public=False)])
    counts = await mirror.counts()
    assert (counts.ready, counts.parked, counts.partial, counts.vehicles) == (0, 1, 0, 2)
    (group,) = await mirror.refusals()
    assert (group.reason, group.vehicles) == (Reason.GONE, 1)
    assert await mirroring.refused(mirror, "a", "gone") == ["a"]
    assert await mirroring.refused(mirror, "b", None) == []


async def test_a_page_lets_go_of_what_is_not_on_it(mirror: LocalStore) -> None:
    await mirroring.take(mirror, [seen(name) for name in "abcdef"])
    await mirroring.take_page(mirror, [seen("c")], "a", "d", ["b"])
    assert await ids(mirror) == ["a", "b", "c", "e", "f"]
    await mirroring.take_page(mirror, [], "e", None, [])
    assert await ids(mirror) == ["a", "b", "c", "e"]
    await mirroring.forget(mirror, ["a", "nobody"])
    assert await ids(mirror) == ["b", "c", "e"]
    assert (await mirror.counts()).vehicles == 3


async def test_what_is_known_in_another_version(mirror: LocalStore) -> None:
    await mirroring.take(mirror, [seen("a"), seen("b")])
    assert await mirroring.differing(mirror, {"a": "1", "b": "2", "c": "1"}) == ["b", "c"]
    await mirroring.count_image(mirror, "a")
    assert await mirroring.differing(mirror, {"a": "1"}) == ["a"]
    assert (await mirror.counts()).partial == 1
    await mirroring.take(mirror, [seen("a")])
    assert (await mirror.counts()).partial == 0


async def test_a_lease_seen_elsewhere_keeps_a_vehicle_from_the_queue(mirror: LocalStore, clock: Clock) -> None:
    held = seen("a", hold=Hold("t", clock.now + 10, "w", "r"))
    assert not await mirroring.is_claimable(mirror, held, Scope(), clock.now)
    await mirroring.take(mirror, [seen("b", retry_at=clock.now + 5)])
    assert await mirror.peek(Scope(), 0, 9) == ()
    assert await mirroring.holders(mirror, clock.now) == [mirroring.Holder("w", "r", ("a",), ("1990 a",))]
    clock.now += 10
    assert [lease.vehicle.id for lease in await mirror.peek(Scope(), 0, 9)] == ["a", "b"]
    assert await mirroring.holders(mirror, clock.now) == []
    assert await mirroring.is_claimable(mirror, held, Scope(("A", "B")), clock.now)
    assert not await mirroring.is_claimable(mirror, held, Scope(("B",)), clock.now)
    assert not await mirroring.is_claimable(mirror, seen("a", is_public=False), Scope(), clock.now)


async def test_organizations_by_name_once_they_are_told(mirror: LocalStore) -> None:
    await mirroring.take(mirror, [seen("a"), seen("b", organization_id="")])
    assert await mirroring.nameless(mirror) == ["A"]
    await mirroring.take_organizations(mirror, [("A", "Acme", None), ("B", "Bolt", "http://b")], all_of_them=True)
    assert [row.name for row in (await mirror.organizations()).rows] == ["Acme", "No organization", "Bolt"]
    assert await mirroring.nameless(mirror) == []
    await mirroring.take_organizations(mirror, [("A", "Apex", None)], all_of_them=True)
    assert [row.name for row in (await mirror.organizations()).rows] == ["Apex", "No organization"]
    await mirroring.take_organizations(mirror, [("C", "Crest", None)], all_of_them=False)
    assert (await mirror.organizations()).total == 3


async def test_a_vehicle_that_moves(mirror: LocalStore) -> None:
    await mirroring.take(mirror, [seen("a")])
    await mirroring.take(mirror, [seen("a", organization_id="B", version="2", metadata='{"images_backfilled": true}')])
    (row,) = (await mirror.vehicles(VehicleQuery("B"))).rows
    assert (row.organization_id, row.state) == ("B", State.BACKFILLED)
    assert (await mirror.counts("A")).vehicles == 0
