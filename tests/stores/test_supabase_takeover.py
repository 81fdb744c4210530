"""Our SQL on a project that was worked without it: who holds what, what is remembered, and what is when it is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.stores.shelf import TTL, claim, claim_one, image, only, refused
from tests.support.plain import images, metadata, picture, put
from tests.support.sidecar import forget_our_sql, install_our_sql
from tests.support.stack import Hold, Project
from tui.model import Outcome, Reason, Result, Scope, Settlement, State, VehicleQuery
from tui.settings import Secret, Settings
from tui.stores import LeaseLost, Store, StoreError, open_store
from tui.stores.supabase.plain import PlainStore
from tui.stores.supabase.plain.remembered import KEY, digest
from tui.stores.supabase.served import ServedStore


@pytest.fixture
def project(production: Project) -> Iterator[Project]:
    yield production
    production.gateway.reset()
    forget_our_sql(production)


@pytest_asyncio.fixture
async def opened(project: Project) -> Any:
    """Opens stores that end with the test."""
    async with AsyncExitStack() as stack:

        async def one(kind: type[Store]) -> Store:
            settings = Settings(supabase_url=project.url, supabase_key=Secret(project.secret_key))
            store = await open_store("supabase", settings)
            stack.push_async_callback(store.close)
            assert isinstance(store, kind)
            return store

        yield one


async def states(store: Store) -> dict[str, State]:
    return {row.id: row.state for row in (await store.vehicles(VehicleQuery())).rows}


async def test_a_vehicle_held_without_our_sql_is_nobody_elses_with_it(project: Project, opened: Any) -> None:
    keys = [put(project, f"http://a/{n}.jpg") for n in range(3)]
    plain = await opened(PlainStore)
    held, late = await claim(plain, 2, worker="plain")
    install_our_sql(project)
    served = await opened(ServedStore)
    await served.refresh()
    assert (await served.vehicle(held.vehicle.id)).leased_by == "plain"
    (free,) = await claim(served, worker="served")
    assert {held.vehicle.id, late.vehicle.id, free.vehicle.id} == set(keys)
    assert await claim(served, worker="served") == ()

    # It is prolonged where our SQL does not look, and still holds when the first deadline is over.
    assert await plain.renew([held], TTL * 10) == frozenset()
    project.sql("update image_backfill_jobs set lease_until = now() where lease_token is null")
    over = "jsonb_set(origin_metadata, '{image_backfill,lease,until}', '1')"
    project.sql(f"update vehicles set origin_metadata = {over} where id = %s", [late.vehicle.id])
    (taken,) = await claim(served, worker="served")
    assert taken.vehicle.id == late.vehicle.id
    await served.settle(taken, Settlement((refused(str(taken.gallery.urls[0])),), parked=True))
    with pytest.raises(LeaseLost):
        await plain.record(late, image(late))
    assert await plain.record(held, await picture(plain, held))
    await plain.settle(held, Settlement(backfilled=True))
    await served.refresh()
    assert await states(served) == {
        held.vehicle.id: State.BACKFILLED,
        late.vehicle.id: State.PARKED,
        free.vehicle.id: State.READY,
    }


async def test_who_works_without_our_sql_notices_it_and_stops(project: Project, opened: Any) -> None:
    for n in range(3):
        put(project, f"http://a/{n}.jpg")
    plain = await opened(PlainStore)
    first = await claim_one(plain)
    install_our_sql(project)
    with pytest.raises(StoreError, match="has our SQL now: start again"):
        await claim(plain)
    assert await plain.renew([first], TTL) == frozenset(), "what is in hand is brought to its end"
    served = await opened(ServedStore)
    assert len(await claim(served)) == 2


async def test_what_was_remembered_without_our_sql_still_is(project: Project, opened: Any) -> None:
    urls = [f"https://b:8080/{name}.jpg" for name in ("a", 'q"\\é\t🚗', "c")]
    parked, waiting, partial = (put(project, *urls, make=make) for make in "pwx")
    plain = await opened(PlainStore)
    for lease in await claim(plain):
        gone = [refused(url, host="b") for url in urls]
        if lease.vehicle.id == parked:
            await plain.settle(lease, Settlement(tuple(gone), parked=True))
            continue
        due = plain._clock.here() + 3600
        later = Outcome(urls[2], "elsewhere", Result.DEFERRED, Reason.TIMEOUT, "slow", due, 2)
        if lease.vehicle.id == waiting:
            await plain.settle(lease, Settlement((*gone[:2], later), retry_at=due))
        else:
            odd = [refused("HTTP://u:p@[::1]:8/y", host="::1"), refused("//C.d?e", host="c.d"), refused("", host="")]
            await plain.settle(lease, Settlement((gone[0], *odd)))
    before = {key: (await plain.vehicle(key), await plain.outcomes(key)) for key in (parked, waiting, partial)}
    install_our_sql(project)
    served = await opened(ServedStore)
    assert (await served.counts()).parked == 1
    for key, (vehicle, outcomes) in before.items():
        now = await served.vehicle(key)
        assert (now.state, now.note, now.retry_at) == (
            vehicle.state,
            vehicle.note,
            pytest.approx(vehicle.retry_at, abs=5),
        )
        told = {one.source_url: replace(one, retry_at=None) for one in await served.outcomes(key)}
        assert told == {one.source_url: replace(one, retry_at=None) for one in outcomes}
    (lease,) = await claim(served)
    assert lease.vehicle.id == partial


async def test_a_gallery_that_has_changed_since_is_a_new_chance(project: Project, opened: Any) -> None:
    key = put(project, "http://a/1.jpg")
    stale = {"parked": True, "retry_at": 4e9, "gallery": digest(["http://a/0.jpg"])}
    odd = {"parked": "yes", "retry_at": "soon", "lease": 7, "outcomes": {"u": 1, "v": {"result": "?"}}}
    for told in (stale, odd):
        content = json.dumps({"image_urls": ["http://a/1.jpg"], KEY: told})
        project.sql("update vehicles set origin_metadata = %s", [content])
        install_our_sql(project)
        served = await opened(ServedStore)
        assert await states(served) == {key: State.READY}
        assert await served.outcomes(key) == ()
        assert len(await served.peek(Scope(), 0, 9)) == 1
        forget_our_sql(project)


async def test_nothing_out_of_date_comes_back_when_our_sql_is_gone(project: Project, opened: Any) -> None:
    keys = [put(project, f"http://a/{n}.jpg") for n in range(3)]
    plain = await opened(PlainStore)
    for lease in await claim(plain):
        await plain.settle(lease, Settlement((refused(str(lease.gallery.urls[0])),), parked=True))
    install_our_sql(project)
    served = await opened(ServedStore)
    assert (await served.counts()).parked == 3
    assert await served.unpark(keys[1:]) == 2
    lease = await claim_one(served)
    await served.settle(lease, Settlement())
    assert KEY not in metadata(project, lease.vehicle.id)
    forget_our_sql(project)
    again = await opened(PlainStore)
    assert await states(again) == {keys[0]: State.PARKED, keys[1]: State.READY, keys[2]: State.READY}


async def test_an_image_that_came_after_its_lease_was_lost_is_not_parked_away(project: Project, opened: Any) -> None:
    """The first worker passes its fence, loses its lease, and only then the row is there: another one has parked it."""
    key = put(project, "http://a/1.jpg")
    one, two = await opened(PlainStore), await opened(PlainStore)
    lease = await claim_one(one)
    hold = Hold()
    fault = project.gateway.fault("POST /rest/v1/vehicle_images", hold, times=1)
    recording = asyncio.create_task(one.record(lease, await picture(one, lease)))
    async with asyncio.timeout(10):
        while not fault.hits:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    over = "jsonb_set(origin_metadata, '{image_backfill,lease,until}', '1')"
    project.sql(f"update vehicles set origin_metadata = {over}, updated_at = now()")
    await two.refresh()
    (taken,) = await claim(two, worker="two")
    await two.settle(taken, Settlement((refused("http://a/1.jpg"),), parked=True))
    hold.release()
    await recording
    assert len(images(project, key)) == 1
    await two.refresh()
    assert (await only(two)).state is State.PARTIAL
    install_our_sql(project)
    served = await opened(ServedStore)
    assert (await only(served)).state is State.PARTIAL
    assert len((await claim_one(served)).stored) == 1
