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
from tui.model import Phase, RunOptions, RunRecord, Tally
from tui.stores.local import LocalStore


@pytest.fixture
def report(clock: Clock) -> RunRecord:
    """A first report, now."""
    return RunRecord("one", "a:1", clock.now, clock.now, None, Phase.STARTING, RunOptions())


def other(report: RunRecord, worker: str = "b:1", run_id: str = "two", **changes: object) -> RunRecord:
    return replace(report, run_id=run_id, worker=worker, **changes)  # type: ignore[arg-type]


async def test_the_limit_is_in_runs(store: LocalStore, report: RunRecord) -> None:
    for number in range(4):
        for worker in ("a:1", "b:1"):
            await store.save_run(
                other(report, worker, f"r{number}", started_at=report.started_at + number, tally=Tally(stored=2))
            )
    newest = await store.runs(limit=3)
    assert [(run.run_id, run.workers, run.tally.stored) for run in newest] == [("r3", 2, 4), ("r2", 2, 4), ("r1", 2, 4)]


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
