from __future__ import annotations

from dataclasses import replace

import pytest

from tui.model import SILENCE, Phase, RunOptions, RunRecord
from tui.stores import Store
from tui.trickle.journal import fate, unfinished

NOW = 1_000_000.0


def record(phase: Phase, ended: bool = True, seen_before: float = 1.0) -> RunRecord:
    seen = NOW - seen_before
    return RunRecord("r", "here:1", NOW - 500, seen, seen if ended else None, phase, RunOptions())


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (record(Phase.FINISHED), "finished"),
        (record(Phase.STOPPED), "stopped"),
        (record(Phase.FAILED), "failed"),
        (record(Phase.RUNNING, ended=False), "running"),
        (record(Phase.PAUSED, ended=False), "running"),
        (record(Phase.RUNNING, ended=False, seen_before=SILENCE + 1), "interrupted"),
    ],
)
def test_the_fate_of_a_run(entry: RunRecord, word: str) -> None:
    assert fate(entry, NOW) == word


async def test_only_the_newest_run_can_be_unfinished(store: Store) -> None:
    assert await unfinished(store, NOW) is None
    stopped = record(Phase.STOPPED)
    await store.save_run(stopped)
    assert await unfinished(store, NOW) == stopped
    await store.save_run(replace(record(Phase.FINISHED), run_id="later", started_at=NOW - 100))
    assert await unfinished(store, NOW) is None


async def test_a_run_that_goes_on_is_not_unfinished_and_a_killed_one_is(store: Store) -> None:
    going = record(Phase.RUNNING, ended=False)
    await store.save_run(going)
    assert await unfinished(store, NOW) is None
    assert await unfinished(store, NOW + SILENCE) == going
