"""Several workers on one run: what is wanted of it reaches all of them, and nothing undoes what was done here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.web import Web
from tests.support.world import listing, work_left
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Pace
from tui.model import Orders, Phase, Problem, RunOptions, RunRecord, Scope, Wish
from tui.stores import Store, StoreError, open_store
from tui.trickle import reporter, run
from tui.trickle.run import Trickle

AS_IN_LIFE = reporter.REPORT
WITHIN = 2.0
"""Seconds in which a pause or its end must reach every worker of a run."""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports and heartbeats in quick succession."""
    monkeypatch.setattr(reporter, "REPORT", 0.01)
    monkeypatch.setattr(run, "HEARTBEAT", 0.02)


@pytest.fixture
async def elsewhere(tmp_path: Path, store: Store) -> AsyncIterator[Store]:
    """The same store as another process has it open."""
    opened = await open_store(f"local:{tmp_path / 'store'}")
    yield opened
    await opened.close()


def worker(store: Store, web: Web, **options: object) -> Trickle:
    images = Images(Pace(PROFILES["unlimited"]), guard=Guard(exempt=web.exempt))
    return Trickle(store, images, RunOptions(pace="unlimited", **options))  # type: ignore[arg-type]


async def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is awaited is another worker's doing
            await asyncio.sleep(0.002)


