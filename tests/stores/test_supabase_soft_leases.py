"""Soft leases: who holds what, whatever gets lost on the way and whoever else writes the same rows."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import httpx
import pytest

from tests.stores.shelf import TTL, claim, claim_one, only, refused
from tests.support.plain import WRITABLE, images, metadata, opened, picture, put, shaped, store_nothing, stored
from tests.support.stack import Answer, Cut, Project, Stack
from tui.model import Phase, RunOptions, RunRecord, Scope, Settlement, State, VehicleQuery
from tui.stores import LeaseLost, Store, StoreError
from tui.stores.supabase.plain.remembered import KEY


@pytest.fixture(params=WRITABLE)
def project(request: pytest.FixtureRequest, stack: Stack) -> Project:
    """A project of each shape that can be written to."""
    return shaped(stack, request.param)


@pytest.mark.parametrize("when", ["request", "after", "answer"])
@pytest.mark.parametrize("call", ["claim", "record", "settle", "renew", "retry"])
@pytest.mark.parametrize("name", ["production", "bare"])
async def test_an_answer_that_gets_lost(stack: Stack, name: str, call: str, when: str) -> None:
    project = shaped(stack, name)
    key = put(project)
    cut = Cut(when)  # type: ignore[arg-type]
    async with opened(project) as store:
        if call == "claim":
            fault = project.gateway.fault("PATCH .*vehicles", cut)
        lease = await claim_one(store)
        one = await picture(store, lease)
        if call == "record":
            fault = project.gateway.fault("POST .*vehicle_images", cut)
        assert await store.record(lease, one)
        if call == "renew":
            fault = project.gateway.fault("PATCH .*vehicles", cut)
            assert await store.renew([lease], TTL * 10) == frozenset()
        if call == "settle":
            fault = project.gateway.fault("PATCH .*vehicles", cut)
        await store.settle(lease, Settlement((*stored(lease, 0), refused("http://a/2.jpg")), backfilled=True))
        assert metadata(project, key)["images_backfilled"] is True
        if call == "retry":
            fault = project.gateway.fault("PATCH .*vehicles", cut)
        assert await store.retry() == 1
        assert metadata(project, key) == {"image_urls": ["http://a/1.jpg", "http://a/2.jpg"]}
        assert fault.hits == 1
        assert len(images(project, key)) == 1
        assert (await only(store)).state is State.PARTIAL


async def test_no_write_of_anybody_else_is_lost(project: Project) -> None:
    """Extractions merge into the same column all the while: in SQL, and as we do, each write guarded."""
    keys = [put(project, f"http://a/{number}.jpg") for number in range(3)]
    done = asyncio.Event()
    written: dict[str, int] = dict.fromkeys(keys, 0)

    async def extract(key: str) -> None:
        found = "origin_metadata || jsonb_build_object(%s::text, %s::int)"
        merge = f"update vehicles set origin_metadata = {found} where id = %s"
        while not done.is_set():
            written[key] += 1
            project.sql(merge, [f"found {written[key]}", written[key], key])
            await asyncio.sleep(random.uniform(0.0, 0.1))

    async def extract_elsewhere(key: str, http: httpx.AsyncClient) -> None:
        row = f"{project.url}/rest/v1/vehicles?id=eq.{key}"
        while not done.is_set():
            (seen,) = (await http.get(row)).json()
            number = written[key] + 1
            body = {"origin_metadata": {**seen["origin_metadata"], f"found {number}": number}, "updated_at": "now"}
            guard = {"updated_at": f"eq.{seen['updated_at']}"}
            answer = await http.patch(row, params=httpx.QueryParams({"id": f"eq.{key}", **guard}), json=body)
            written[key] += bool(answer.raise_for_status().json())
            await asyncio.sleep(random.uniform(0.0, 0.1))

    async def work(store: Store, worker: str) -> None:
        for _ in range(3):
            for lease in await claim(store, 2, worker=worker):
                await store.renew([lease], TTL * 3)
                await store.settle(lease, Settlement((refused(str(lease.gallery.urls[0])),), parked=True))
            await store.retry()

    headers = {"apikey": project.service_key, "Authorization": f"Bearer {project.service_key}"}
    headers["Prefer"] = "return=representation"
    async with opened(project) as one, opened(project) as two, httpx.AsyncClient(headers=headers) as http:
        stamped = project.name in ("production", "lean", "viewed")
        first = extract_elsewhere(keys[0], http) if stamped else extract(keys[0])
        extraction = asyncio.gather(first, *map(extract, keys[1:]))
        try:
            await asyncio.gather(work(one, "one"), work(two, "two"))
        finally:
            done.set()
            await extraction
    for key in keys:
        told = metadata(project, key)
        assert {name: told.get(name) for name in (f"found {n + 1}" for n in range(written[key]))} == {
            f"found {n + 1}": n + 1 for n in range(written[key])
        }
        assert told["image_urls"] == [f"http://a/{keys.index(key)}.jpg"]


async def test_what_others_wrote_stays_as_they_wrote_it(production: Project) -> None:
    """A number with more digits than a float has, and one that no float is, come out as they went in."""
    key = put(production)
    odd = '{"price": 12345678901234567890.123456789, "far": 1e400, "words": "\\"}{\\\\ é 🚗", "deep": {"a": [1.50]}}'
    production.sql("update vehicles set origin_metadata = origin_metadata || %s::jsonb", [odd])
    before = production.value("select (origin_metadata - 'image_urls')::text from vehicles")
    async with opened(production) as store:
        lease = await claim_one(store)
        await store.settle(lease, Settlement((refused("http://a/1.jpg"),), parked=True))
    price = production.value("select (origin_metadata->>'price')::numeric from vehicles where id = %s", [key])
    assert price == Decimal("12345678901234567890.123456789")
    assert production.value(f"select (origin_metadata - 'image_urls' - '{KEY}')::text from vehicles") == before


async def test_the_clock_of_a_machine_may_be_wrong(production: Project) -> None:
    put(production)
    async with opened(production, ahead=7200) as fast, opened(production, ahead=-7200) as slow:
        lease = await claim_one(fast)
        assert lease.until == pytest.approx(fast._clock.here() + TTL, abs=5)
        assert await claim(slow, worker="slow") == ()
        assert await slow.renew([lease], TTL) == frozenset()
        assert (await only(slow)).leased_by == "w"
        await store_nothing(fast, lease)
        (taken,) = await claim(slow, worker="slow")
        assert await claim(fast) == ()
        await store_nothing(slow, taken)


async def test_a_dead_workers_lease_is_taken_over_after_its_deadline(production: Project) -> None:
    put(production)
    async with opened(production) as dead, opened(production) as other:
        (lease,) = await dead.claim(Scope(), 1, worker="dead", run_id="r", ttl=1.0)
        async with asyncio.timeout(20):
            while not (taken := await claim(other, worker="other")):  # noqa: ASYNC110 - time has to pass
                await asyncio.sleep(0.1)
        assert taken[0].vehicle.id == lease.vehicle.id
        with pytest.raises(LeaseLost):
            await dead.record(lease, await picture(dead, lease))
        with pytest.raises(LeaseLost):
            await dead.settle(lease, Settlement(parked=True))
        assert await dead.renew([lease], TTL) == {lease.vehicle.id}
        assert (await only(other)).leased_by == "other"


async def test_a_lease_is_prolonged_when_half_of_it_is_over(production: Project) -> None:
    put(production)
    async with opened(production) as store:
        lease = await claim_one(store)
        production.gateway.log.clear()
        assert await store.renew([lease], TTL) == frozenset()
        assert production.gateway.requests("PATCH") == []
        assert await store.renew([lease], TTL * 3) == frozenset()
        assert len(production.gateway.requests("PATCH")) == 1
        assert await store.renew([], TTL) == frozenset()


async def test_two_stores_share_one_queue(production: Project) -> None:
    for number in range(60):
        put(production, make=f"Car {number}")

    async def everything(store: Store, worker: str) -> list[str]:
        held: list[str] = []
        while leases := await claim(store, 4, worker=worker):
            held += [lease.vehicle.id for lease in leases]
        return held

    async with opened(production) as one, opened(production) as two:
        shares = await asyncio.gather(everything(one, "one"), everything(one, "and one"), everything(two, "two"))
        held = [vehicle_id for share in shares for vehicle_id in share]
        assert (len(held), len(set(held))) == (60, 60)
        await one.refresh()
        rows = (await one.vehicles(VehicleQuery())).rows
        assert {row.leased_by for row in rows} <= {"one", "and one", "two"}


async def test_a_problem_in_mid_claim_leaves_no_lease_unworked(production: Project) -> None:
    for _ in range(3):
        put(production)
    async with opened(production) as store:
        denied = Answer(403, {"code": "42501", "message": "no"})
        fault = production.gateway.fault("PATCH", denied)
        assert len(await claim(store)) == 2
        assert fault.hits == 1
        production.gateway.fault("PATCH", denied, times=None)
        with pytest.raises(StoreError, match="keeps this key from"):
            await claim(store)


async def test_the_fleet_is_whoever_holds_something(production: Project) -> None:
    for number in range(5):
        put(production, make=f"Car {number}")
    async with opened(production) as one, opened(production) as two:
        report = RunRecord("mine", "me", one._clock.here(), one._clock.here(), None, Phase.RUNNING, RunOptions())
        assert await one.join_run(report) == "mine"
        await one.claim(Scope(), 2, worker="me", run_id="mine", ttl=TTL)
        await two.claim(Scope(), 3, worker="you", run_id="yours", ttl=TTL)
        await one.refresh()
        me, you = await one.fleet()
        assert (me.share.worker, me.holding, len(me.titles)) == ("me", 2, 2)
        assert (you.share.worker, you.share.run_id, you.holding, len(you.titles)) == ("you", "yours", 3, 3)
        assert "backfill-tui schema" in one.notice
