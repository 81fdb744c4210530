from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.images.starts import CATCH_UP, Starts


def starting(count: int, rate: float, late: float, rng: random.Random) -> list[float]:
    """When somebody starts who always waits for the next turn, with timers that ring up to `late` seconds late."""
    starts, times, now = Starts(), [], 1000.0
    for _ in range(count):
        now = max(now, starts.next(rate, rate)) + (rng.random() * late if rng.random() < 0.5 else 0.0)
        starts.add(now, rate, rate)
        times.append(now)
    return times


@given(st.integers(1, 60), st.floats(0, 0.2), st.randoms(use_true_random=False))
def test_no_second_ever_holds_more_starts_than_the_rate(rate: int, late: float, rng: random.Random) -> None:
    times = starting(4 * rate + 4, rate, late, rng)
    assert all(later - earlier > 1.0 for earlier, later in zip(times, times[rate:], strict=False))


@pytest.mark.parametrize("rate", [1.0, 4.0, 7.5, 16.0, 100.0, 900.0])
@pytest.mark.parametrize("late", [0.0, 0.0005, 0.003])
def test_timers_that_ring_late_cost_nothing_of_the_rate(rate: float, late: float) -> None:
    count = int(20 * rate)
    times = starting(count + 1, rate, late, random.Random(1))
    assert 0.98 * rate <= count / (times[-1] - times[0]) < rate


def test_what_was_not_used_is_not_made_up_for() -> None:
    starts = Starts()
    starts.add(0.0, 10.0, 10.0)
    starts.add(50.0, 10.0, 10.0)
    assert starts.next(10.0, 10.0) == pytest.approx(50.1, abs=0.002)
    starts.add(50.1 + CATCH_UP, 10.0, 10.0)
    assert starts.next(10.0, 10.0) < 50.21


def test_a_rate_below_one_a_second_is_kept_too() -> None:
    times = starting(5, 0.5, 0.01, random.Random(2))
    assert all(2.0 < later - earlier < 2.05 for earlier, later in pairwise(times))


def test_without_a_rate_nothing_waits() -> None:
    starts = Starts()
    for _ in range(3):
        starts.add(7.0, math.inf, math.inf)
        assert starts.next(math.inf, math.inf) <= 7.0