@asynccontextmanager
async def under_way(*workers: Trickle) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Workers that have begun; whatever is left of them is cut in the end."""
    tasks: list[asyncio.Task[Any]] = []
    try:
        for one in workers:
            tasks.append(asyncio.create_task(one.run()))
            await until_told(one, "begins")
        yield tasks
    finally:
        for one in workers:
            one.cut()
        await asyncio.gather(*tasks, return_exceptions=True)


def told(one: Trickle, words: str) -> int:
    return sum(words in line.text for line in one.snapshot().log)


def holds_back(one: Trickle) -> bool:
    return one.snapshot().phase in (Phase.PAUSING, Phase.PAUSED)


async def until_told(one: Trickle, words: str) -> None:
    await until(lambda: told(one, words) > 0)


async def fill(store: Store, web: Web, count: int, images: int = 1) -> None:
    await store.intake([listing(web, number, images) for number in range(count)])


async def test_workers_over_the_same_scope_are_one_run(store: Store, elsewhere: Store, web: Web) -> None:
    await fill(store, web, 6)
    web.hold.clear()
    one, two = worker(store, web, batch_size=2), worker(elsewhere, web, batch_size=2)
    own = two.run_id
    async with under_way(one, two) as tasks:
        await until(lambda: web.holding == 4)
        assert two.run_id == one.run_id != own
        assert two.snapshot().run_id == one.run_id
        await until(lambda: one.snapshot().workers == two.snapshot().workers == 2)
        (member, _) = await store.fleet()
        assert (member.share.run_id, member.holding) == (one.run_id, 2)
        web.hold.set()
        await asyncio.gather(*tasks)
    (record,) = await store.runs()
    assert (record.run_id, record.workers, record.vehicles_done, record.phase) == (one.run_id, 2, 6, Phase.FINISHED)
    assert record.tally.stored == 6


async def test_another_scope_is_another_run(store: Store, elsewhere: Store, web: Web) -> None:
    await fill(store, web, 1)
    web.hold.clear()
    one, two = worker(store, web), worker(elsewhere, web, scope=Scope(include_private=True))
    async with under_way(one, two):
        assert one.run_id != two.run_id
        web.hold.set()


async def test_a_pause_here_pauses_everywhere_and_so_does_its_end(
    store: Store, elsewhere: Store, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "REPORT", AS_IN_LIFE)
    await fill(store, web, 4)
    web.hold.clear()
    one, two = worker(store, web, batch_size=1), worker(elsewhere, web, batch_size=1)
    async with under_way(one, two) as tasks:
        await until(lambda: web.holding == 2)
        one.pause()
        assert one.snapshot().phase is Phase.PAUSING, "here it holds at once"
        await until(lambda: two.snapshot().phase is Phase.PAUSING, WITHIN)
        assert told(two, "the run was paused from elsewhere") == 1
        web.hold.set()
        await until(lambda: {one.snapshot().phase, two.snapshot().phase} == {Phase.PAUSED})
        two.resume()
        await until(lambda: told(one, "the run was resumed from elsewhere") == 1, WITHIN)
        await asyncio.gather(*tasks)
    assert await work_left(store) == 0


async def test_who_joins_a_paused_run_begins_nothing(store: Store, elsewhere: Store, web: Web) -> None:
    await fill(store, web, 4)
    web.hold.clear()
    one, two = worker(store, web, batch_size=1), worker(elsewhere, web, batch_size=1)
    async with under_way(one):
        await until(lambda: web.holding == 1)
        await store.direct_run(one.run_id, Wish.PAUSE)
        async with under_way(two):
            assert two.snapshot().phase is Phase.PAUSED
            assert web.holding == 1
        web.hold.set()


async def test_a_stop_from_elsewhere_drains_every_worker(store: Store, elsewhere: Store, web: Web) -> None:
    await fill(store, web, 6)
    web.hold.clear()
    one, two = worker(store, web, batch_size=1), worker(elsewhere, web, batch_size=1)
    async with under_way(one, two) as tasks:
        await until(lambda: web.holding == 2)
        await store.direct_run(one.run_id, Wish.STOP)
        await until(lambda: {one.snapshot().phase, two.snapshot().phase} == {Phase.STOPPING})
        web.hold.set()
        assert [seen.phase for seen in await asyncio.gather(*tasks)] == [Phase.STOPPED, Phase.STOPPED]
    assert await work_left(store) == 4


async def test_a_stop_here_is_of_this_worker_alone(store: Store, elsewhere: Store, web: Web) -> None:
    await fill(store, web, 4)
    web.hold.clear()
    one, two = worker(store, web, batch_size=1), worker(elsewhere, web, batch_size=1)
    async with under_way(one, two) as (first, second):
        await until(lambda: web.holding == 2)
        one.stop()
        web.hold.set()
        web.hold.clear()  # those that were held go on, and the other worker's next one waits until this one has ended
        assert (await first).phase is Phase.STOPPED
        web.hold.set()
        assert (await second).phase is Phase.FINISHED
    assert await work_left(store) == 0
    (record,) = await store.runs()
    assert (record.phase, record.wish) == (Phase.FINISHED, Wish.RUN)


class Held:
    """Answers to reports, held back on their way until they are let go."""

    def __init__(self, store: Any) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting: Orders | None = None
        self._answer: Callable[[RunRecord], Awaitable[Orders]] = store.save_run
        store.save_run = self

    async def __call__(self, record: RunRecord) -> Orders:
        orders = await self._answer(record)
        self.waiting = orders
        await self.gate.wait()
        self.waiting = None
        return orders

    async def hold(self, wish: Wish) -> None:
        """Until an answer with this wish is on its way."""
        self.gate.clear()
        await until(lambda: self.waiting is not None and self.waiting.wish is wish)


async def wish_of(store: Store) -> Wish:
    return (await store.runs())[0].wish


async def until_wished(store: Store, wish: Wish) -> None:
    async with asyncio.timeout(10):
        while await wish_of(store) is not wish:  # noqa: ASYNC110 - the store does not call
            await asyncio.sleep(0.002)


async def test_an_older_answer_does_not_undo_a_pause(store: Store, web: Web) -> None:
    await fill(store, web, 2)
    web.hold.clear()
    one = worker(store, web, batch_size=1)
    held = Held(store)
    async with under_way(one):
        await held.hold(Wish.RUN)
        one.pause()
        held.gate.set()
        await until_wished(store, Wish.PAUSE)
        await held.hold(Wish.PAUSE)
        assert holds_back(one)
        assert not told(one, "from elsewhere")
        held.gate.set()
        web.hold.set()


async def test_an_older_answer_does_not_undo_its_end(store: Store, web: Web) -> None:
    await fill(store, web, 2)
    web.hold.clear()
    one = worker(store, web, batch_size=1)
    held = Held(store)
    async with under_way(one):
        one.pause()
        await until_wished(store, Wish.PAUSE)
        await held.hold(Wish.PAUSE)
        one.resume()
        held.gate.set()
        await until_wished(store, Wish.RUN)
        await held.hold(Wish.RUN)
        assert not holds_back(one)
        assert not told(one, "from elsewhere")
        held.gate.set()
        web.hold.set()


async def test_the_last_of_many_presses_counts(store: Store, web: Web) -> None:
    await fill(store, web, 2)
    web.hold.clear()
    one = worker(store, web, batch_size=1)
    held = Held(store)
    async with under_way(one):
        await held.hold(Wish.RUN)
        for _ in range(5):
            one.pause()
            one.resume()
        one.pause()
        held.gate.set()
        await until_wished(store, Wish.PAUSE)
        await held.hold(Wish.PAUSE)
        assert holds_back(one)
        held.gate.set()
        web.hold.set()


async def test_a_pause_while_another_one_is_being_told(store: Store, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(store, web, 2)
    web.hold.clear()
    one = worker(store, web, batch_size=1)
    direct, gate, told_now = store.direct_run, asyncio.Event(), list[Wish]()

    async def slowly(run_id: str, wish: Wish) -> None:
        told_now.append(wish)
        await gate.wait()
        await direct(run_id, wish)

    monkeypatch.setattr(store, "direct_run", slowly)
    async with under_way(one):
        one.pause()
        await until(lambda: told_now == [Wish.PAUSE])
        one.resume()
        gate.set()
        await until(lambda: told_now == [Wish.PAUSE, Wish.RUN])
        await until_wished(store, Wish.RUN)
        assert not holds_back(one)
        web.hold.set()


async def test_a_pause_that_the_store_has_not_heard_yet_holds_here(
    store: Store, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, web, 2)
    web.hold.clear()
    one = worker(store, web, batch_size=1)
    direct, tries = store.direct_run, 0

    async def fails_at_first(run_id: str, wish: Wish) -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise StoreError("the store is away.")
        await direct(run_id, wish)

    monkeypatch.setattr(store, "direct_run", fails_at_first)
    async with under_way(one):
        one.pause()
        await until_wished(store, Wish.PAUSE)
        assert holds_back(one)
        assert (told(one, "report: the store is away."), told(one, "from elsewhere")) == (1, 0)
        web.hold.set()


async def test_a_pause_is_told_even_if_the_worker_ends_at_once(store: Store, elsewhere: Store, web: Web) -> None:
    await fill(store, web, 4)
    web.hold.clear()
    one, two = worker(store, web, batch_size=1), worker(elsewhere, web, batch_size=1)
    async with under_way(one, two):
        await until(lambda: web.holding == 2)
        one.pause()
        one.cut()
        await until(lambda: holds_back(two))
        web.hold.set()


async def test_reports_that_fail_end_nothing_and_are_told_once(
    store: Store, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, web, 3)
    web.hold.clear()
    one = worker(store, web)
    save, tries = store.save_run, 0

    async def fails(record: RunRecord) -> Orders:
        nonlocal tries
        tries += 1
        raise StoreError(f"the store is away for the {tries}. time.")

    async with under_way(one) as (task,):
        monkeypatch.setattr(store, "save_run", fails)
        await until(lambda: tries > 5)
        monkeypatch.setattr(store, "save_run", save)
        await until(lambda: told(one, "report: works again") == 1)
        assert told(one, "report: the store is away") == 1
        monkeypatch.setattr(store, "save_run", fails)
        await until(lambda: told(one, "report: the store is away") == 2)
        web.hold.set()
        assert (await task).phase is Phase.FINISHED


async def test_a_run_that_cannot_be_joined_does_not_begin(
    store: Store, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, web, 1)

    async def fails(record: RunRecord) -> str:
        raise StoreError("the store is away.")

    monkeypatch.setattr(store, "join_run", fails)
    with pytest.raises(Problem, match="away"):
        await worker(store, web).run()
    assert web.asked.total() == 0


async def test_what_is_ahead_is_counted_again_while_others_take_from_it(
    store: Store, elsewhere: Store, web: Web
) -> None:
    await fill(store, web, 8)
    web.hold.clear()
    one, two = worker(store, web, batch_size=1), worker(elsewhere, web, batch_size=4)
    async with under_way(one) as (task,):
        await until(lambda: one.snapshot().vehicles_total == 8 and web.holding == 1)
        async with under_way(two) as (other,):
            await until(lambda: one.snapshot().vehicles_total == 4)
            web.hold.set()
            mine, others = await asyncio.gather(task, other)
    assert (mine.vehicles_total, mine.images_total) == (mine.vehicles_done, mine.tally.stored)
    assert mine.vehicles_done + others.vehicles_done == 8


async def test_a_worker_reports_its_rates(store: Store, web: Web) -> None:
    await fill(store, web, 3, images=2)
    web.answers = {}
    one = worker(store, web)
    seen = await one.run()
    (record,) = await store.runs()
    assert record.worker == one.worker
    assert record.images_per_second == seen.images_per_second > 0
    assert record.bytes_per_second == seen.bytes_per_second > 0


async def test_no_two_workers_have_one_name(store: Store, web: Web) -> None:
    assert worker(store, web).worker != worker(store, web).worker


async def test_a_worker_that_comes_back_to_its_run_adds_to_what_it_did(
    store: Store, elsewhere: Store, web: Web
) -> None:
    await fill(store, web, 3)
    now = time.time()
    other = RunRecord("the run", "other:1", now, now, None, Phase.RUNNING, RunOptions(), vehicles_done=5)
    await elsewhere.join_run(other)
    for _ in range(2):
        assert (await worker(store, web, limit=1).run()).run_id == "the run"
    (record,) = await store.runs()
    assert (record.vehicles_done, record.workers) == (7, 3)


async def test_why_the_store_keeps_the_run_waiting_is_in_the_snapshot(
    store: Store, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(store), "trouble", "the database restarts; trying again in 8 s")
    assert worker(store, web).snapshot().trouble == "the database restarts; trying again in 8 s"
