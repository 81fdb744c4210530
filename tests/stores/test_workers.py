from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tui.stores.local.workers import Roll

HOLD = """
import sys
from pathlib import Path
from tui.stores.local.workers import Roll
Roll(Path(sys.argv[1])).enrol("there:1")
print("enrolled", flush=True)
sys.stdin.read()
"""


def test_a_worker_is_alive_while_its_process_is(tmp_path: Path) -> None:
    roll = Roll(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"enrolled\n"
        assert not roll.is_dead("there:1")
        process.kill()
        process.wait()
        assert roll.is_dead("there:1")


def test_one_that_is_not_known_here_is_not_dead(tmp_path: Path) -> None:
    assert not Roll(tmp_path).is_dead("elsewhere:1")


def test_one_of_this_process_is_alive_and_leaves_nothing_behind(tmp_path: Path) -> None:
    roll = Roll(tmp_path / "workers")
    roll.enrol("here/../:1")
    assert not roll.is_dead("here/../:1")
    assert not Roll(tmp_path / "workers").is_dead("here/../:1")
    roll.close()
    assert list(tmp_path.rglob("*.lock")) == []


def test_one_that_left_a_trace_is_dead(tmp_path: Path) -> None:
    roll = Roll(tmp_path)
    for worker, trace in (("here:1", True), ("here:2", False), ("here:2", True)):
        roll.enrol(worker)
        roll.leave(worker, trace=trace)
        assert roll.is_dead(worker) == trace
    roll.leave("here:3")
