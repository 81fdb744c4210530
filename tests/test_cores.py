from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tui.cores import cores, keep_to, share_out

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


def in_a_process(code: str) -> str:
    return subprocess.check_output([sys.executable, "-c", f"import os; from tui.cores import *; {code}"], text=True)


def test_as_many_processes_as_cores_get_one_each_and_more_of_them_in_turn() -> None:
    own = cores()
    assert share_out(len(own)) == own
    assert share_out(2 * len(own) + 1) == (*own, *own, own[0])


@LINUX
def test_fewer_processes_than_cores_go_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 1, 2})
    assert share_out(2) == (None, None)
    assert share_out(3) == (1, 2, 3)


@LINUX
def test_a_process_keeps_to_its_core_and_gives_way() -> None:
    last = cores()[-1]
    assert in_a_process(f"keep_to({last}); print(cores(), os.sched_getscheduler(0))").split() == [
        f"({last},)",
        str(os.SCHED_BATCH),
    ]
    assert in_a_process("keep_to(None); print(cores())").strip() == str(cores())


def test_a_core_that_is_gone_costs_nothing_but_its_use() -> None:
    assert in_a_process("keep_to(1000); print(cores())").strip() == str(cores())


@LINUX
def test_a_process_that_gives_way_more_than_that_stays_so() -> None:
    code = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); keep_to(None); print(os.sched_getscheduler(0))"
    assert in_a_process(code).strip() == str(os.SCHED_IDLE)


@LINUX
def test_a_process_that_may_not_give_way_keeps_to_its_core_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[set[int]] = []
    monkeypatch.setattr(os, "sched_setscheduler", _forbidden)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, mask: kept.append(mask))
    keep_to(3)
    assert kept == [{3}]


def _forbidden(*_: object) -> None:
    raise PermissionError
