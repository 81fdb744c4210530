"""A stop ends in a time that was told, however little bandwidth there is, and what it leaves is taken up again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.web import Web
from tests.support.world import assert_sound, listing, vehicles, work_left
from tests.trickle.conftest import MakeTrickle
from tui.images import bandwidth
from tui.model import Phase, Snapshot
from tui.stores import Store
from tui.trickle.run import Trickle

LARGE = 5_000_000
"""Bytes that take ten minutes at `SLOW`."""

SLOW = 8_000


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "DRAIN_SECONDS", 0.5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited is another host's or the run's own progress
            await asyncio.sleep(0.002)


async def stopped(trickle: Trickle, web: Web, requests: int) -> Snapshot:
    """The end of a run that is stopped once so many requests are being answered."""
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.asked.total() >= requests and trickle.snapshot().in_flight >= requests)
    trickle.stop()
    assert trickle.snapshot().phase is Phase.STOPPING
    async with asyncio.timeout(30):
        return await running


async def test_what_the_bandwidth_keeps_waiting_is_left_to_a_later_run(
    store: Store, web: Web, make: MakeTrickle, tmp_path: Path
) -> None:
    await store.intake([listing(web, 0, images=3)])
    answers = {f"v0/{n}": (200, os.urandom(LARGE)) for n in range(3)}
    web.answers |= answers
    seen = await stopped(make(bandwidth=SLOW), web, 3)
    assert (seen.phase, seen.tally.done, seen.vehicles_done) == (Phase.STOPPED, 0, 0)
    assert any("0.5 s" in line.text and "later run" in line.text for line in seen.log)
    (vehicle,) = await vehicles(store)
    assert await store.outcomes(vehicle.id) == ()
    await assert_sound(store, tmp_path / "store" / "objects")
    assert await work_left(store) == 1
    web.answers.clear()
    assert (await make().run()).tally.stored == 3


async def test_what_comes_in_time_ends_as_ever(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, 0, images=2)])
    web.answers["v0/0"] = (200, os.urandom(LARGE))
    web.hold.clear()
    trickle = make(bandwidth=SLOW)
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding == 2)
    trickle.stop()
    trickle.tune(trickle.options.tuned(bandwidth=0))
    web.hold.set()
    seen = await running
    assert (seen.phase, seen.tally.stored, seen.tally.refused) == (Phase.STOPPED, 1, 1)


async def test_without_a_limit_nothing_is_said_of_it(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, 0, images=2)])
    trickle = make()
    trickle.stop()
    assert not any("later run" in line.text for line in (await trickle.run()).log)


async def test_a_pause_lets_them_come_and_a_stop_ends_it(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, 0, images=3)])
    web.answers |= {f"v0/{n}": (200, os.urandom(LARGE)) for n in range(3)}
    trickle = make(bandwidth=SLOW)
    running = asyncio.create_task(trickle.run())
    await until(lambda: trickle.snapshot().in_flight == 3)
    trickle.pause()
    seen = trickle.snapshot()
    assert (seen.phase, seen.in_flight) == (Phase.PAUSING, 3)
    trickle.stop()
    async with asyncio.timeout(30):
        assert (await running).phase is Phase.STOPPED
