"""Two processes on one store share its work."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.mortal import start_worker
from tests.support.web import serving
from tests.support.world import assert_sound, listing, states
from tui.model import State
from tui.stores import open_store

VEHICLES, IMAGES = 24, 3


async def test_each_vehicle_is_worked_by_one_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    async with serving() as web:
        store = await open_store(f"local:{folder}")
        await store.intake([listing(web, number, IMAGES) for number in range(VEHICLES)])
        # Nothing is answered before both have begun, so that neither finds the other's work done.
        web.hold.clear()
        workers = [await start_worker(folder, web.port) for _ in range(2)]
        async with asyncio.timeout(30):
            while web.holding < 2 * 2 * IMAGES:  # noqa: ASYNC110 - two lanes in each of the two processes
                await asyncio.sleep(0.01)
            web.hold.set()
            assert [await worker.wait() for worker in workers] == [0, 0]
        assert set(web.asked.values()) == {1}, "no image was asked for twice"
        assert web.asked.total() == VEHICLES * IMAGES
        assert set((await states(store)).values()) == {State.BACKFILLED}
        done = [run.vehicles_done for run in await store.runs()]
        assert sum(done) == VEHICLES
        assert min(done) >= 2, "both had a share"
        await assert_sound(store, folder / "objects")
        await store.close()
