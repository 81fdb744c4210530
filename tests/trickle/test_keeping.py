"""Images of one vehicle that are stored side by side: what is written is counted, and a pause knows of all of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.web import Web
from tests.support.world import listing, urls_stored
from tests.trickle.conftest import MakeTrickle
from tui.model import Phase, Picture, Problem, StoredImage
from tui.stores import LeaseLost, Store
from tui.trickle.run import Trickle


async def turns(count: int) -> None:
    """Let the event loop go round so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_row_is_counted_whose_answer_comes_after_the_lease_was_lost(
    store: Store, web: Web, make: MakeTrickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.intake([listing(web, 0, images=2)])
    record, written = store.record, asyncio.Event()

    async def loses(lease: Any, image: StoredImage) -> bool:
        if image.source_url == web.url("v0/0"):
            await written.wait()
            raise LeaseLost
        fresh = await record(lease, image)
        written.set()
        await turns(5)
        return fresh

    monkeypatch.setattr(store, "record", loses)
    seen = await asyncio.wait_for(make().run(), 30)
    (urls,) = (await urls_stored(store)).values()
    assert seen.tally.stored == len(urls) == 1


async def test_a_paused_run_has_nothing_that_is_about_to_be_stored(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, number, images=6) for number in range(3)])
    trickle = make(batch_size=2)
    running = asyncio.create_task(trickle.run())
    pauses = 0
    while not running.done():
        await turns(7)
        trickle.pause()
        await paused(trickle)
        done = trickle.snapshot().tally.done
        await turns(20)
        assert trickle.phase.over or (trickle.phase, trickle.snapshot().tally.done) == (Phase.PAUSED, done)
        trickle.resume()
        pauses += 1
    assert (await running).tally.stored == 18
    assert pauses > 5


async def paused(trickle: Trickle) -> None:
    async with asyncio.timeout(10):
        while trickle.phase is Phase.PAUSING:  # noqa: ASYNC110 - what is awaited is the run's own progress
            await asyncio.sleep(0)


async def test_a_run_whose_lanes_have_failed_has_nothing_in_flight(
    store: Store, web: Web, make: MakeTrickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.intake([listing(web, number, images=2) for number in range(2)])
    trickle = make(batch_size=2)
    obtain, together = trickle._images.obtain, asyncio.Barrier(2)

    async def the_first_comes(url: str, *more: Any) -> Picture:
        if url not in (web.url("v0/0"), web.url("v1/64")):
            await asyncio.Event().wait()
        return await obtain(url, *more)

    async def breaks(*_: Any) -> str:
        await together.wait()
        raise Problem("the disk is full; free some space and run again.")

    monkeypatch.setattr(trickle._images, "obtain", the_first_comes)
    monkeypatch.setattr(store, "put_object", breaks)
    with pytest.raises(Problem):
        await asyncio.wait_for(trickle.run(), 30)
    assert trickle.snapshot().in_flight == 0
