"""Processes on one store share its work, and are one run."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.support.forked import Forked
from tests.support.mortal import start_worker
from tests.support.web import Web, serving
from tests.support.world import assert_sound, listing, states
from tui.model import Phase, State, Wish
from tui.stores import Store, open_store

VEHICLES, IMAGES = 24, 3


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - it is other processes' doing
            await asyncio.sleep(0.01)


async def filled(folder: Path, web: Web) -> Store:
    store = await open_store(f"local:{folder}")
    await store.intake([listing(web, number, IMAGES) for number in range(VEHICLES)])
    return store


@asynccontextmanager
async def busy(folder: Path, web: Web, count: int) -> AsyncIterator[list[Forked]]:
    """Workers of which each has as many requests waiting as it dares to begin with: some for each of two vehicles."""
    web.hold.clear()
    workers = [start_worker(folder, web.port) for _ in range(count)]

    async def all_wait() -> bool:
        return web.holding >= count * (IMAGES + 1)

    try:
        await until(all_wait)
        yield list(workers)
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()


async def finish(workers: list[Forked]) -> None:
    async with asyncio.timeout(30):
        assert {await worker.wait() for worker in workers} == {0}


def shares(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / "store.sqlite3")) as db:
        return [done for (done,) in db.execute("SELECT vehicles_done FROM image_backfill_shares")]


@pytest.mark.parametrize("count", [2, 4])
async def test_each_vehicle_is_worked_by_one_of_them(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "store"
    async with serving() as web:
        store = await filled(folder, web)
        # Nothing is answered before all have begun, so that none finds the others' work done.
        async with busy(folder, web, count) as workers:
            web.hold.set()
            await finish(workers)
        assert set(web.asked.values()) == {1}, "no image was asked for twice"
        assert web.asked.total() == VEHICLES * IMAGES
        assert set((await states(store)).values()) == {State.BACKFILLED}
        (run,) = await store.runs()
        assert (run.workers, run.phase, run.vehicles_done, run.vehicles_total) == (
            *(count, Phase.FINISHED),
            *(VEHICLES, VEHICLES),
        )
        assert run.tally.stored == VEHICLES * IMAGES
        assert min(shares(folder)) >= 2, "all had a share"
        await assert_sound(store, folder / "objects")
        await store.close()


async def test_a_pause_reaches_all_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    async with serving() as web:
        store = await filled(folder, web)
        async with busy(folder, web, 3) as workers:
            (run,) = await store.runs()
            await store.direct_run(run.run_id, Wish.PAUSE)

            async def all_pausing() -> bool:
                return {member.share.phase for member in await store.fleet()} == {Phase.PAUSING}

            async def all_paused() -> bool:
                return {member.share.phase for member in await store.fleet()} == {Phase.PAUSED}

            await until(all_pausing)  # by itself: nothing that they wait for is answered yet
            asked = web.asked.total()
            web.hold.set()
            await until(all_paused)
            assert web.asked.total() == asked
            assert (await store.runs())[0].phase is Phase.PAUSED
            await store.direct_run(run.run_id, Wish.RUN)
            await finish(workers)
        assert set((await states(store)).values()) == {State.BACKFILLED}
        await store.close()


async def test_what_a_killed_one_held_is_taken_over_by_the_others_of_its_run(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    async with serving() as web:
        store = await filled(folder, web)
        async with busy(folder, web, 3) as workers:
            victim = workers.pop()
            victim.kill()
            assert await victim.wait() == -signal.SIGKILL
            web.hold.set()
            await finish(workers)
        assert set((await states(store)).values()) == {State.BACKFILLED}
        (run,) = await store.runs()
        assert (run.workers, run.vehicles_done) == (3, VEHICLES)
        await assert_sound(store, folder / "objects")
        await store.close()
