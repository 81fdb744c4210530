"""What one machine wants of another's run, where nothing of ours is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.stores.test_supabase_plain_run import worker
from tests.support.plain import metadata, opened, put
from tests.support.stack import Answer, Project
from tests.support.web import serving
from tui.model import Lease, Phase, RunOptions, RunRecord, Scope, Settlement, Wish
from tui.stores import StoreError
from tui.stores.supabase.plain import PlainStore
from tui.stores.supabase.plain.remembered import KEY

TTL = 60.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it comes true as the run goes on
            await asyncio.sleep(0.01)


async def wishes(store: PlainStore) -> list[Wish]:
    return [member.share.wish for member in await store.fleet()]


def report(store: PlainStore, run_id: str) -> RunRecord:
    return RunRecord(run_id, "w", store._clock.here(), store._clock.here(), None, Phase.RUNNING, RunOptions())


async def at_work(store: PlainStore, vehicles: int) -> tuple[Lease, ...]:
    """A worker has begun the run `r` and holds so many vehicles."""
    await store.join_run(report(store, "r"))
    return await store.claim(Scope(), vehicles, worker="w", run_id="r", ttl=TTL)


async def test_a_run_elsewhere_is_paused_resumed_and_stopped(production: Project) -> None:
    async with serving() as web, opened(production) as one, opened(production) as two:
        keys = [put(production, web.url(f"{number}")) for number in range(9)]
        web.hold.clear()
        run = worker(one, web)
        going = asyncio.create_task(run.run())
        await until(lambda: web.holding > 0)
        assert await wishes(two) == [Wish.RUN]
        await two.direct_run(run.run_id, Wish.PAUSE)
        await until(lambda: run.phase is Phase.PAUSING)
        assert await wishes(two) == [Wish.PAUSE]
        await two.direct_run(run.run_id, Wish.RUN)
        await until(lambda: run.phase is Phase.RUNNING)
        assert await wishes(two) == [Wish.RUN]
        await two.direct_run(run.run_id, Wish.STOP)
        await until(lambda: run.phase is Phase.STOPPING)
        web.hold.set()
        await going
        assert await two.fleet() == ()
        await worker(two, web).run()
        assert [metadata(production, key).get(KEY) for key in keys] == [None] * len(keys)
        assert production.value("select count(*) from vehicle_images") == len(keys)


async def test_a_wish_is_heard_although_its_vehicle_is_settled_before_the_next_report(production: Project) -> None:
    put(production)
    async with opened(production) as one, opened(production) as two:
        (lease,) = await at_work(one, 1)
        await two.direct_run("r", Wish.PAUSE)
        await one.settle(lease, Settlement())
        assert (await one.save_run(report(one, "r"))).wish is Wish.PAUSE
        await one.direct_run("r", Wish.RUN)
        assert (await one.save_run(report(one, "r"))).wish is Wish.RUN


async def test_a_wish_is_obeyed_once_and_survives_a_renewal(production: Project) -> None:
    put(production)
    async with opened(production) as one, opened(production) as two:
        leases = await at_work(one, 1)
        await two.direct_run("r", Wish.PAUSE)
        assert await one.renew(leases, 3 * TTL) == frozenset()
        assert (await one.save_run(report(one, "r"))).wish is Wish.PAUSE
        await one.direct_run("r", Wish.RUN)
        assert (await one.save_run(report(one, "r"))).wish is Wish.RUN


async def test_a_wish_stays_known_while_the_worker_still_holds_anything(production: Project) -> None:
    for _ in range(3):
        put(production)
    async with opened(production) as one, opened(production) as two:
        leases = await at_work(one, 3)
        await two.direct_run("r", Wish.PAUSE)
        for lease in leases[:2]:
            await one.settle(lease, Settlement())
            await two.refresh()
            assert await wishes(two) == [Wish.PAUSE]


async def test_others_see_that_a_worker_rests_and_that_it_goes_on(production: Project) -> None:
    for _ in range(2):
        put(production)
    async with opened(production) as one, opened(production) as two:
        leases = await at_work(one, 2)
        for phase in (Phase.PAUSED, Phase.RUNNING):
            await one.save_run(replace(report(one, "r"), phase=phase))
            (member,) = await two.fleet()
            assert (member.share.phase, member.holding, member.reports) == (phase, 2, False)
        assert await one.renew(leases, 3 * TTL) == frozenset()


async def test_who_cannot_be_told_is_named(production: Project) -> None:
    async with opened(production) as store:
        with pytest.raises(StoreError, match="No worker of the run r holds a vehicle now"):
            await store.direct_run("r", Wish.PAUSE)


async def test_a_report_does_not_wait_for_a_project_that_is_silent(production: Project) -> None:
    put(production)
    async with opened(production) as store:
        await store.join_run(report(store, "r"))
        await store.claim(Scope(), 1, worker="w", run_id="r", ttl=TTL)
        production.gateway.fault("GET /rest/v1/vehicles", Answer(503), times=None)
        assert (await store.save_run(report(store, "r"))).wish is Wish.RUN
