from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from tests.images.virtual import now, run
from tui.images.circuit import FAILURES, FIRST_WAIT, LONGEST_WAIT, SPREAD, Circuit, HostDown
from tui.images.pace import PROFILES, Pace
from tui.model import Reason

HOST = "a.com"


def broken(at: float = 100.0) -> Circuit:
    """A circuit that opened at `at`."""
    circuit = Circuit()
    for n in range(FAILURES):
        circuit.failed(at - SPREAD + n * SPREAD / (FAILURES - 1), Reason.TIMEOUT, probe=False)
    return circuit


def test_it_opens_after_failures_in_a_row_over_a_while() -> None:
    circuit = broken()
    assert circuit.open
    assert circuit.note == "timeout, 8 in a row"
    with pytest.raises(HostDown, match="timeout: the host failed 8 times in a row; next try in 15 s") as caught:
        circuit.hold(100.0, FIRST_WAIT - 1)
    assert caught.value.retry_after == FIRST_WAIT
    assert not caught.value.asked
    assert circuit.hold(100.0, FIRST_WAIT) == FIRST_WAIT


def test_one_burst_of_failures_does_not_open_it() -> None:
    circuit = Circuit()
    for _ in range(50):
        circuit.failed(1.0, Reason.CONNECTION, probe=False)
    assert circuit.hold(1.0, 0.0) == 0
    assert not circuit.open


def test_an_answer_between_failures_keeps_it_closed() -> None:
    circuit = Circuit()
    for n in range(50):
        circuit.failed(float(n), Reason.SERVER_ERROR, probe=False)
        if n % (FAILURES - 1) == 0:
            circuit.succeeded()
    assert not circuit.open


def test_one_request_finds_out_and_the_wait_doubles_up_to_a_cap() -> None:
    circuit, at, waits = broken(), 100.0, []
    for _ in range(8):
        waits.append(circuit.wait(at))
        at += waits[-1]
        assert circuit.hold(at, 0.0) == 0
        assert circuit.began()
        if len(waits) == 1:
            assert circuit.hold(at, math.inf) == math.inf, "somebody finds out"
        else:
            with pytest.raises(HostDown):
                circuit.hold(at, math.inf)
        circuit.failed(at, Reason.TIMEOUT, probe=True)
    assert waits[:4] == [15, 30, 60, 120]
    assert waits[-1] == LONGEST_WAIT


def test_success_closes_it_and_a_probe_that_was_cut_lets_another_try() -> None:
    circuit = broken()
    assert circuit.hold(200.0, 0.0) == 0
    assert circuit.began()
    circuit.gave_up()
    assert circuit.hold(200.0, 0.0) == 0
    circuit.began()
    circuit.succeeded()
    assert circuit.hold(200.0, 0.0) == 0
    assert not circuit.open
    assert circuit.note == ""


async def _ask(pace: Pace, alive: Callable[[], bool]) -> None:
    async with pace.slot(HOST) as turn:
        await asyncio.sleep(1)
        if alive():
            turn.answered()
        else:
            turn.failed(Reason.CONNECTION)


def test_whoever_waits_for_a_dead_host_is_told_once_it_failed_again_and_comes_through_when_it_is_back() -> None:
    async def main() -> None:
        pace, alive = Pace(PROFILES["normal"], clock=now), False
        crowd = (_ask(pace, lambda: alive) for _ in range(100))
        results = await asyncio.gather(*crowd, return_exceptions=True)
        assert sum(isinstance(result, HostDown) for result in results) > 85
        assert FIRST_WAIT < now() < FIRST_WAIT + 10
        shown = pace.hosts()[0]
        assert shown.open
        assert FIRST_WAIT < shown.wait <= 2 * FIRST_WAIT
        alive = True
        await asyncio.sleep(2 * FIRST_WAIT + 1)
        results = await asyncio.gather(*(_ask(pace, lambda: alive) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), HostDown, HostDown]
        await asyncio.gather(*(_ask(pace, lambda: alive) for _ in range(3)))
        assert not pace.hosts()[0].open

    run(main())


def test_a_host_that_stumbles_costs_nobody_his_turn() -> None:
    async def main() -> None:
        pace = Pace(PROFILES["normal"], clock=now)
        await asyncio.gather(*(_ask(pace, lambda: now() > FIRST_WAIT) for _ in range(100)))
        assert not pace.hosts()[0].open

    run(main())
