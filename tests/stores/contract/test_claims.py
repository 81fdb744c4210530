"""Who is next, and for how long: claims, leases, workloads."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from tests.stores.contract.shelves import Shelf
from tests.stores.shelf import TTL, claim, claim_one, image, listing, only
from tui.model import Lease, Outcome, Reason, Result, Scope, Settlement, VehicleQuery, Workload
from tui.stores import LeaseLost, Store

pytestmark = pytest.mark.any_shape

WORKERS = 8


async def test_organizations_take_turns(store: Store) -> None:
    await store.intake([listing(f"a{n}", organization="A") for n in range(5)])
    await store.intake([listing(f"b{n}", organization="B") for n in range(2)])
    order = [lease.vehicle.organization_name for lease in await claim(store)]
    assert (set(order[:2]), set(order[2:4]), order[4:]) == ({"A", "B"}, {"A", "B"}, ["A"] * 3)


async def test_a_claim_needs_no_look_before_it(store: Store, shelf: Shelf) -> None:
    await (await shelf.another()).intake([listing("v")])
    assert len(await claim(store)) == 1
    by_hand = shelf.put_vehicle({"image_urls": ["http://a/1.jpg"]})
    assert [lease.vehicle.id for lease in await claim(store)] == [by_hand]


async def test_a_question_about_work_needs_no_look_before_it(shelf: Shelf) -> None:
    one, other, third = [await shelf.another() for _ in range(3)]
    shelf.put_vehicle({"image_urls": ["http://a/1.jpg"]})
    assert await one.workload(Scope(), 20) == Workload(1, 1)
    shelf.put_vehicle({"image_urls": ["http://a/1.jpg"]})
    assert len(await other.peek(Scope(), 0, 9)) == 2
    shelf.put_vehicle({"image_urls": ["http://a/1.jpg"]})
    assert await third.workload_by_organization(Scope(), 20, 9) == {"": Workload(3, 3)}


async def test_peek_shows_what_claim_gives_and_takes_nothing(store: Store) -> None:
    await store.intake([listing(f"v{n}", organization=f"O{n % 3}") for n in range(9)])
    seen = await store.peek(Scope(), 0, 4) + await store.peek(Scope(), 4, 10)
    assert [lease.token for lease in seen] == [""] * 9
    assert [lease.vehicle.id for lease in seen] == [lease.vehicle.id for lease in await claim(store)]
    assert await store.peek(Scope(), 0, 10) == ()


async def test_a_claim_holds_what_the_engine_needs(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v", "http://x/1.jpg", "http://y/2.jpg")])
    lease = await claim_one(store)
    assert lease.gallery.urls == ("http://x/1.jpg", "http://y/2.jpg")
    assert lease.until == pytest.approx(shelf.now + TTL, abs=5)
    assert (lease.vehicle.hosts, lease.vehicle.leased_by) == (("x", "y"), "w")
    vehicle = await store.vehicle(lease.vehicle.id)
    assert vehicle == lease.vehicle


async def test_a_scope_of_organizations(store: Store) -> None:
    await store.intake([listing(f"v{n}", organization="ABC"[n % 3]) for n in range(9)])
    ids = {row.name: row.id for row in (await store.organizations()).rows}
    scope = Scope(organization_ids=(ids["A"], ids["C"]))
    seen = await store.peek(scope, 1, 3)
    leases = await claim(store, scope=scope)
    assert [lease.vehicle.id for lease in seen] == [lease.vehicle.id for lease in leases[1:4]]
    names = [lease.vehicle.organization_name for lease in leases]
    assert [set(names[n : n + 2]) for n in (0, 2, 4)] == [{"A", "C"}] * 3
    assert len(leases) == 6


async def test_a_scope_of_vehicles(store: Store) -> None:
    await store.intake([listing(f"v{n}") for n in range(5)])
    wanted = tuple(lease.vehicle.id for lease in await store.peek(Scope(), 0, 5))[1:3]
    leases = await claim(store, scope=Scope(vehicle_ids=wanted))
    assert tuple(lease.vehicle.id for lease in leases) == wanted


async def test_a_scope_of_both_is_what_is_in_both(store: Store) -> None:
    await store.intake([listing(f"v{n}", organization="AB"[n % 2]) for n in range(4)])
    page = (await store.vehicles(VehicleQuery())).rows
    a = next(row.organization_id for row in page if row.organization_name == "A")
    scope = Scope((a or "",), tuple(row.id for row in page[1:]))
    wanted = {row.id for row in page[1:] if row.organization_id == a}
    assert await store.workload(scope, 20) == Workload(len(wanted), 2 * len(wanted))
    assert {lease.vehicle.id for lease in await claim(store, scope=scope)} == wanted


async def test_a_scope_of_nothing(store: Store) -> None:
    await store.intake([listing("v")])
    for scope in (Scope(("nobody",)), Scope((), ("nobody",)), Scope(("nobody",), ("nobody",))):
        assert await store.workload(scope, 20) == Workload()
        assert await store.workload_by_organization(scope, 20, 9) == {}
        assert (await store.peek(scope, 0, 9), await claim(store, scope=scope)) == ((), ())


async def test_vehicles_without_an_organization_are_a_scope_too(store: Store) -> None:
    await store.intake([listing("v", organization=None), listing("w")])
    (none,) = [row for row in (await store.organizations()).rows if not row.id]
    assert none.counts.needing == 1
    leases = await claim(store, scope=Scope(organization_ids=("",)))
    assert [(lease.vehicle.title, lease.vehicle.organization_id) for lease in leases] == [("v", None)]


@pytest.mark.needs("private")
async def test_private_vehicles_only_when_asked_for(store: Store) -> None:
    await store.intake([listing("open"), listing("hidden", is_public=False)])
    assert [lease.vehicle.title for lease in await store.peek(Scope(), 0, 9)] == ["open"]
    leases = await claim(store, scope=Scope(include_private=True))
    assert {lease.vehicle.title for lease in leases} == {"open", "hidden"}


async def test_an_expired_lease_is_taken_over_and_the_first_worker_can_no_longer_write(
    store: Store, shelf: Shelf
) -> None:
    await store.intake([listing("v")])
    dead = await claim_one(store)
    assert await claim(store) == ()
    await shelf.pass_time(TTL)
    other = await shelf.another()
    (taken,) = await claim(other, worker="other")
    assert taken.vehicle.id == dead.vehicle.id
    assert taken.token != dead.token
    with pytest.raises(LeaseLost):
        await store.record(dead, image(dead))
    with pytest.raises(LeaseLost):
        await store.settle(dead, Settlement(parked=True))
    assert await store.renew([dead, taken], TTL) == {dead.vehicle.id}
    assert await store.images(dead.vehicle.id) == ()
    assert await other.record(taken, image(taken))


async def test_what_an_expired_lease_held_is_shown_as_free(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("a")])
    await claim_one(store)
    other = await shelf.another()
    await other.refresh()
    assert await other.peek(Scope(), 0, 9) == ()
    await shelf.pass_time(TTL + 1)
    await other.refresh()
    assert [vehicle.leased_by for vehicle in (await other.vehicles(VehicleQuery())).rows] == [None]
    assert len(await other.peek(Scope(), 0, 9)) == 1
    assert (await other.workload(Scope(), 9)).vehicles == 1


async def test_an_expired_lease_is_lost_even_when_nobody_took_it(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await shelf.pass_time(TTL)
    with pytest.raises(LeaseLost):
        await store.record(lease, image(lease))
    with pytest.raises(LeaseLost):
        await store.settle(lease, Settlement())
    assert await store.renew([lease], TTL) == {lease.vehicle.id}


async def test_a_renewed_lease_lives_on(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await shelf.pass_time(TTL - 10)
    assert await store.renew([lease], TTL) == frozenset()
    await shelf.pass_time(TTL - 10)
    assert await store.record(lease, image(lease))
    assert await store.renew([], TTL) == frozenset()


async def test_a_peeked_vehicle_cannot_be_written(store: Store) -> None:
    await store.intake([listing("v")])
    (seen,) = await store.peek(Scope(), 0, 1)
    with pytest.raises(LeaseLost):
        await store.record(seen, image(seen))
    with pytest.raises(LeaseLost):
        await store.settle(seen, Settlement(parked=True))
    assert await store.renew([seen], TTL) == {seen.vehicle.id}


async def test_a_vehicle_that_is_deleted_takes_its_lease_along(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v"), listing("w")])
    gone, kept = await claim(store)
    shelf.delete("vehicles", gone.vehicle.id)
    with pytest.raises(LeaseLost):
        await store.record(gone, image(gone))
    with pytest.raises(LeaseLost):
        await store.settle(gone, Settlement(parked=True))
    assert await store.renew([gone, kept], TTL) == {gone.vehicle.id}


async def test_a_settled_vehicle_waits_for_its_time(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    due = round(shelf.now + 30, 3)
    later = Outcome("http://a/1.jpg", "a", Result.DEFERRED, Reason.TIMEOUT, "slow", due, 1)
    await store.settle(lease, Settlement((later,), retry_at=due))
    assert await claim(store) == ()
    assert await store.workload(Scope(), 20) == Workload()
    vehicle = await only(store)
    assert vehicle.note == "retry later"
    assert vehicle.retry_at == pytest.approx(due, abs=5)
    await shelf.pass_time(30)
    assert [lease.vehicle.id for lease in await store.peek(Scope(), 0, 1)] == [vehicle.id]
    (again,) = await claim(store)
    (known,) = again.outcomes
    assert known.retry_at == pytest.approx(due, abs=5)
    assert replace(known, retry_at=due) == later


async def test_what_is_no_longer_open_is_not_claimed(store: Store, shelf: Shelf) -> None:
    """Somebody else was there in the meantime, and nobody has looked since."""
    await store.intake([listing(name) for name in "abcd"])
    marked, emptied, pictured, left = (row.id for row in (await store.vehicles(VehicleQuery())).rows)
    shelf.edit_metadata(marked, images_backfilled=True)
    shelf.edit_metadata(emptied, image_urls=[])
    shelf.put_image(pictured)
    assert [lease.vehicle.id for lease in await claim(store)] == [left]


@pytest.mark.needs("private")
async def test_what_became_private_is_not_claimed(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    vehicle = await only(store)
    shelf.update("vehicles", vehicle.id, is_public=False)
    assert await claim(store) == ()
    assert len(await claim(store, scope=Scope(include_private=True))) == 1


async def test_what_moved_to_another_organization_is_not_claimed_for_the_first(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v", organization="A"), listing("w", organization="B")])
    page = (await store.vehicles(VehicleQuery())).rows
    a, b = (row.organization_id or "" for row in page)
    shelf.update("vehicles", page[0].id, origin_organization_id=b)
    assert await claim(store, scope=Scope((a,))) == ()
    assert len(await claim(store, scope=Scope((b,)))) == 2


async def everything(store: Store, scope: Scope, worker: str) -> list[Lease]:
    """What a worker gets that claims until there is nothing left."""
    mine: list[Lease] = []
    while leases := await claim(store, 3, scope, worker):
        mine += leases
    return mine


@pytest.mark.parametrize("scoped", ["everything", "organizations", "vehicles", "private"])
@pytest.mark.needs("private")
async def test_no_vehicle_is_held_twice_and_none_is_left(store: Store, shelf: Shelf, scoped: str) -> None:
    await store.intake([listing(f"v{n}", organization="ABCD"[n % 4], is_public=n % 5 > 0) for n in range(36)])
    rows = (await store.vehicles(VehicleQuery())).rows
    organizations = tuple({row.organization_id or "" for row in rows if row.organization_name in ("A", "B")})
    scope = {
        "everything": Scope(),
        "organizations": Scope(organizations),
        "vehicles": Scope(vehicle_ids=tuple(row.id for row in rows[::2])),
        "private": Scope(include_private=True),
    }[scoped]
    wanted = {
        row.id
        for row in rows
        if (row.is_public or scope.include_private)
        and (not scope.vehicle_ids or row.id in scope.vehicle_ids)
        and (not scope.organization_ids or row.organization_id in scope.organization_ids)
    }
    stores = [await shelf.another() for _ in range(WORKERS)]
    shares = await asyncio.gather(*(everything(store, scope, f"w:{n}") for n, store in enumerate(stores)))
    held = Counter(lease.vehicle.id for share in shares for lease in share)
    assert set(held) == wanted
    assert set(held.values()) == {1}


async def test_no_vehicle_is_held_twice_while_leases_end(store: Store, shelf: Shelf) -> None:
    """Workers of overlapping scopes, some of which die: each lease is another one's end."""
    await store.intake([listing(f"v{n}", organization="AB"[n % 2]) for n in range(12)])
    a, b = (row.id for row in (await store.organizations()).rows)
    await claim(store, 12, worker="dead")
    await shelf.pass_time(TTL)
    scopes = [Scope(), Scope((a,)), Scope((b,)), Scope((a, b))]
    stores = [await shelf.another() for _ in scopes]
    shares = await asyncio.gather(
        *(everything(store, scope, f"w:{n}") for n, (store, scope) in enumerate(zip(stores, scopes, strict=True)))
    )
    held = Counter(lease.vehicle.id for share in shares for lease in share)
    assert (len(held), set(held.values())) == (12, {1})
