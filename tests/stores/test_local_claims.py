"""Who is next, and for how long: claims, leases, workloads."""

from __future__ import annotations

import pytest

from tests.stores.shelf import TTL, Clock, claim, claim_one, image, listing, only
from tui.model import (
    Outcome,
    Reason,
    Result,
    Scope,
    Settlement,
    Workload,
)
from tui.stores import LeaseLost
from tui.stores.local import LocalStore


async def test_organizations_take_turns(store: LocalStore) -> None:
    await store.intake([listing(f"a{n}", organization="A") for n in range(5)])
    await store.intake([listing(f"b{n}", organization="B") for n in range(2)])
    order = [lease.vehicle.title for lease in await claim(store)]
    assert order == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]


async def test_peek_shows_what_claim_gives_and_takes_nothing(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}", organization=f"O{n % 3}") for n in range(9)])
    seen = await store.peek(Scope(), 0, 4) + await store.peek(Scope(), 4, 10)
    assert [lease.token for lease in seen] == [""] * 9
    assert [lease.vehicle.id for lease in seen] == [lease.vehicle.id for lease in await claim(store)]
    assert await store.peek(Scope(), 0, 10) == ()


async def test_a_claim_holds_what_the_engine_needs(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v", "http://x/1.jpg", "http://y/2.jpg")])
    lease = await claim_one(store)
    assert lease.gallery.urls == ("http://x/1.jpg", "http://y/2.jpg")
    assert lease.until == clock.now + TTL
    assert lease.vehicle.hosts == ("x", "y")
    vehicle = await store.vehicle(lease.vehicle.id)
    assert vehicle is not None
    assert vehicle.leased_by == "w"


async def test_a_scope_of_organizations(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}", organization="ABC"[n % 3]) for n in range(9)])
    ids = {row.name: row.id for row in (await store.organizations()).rows}
    scope = Scope(organization_ids=(ids["A"], ids["C"]))
    assert [lease.vehicle.title for lease in await store.peek(scope, 1, 3)] == ["v2", "v3", "v5"]
    leases = await claim(store, scope=scope)
    assert [lease.vehicle.organization_name for lease in leases] == ["A", "C"] * 3


async def test_a_scope_of_vehicles(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}") for n in range(5)])
    wanted = tuple(lease.vehicle.id for lease in await store.peek(Scope(), 0, 5))[1:3]
    leases = await claim(store, scope=Scope(vehicle_ids=wanted))
    assert tuple(lease.vehicle.id for lease in leases) == wanted


async def test_vehicles_without_an_organization_are_a_scope_too(store: LocalStore) -> None:
    await store.intake([listing("v", organization=None), listing("w")])
    (none,) = [row for row in (await store.organizations()).rows if not row.id]
    assert none.counts.needing == 1
    leases = await claim(store, scope=Scope(organization_ids=("",)))
    assert [(lease.vehicle.title, lease.vehicle.organization_id) for lease in leases] == [("v", None)]


async def test_private_vehicles_only_when_asked_for(store: LocalStore) -> None:
    await store.intake([listing("open"), listing("hidden", is_public=False)])
    assert [lease.vehicle.title for lease in await store.peek(Scope(), 0, 9)] == ["open"]
    leases = await claim(store, scope=Scope(include_private=True))
    assert [lease.vehicle.title for lease in leases] == ["open", "hidden"]


async def test_an_expired_lease_is_taken_over_and_the_first_worker_can_no_longer_write(
    store: LocalStore, clock: Clock
) -> None:
    await store.intake([listing("v")])
    dead = await claim_one(store)
    assert await claim(store) == ()
    clock.now += TTL
    (taken,) = await claim(store, worker="other")
    assert taken.vehicle.id == dead.vehicle.id
    with pytest.raises(LeaseLost):
        await store.record(dead, image(dead))
    with pytest.raises(LeaseLost):
        await store.settle(dead, Settlement(parked=True))
    assert await store.renew([dead, taken], TTL) == {dead.vehicle.id}
    assert await store.images(dead.vehicle.id) == ()
    assert await store.record(taken, image(taken))


async def test_an_expired_lease_is_lost_even_when_nobody_took_it(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    clock.now += TTL
    with pytest.raises(LeaseLost):
        await store.record(lease, image(lease))


async def test_a_renewed_lease_lives_on(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    clock.now += TTL - 1
    assert await store.renew([lease], TTL) == frozenset()
    clock.now += TTL - 1
    assert await store.record(lease, image(lease))


async def test_a_peeked_vehicle_cannot_be_written(store: LocalStore) -> None:
    await store.intake([listing("v")])
    (seen,) = await store.peek(Scope(), 0, 1)
    with pytest.raises(LeaseLost):
        await store.record(seen, image(seen))


async def test_a_settled_vehicle_waits_for_its_time(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    later = Outcome("http://a/1.jpg", "a", Result.DEFERRED, Reason.TIMEOUT, "slow", clock.now + 30, 1)
    await store.settle(lease, Settlement((later,), retry_at=clock.now + 30))
    assert await claim(store) == ()
    assert await store.workload(Scope(), 20) == Workload()
    vehicle = await only(store)
    assert (vehicle.note, vehicle.retry_at) == ("retry later", clock.now + 30)
    clock.now += 30
    assert [lease.vehicle.id for lease in await store.peek(Scope(), 0, 1)] == [vehicle.id]
    (again,) = await claim(store)
    assert again.outcomes == (later,)
