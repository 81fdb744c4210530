"""Runs with many workers: who joins which, what is wanted of them, and who is at work."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stores.conftest import Clock
from tests.stores.shelf import TTL, listing
from tui.model import SILENCE, Orders, Phase, RunOptions, RunRecord, Scope, Tally, Wish
from tui.stores.local import LocalStore
from tui.stores.local.journal import KILLED_SHOWN


@pytest.fixture
def report(clock: Clock) -> RunRecord:
    """A first report, now."""
    return RunRecord("one", "a:1", clock.now, clock.now, None, Phase.STARTING, RunOptions())


def other(report: RunRecord, worker: str = "b:1", run_id: str = "two", **changes: object) -> RunRecord:
    return replace(report, run_id=run_id, worker=worker, **changes)  # type: ignore[arg-type]


async def test_a_worker_joins_the_live_run_over_the_same_scope(store: LocalStore, report: RunRecord) -> None:
    assert await store.join_run(report) == "one"
    assert await store.join_run(other(report)) == "one"
    (run,) = await store.runs()
    assert (run.run_id, run.worker, run.workers) == ("one", "a:1, b:1", 2)


async def test_the_order_of_ids_makes_no_other_scope(store: LocalStore, report: RunRecord) -> None:
    scopes = [Scope(organization_ids=ids) for ids in (("x", "y"), ("y", "x"), ("x",))]
    reports = [other(report, f"w:{n}", f"r{n}", options=RunOptions(scope=scope)) for n, scope in enumerate(scopes)]
    assert [await store.join_run(one) for one in reports] == ["r0", "r0", "r2"]


async def test_another_scope_is_another_run(store: LocalStore, report: RunRecord) -> None:
    await store.join_run(report)
    for number, scope in enumerate((Scope(include_private=True), Scope(vehicle_ids=("v",)), Scope(("o",)))):
        one = other(report, f"b:{number}", f"more {number}", options=RunOptions(scope=scope))
        assert await store.join_run(one) == one.run_id


async def test_options_may_differ_within_a_run(store: LocalStore, report: RunRecord) -> None:
    await store.join_run(report)
    assert await store.join_run(other(report, options=RunOptions(3, 4, 5, "gentle"))) == "one"
    assert [member.share.options.limit for member in await store.fleet()] == [100, 5]


async def test_a_run_that_ended_or_fell_silent_is_joined_by_nobody(
    store: LocalStore, report: RunRecord, clock: Clock
) -> None:
    await store.join_run(report)
    clock.now += SILENCE + 1
    assert await store.join_run(other(report, seen_at=clock.now)) == "two"
    await store.save_run(other(report, seen_at=clock.now, ended_at=clock.now, phase=Phase.FINISHED))
    assert await store.join_run(other(report, "c:1", "three", seen_at=clock.now)) == "three"


async def test_a_run_that_is_to_stop_is_joined_by_nobody(store: LocalStore, report: RunRecord) -> None:
    await store.join_run(report)
    await store.direct_run("one", Wish.STOP)
    assert await store.join_run(other(report)) == "two"


async def test_a_paused_run_is_joined_and_the_worker_learns_of_the_pause(store: LocalStore, report: RunRecord) -> None:
    await store.join_run(report)
    await store.direct_run("one", Wish.PAUSE)
    joined = await store.join_run(other(report))
    assert await store.save_run(other(report, run_id=joined)) == Orders(Wish.PAUSE, 2)


async def test_every_worker_learns_what_is_wanted(store: LocalStore, report: RunRecord, clock: Clock) -> None:
    await store.join_run(report)
    assert await store.save_run(report) == Orders(Wish.RUN, 1)
    await store.join_run(other(report))
    await store.direct_run("one", Wish.PAUSE)
    assert await store.save_run(report) == Orders(Wish.PAUSE, 2)
    await store.direct_run("one", Wish.RUN)
    assert await store.save_run(other(report, run_id="one")) == Orders(Wish.RUN, 2)
    clock.now += SILENCE + 1
    assert await store.save_run(replace(report, seen_at=clock.now)) == Orders(Wish.RUN, 1), "the other fell silent"
    assert (await store.runs())[0].wish is Wish.RUN


async def test_a_stop_is_for_good(store: LocalStore, report: RunRecord) -> None:
    await store.join_run(report)
    await store.direct_run("one", Wish.STOP)
    await store.direct_run("one", Wish.RUN)
    assert (await store.save_run(report)).wish is Wish.STOP


async def test_what_nobody_runs_can_be_directed_in_vain(store: LocalStore) -> None:
    await store.direct_run("nothing", Wish.PAUSE)
    assert await store.runs() == ()


async def test_a_report_that_comes_late_revives_nobody(store: LocalStore, report: RunRecord) -> None:
    await store.join_run(report)
    ended = replace(report, seen_at=report.seen_at + 5, ended_at=report.seen_at + 5, phase=Phase.FINISHED)
    await store.save_run(ended)
    await store.save_run(replace(report, seen_at=report.seen_at + 4, phase=Phase.RUNNING))
    assert await store.runs() == (ended,)


async def test_the_limit_is_in_runs(store: LocalStore, report: RunRecord) -> None:
    for number in range(4):
        for worker in ("a:1", "b:1"):
            await store.save_run(
                other(report, worker, f"r{number}", started_at=report.started_at + number, tally=Tally(stored=2))
            )
    newest = await store.runs(limit=3)
    assert [(run.run_id, run.workers, run.tally.stored) for run in newest] == [("r3", 2, 4), ("r2", 2, 4), ("r1", 2, 4)]


async def test_the_fleet_with_what_it_holds(store: LocalStore, report: RunRecord, clock: Clock) -> None:
    await store.intake([listing(f"car {number}") for number in range(5)])
    await store.join_run(report)
    await store.join_run(other(report, options=RunOptions(scope=Scope(include_private=True)), started_at=clock.now + 1))
    await store.claim(Scope(), 4, worker="a:1", run_id="one", ttl=TTL)
    newer, older = await store.fleet()
    assert (newer.share.worker, newer.holding, newer.titles) == ("b:1", 0, ())
    assert (older.share, older.holding, older.titles) == (report, 4, ("car 0", "car 1", "car 2"))
    clock.now += TTL + 1
    assert (await store.fleet())[1].holding == 0, "its leases are over"


async def test_who_ended_has_left_the_fleet_and_a_killed_one_stays_a_while(
    store: LocalStore, report: RunRecord, clock: Clock
) -> None:
    await store.join_run(report)
    await store.join_run(other(report))
    await store.save_run(replace(report, ended_at=clock.now, phase=Phase.STOPPED))
    clock.now += KILLED_SHOWN - 1
    assert [member.share.worker for member in await store.fleet()] == ["b:1"]
    clock.now += 2
    assert await store.fleet() == ()


JOIN = """
    import asyncio, sys, time
    from pathlib import Path
    from tui.model import Phase, RunOptions, RunRecord
    from tui.stores.local import LocalStore

    async def main(folder, worker):
        store = await LocalStore.open(Path(folder))
        now = time.time()
        print(await store.join_run(RunRecord(worker, worker, now, now, None, Phase.STARTING, RunOptions())), flush=True)
        sys.stdin.read()

    asyncio.run(main(*sys.argv[1:]))
"""


def start(folder: Path, worker: str) -> subprocess.Popen[str]:
    code = [sys.executable, "-c", textwrap.dedent(JOIN), str(folder), worker]
    return subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def joined(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def test_processes_that_start_at_once_are_one_run(tmp_path: Path) -> None:
    await (await LocalStore.open(tmp_path)).close()
    processes = [start(tmp_path, f"w:{number}") for number in range(4)]
    assert len({await asyncio.to_thread(joined, process) for process in processes}) == 1
    for process in processes:
        process.communicate(timeout=60)


async def test_a_run_whose_only_worker_was_killed_is_joined_by_nobody(tmp_path: Path) -> None:
    first = start(tmp_path, "w:1")
    assert await asyncio.to_thread(joined, first) == "w:1"
    first.kill()
    first.communicate()
    second = start(tmp_path, "w:2")
    assert await asyncio.to_thread(joined, second) == "w:2"
    second.communicate(timeout=60)
