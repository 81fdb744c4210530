from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui.images.starts import CATCH_UP, UNHEARD, Start, Starts


def starting(count: int, rate: float, late: float, rng: random.Random) -> list[float]:
    """When somebody starts who always waits for the next turn, with timers that ring up to `late` seconds late."""
    starts, times, now = Starts(), [], 1000.0
    for _ in range(count):
        now = max(now, starts.next(now, rate, rate)) + (rng.random() * late if rng.random() < 0.5 else 0.0)
        start = starts.add(now, rate, rate)
        assert start is not None
        starts.answered(start, now)
        times.append(now)
    return times


Way = Callable[[float], tuple[float, float]]
"""When a request that started at a time arrives, and when its answer does."""


def asking(count: int, rate: float, way: Way) -> list[float]:
    """The arrivals at a host of `count` requests, each of which starts as soon as it may."""
    starts, answers, arrivals, now = Starts(), list[tuple[float, int, Start]](), list[float](), 1000.0
    while len(arrivals) < count:
        ready = starts.next(now, rate, rate)
        if answers and answers[0][0] <= max(now, ready):
            now, _, start = heappop(answers)
            starts.answered(start, now)
        elif ready > now:
            now = ready
        else:
            added = starts.add(now, rate, rate)
            assert added is not None
            arrival, answer = way(now)
            arrivals.append(arrival)
            heappush(answers, (answer, len(arrivals), added))
    return arrivals


def stalling(latency: float, stalls: list[tuple[float, float]]) -> Way:
    """Each of `stalls` (seconds until it begins, how long it is) keeps whatever is on its way until its end."""
    times, at = [], 1000.0
    for pause, seconds in stalls:
        times.append((at + pause, at + pause + seconds))
        at += pause + seconds

    def through(at: float) -> float:
        return next((end for begin, end in times if begin <= at < end), at)

    def way(at: float) -> tuple[float, float]:
        arrival = through(at + latency / 2)
        return arrival, through(arrival + latency / 2)

    return way


def most_in_a_second(arrivals: list[float]) -> int:
    arrivals = sorted(arrivals)
    return max(bisect_left(arrivals, first + 1) - place for place, first in enumerate(arrivals))


def achieved(arrivals: list[float]) -> float:
    """Requests per second that arrived."""
    return (len(arrivals) - 1) / (max(arrivals) - min(arrivals))


@given(st.integers(1, 60), st.floats(0, 0.2), st.randoms(use_true_random=False))
def test_no_second_ever_holds_more_starts_than_the_rate(rate: int, late: float, rng: random.Random) -> None:
    times = starting(4 * rate + 4, rate, late, rng)
    assert all(later - earlier > 1.0 for earlier, later in zip(times, times[rate:], strict=False))


STALLS = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 0.5)), max_size=8)


@given(st.integers(1, 60), st.sampled_from([0.001, 0.05, 0.4, 0.8]), STALLS)
@example(1, 0.001, [(0.0, 0.5)])
@example(1, 0.001, [(0.0, 0.5)] + 7 * [(0.6, 0.5)])
@example(2, 0.001, 8 * [(0.0, 0.5)])
def test_no_second_holds_more_arrivals_than_the_rate_though_everything_stalls(
    rate: int, latency: float, stalls: list[tuple[float, float]]
) -> None:
    known = UNHEARD + 1 + 2 * latency
    arrivals = asking((int(known) + 8) * rate, rate, stalling(latency, [(known, 0.0), *stalls]))
    assert most_in_a_second(arrivals) <= rate


@pytest.mark.parametrize(
    ("rate", "stalls"), [(1, [(0.0, 0.5)]), (1, [(0.0, 0.5), *[(0.6, 0.5)] * 7]), (2, [(0.0, 0.5)] * 8)]
)
def test_first_answers_that_are_all_late_are_no_model(rate: int, stalls: list[tuple[float, float]]) -> None:
    assert most_in_a_second(asking(8 * rate, rate, stalling(0.001, stalls))) <= rate


def test_what_stalls_in_the_first_second_counts_when_it_arrives() -> None:
    arrivals = asking(200, 50, stalling(0.01, [(0.0, 0.7)]))
    assert most_in_a_second(arrivals) <= 50


@pytest.mark.parametrize("latency", [0.0, 0.05, 0.8, 1.5, 5.0])
def test_a_host_that_is_far_away_is_asked_as_often(latency: float) -> None:
    arrivals = asking(600, 50, lambda at: (at + latency / 2, at + latency))
    assert achieved(arrivals[100:]) >= 49


@pytest.mark.parametrize("longest", [0.01, 0.1, 0.3])
def test_a_host_that_takes_now_long_and_now_short_is_soon_asked_as_often(longest: float) -> None:
    rng = random.Random(1)
    arrivals = asking(1500, 50, lambda at: (at + 0.001, at + 0.002 + longest * rng.random()))
    assert achieved(arrivals[:500]) >= 48.5
    assert achieved(arrivals[500:]) >= 49


def test_a_host_that_moves_away_is_soon_asked_as_often() -> None:
    arrivals = asking(2000, 50, lambda at: (at, at + (0.005 if at < 1005.0 else 0.1)))
    assert achieved(arrivals[1250:]) >= 49


def test_stalls_cost_little_of_the_rate() -> None:
    arrivals = asking(600, 50, stalling(0.005, [(0.5, 0.03)] * 20))
    assert achieved(arrivals) >= 49
    assert most_in_a_second(arrivals) <= 50


@pytest.mark.parametrize("rate", [1.0, 4.0, 7.5, 16.0, 100.0, 900.0])
@pytest.mark.parametrize("late", [0.0, 0.0005, 0.003])
def test_timers_that_ring_late_cost_nothing_of_the_rate(rate: float, late: float) -> None:
    count = int(20 * rate)
    times = starting(count + 1, rate, late, random.Random(1))
    assert 0.98 * rate <= count / (times[-1] - times[0]) < rate


def test_a_request_that_nothing_is_heard_of_holds_back_no_more_than_its_own_part() -> None:
    silent = iter([True])
    arrivals = asking(600, 50, lambda at: (at, at + (1000.0 if next(silent, False) else 0.01)))
    assert 48 <= achieved(arrivals) <= 49.3


def test_a_failure_tells_nothing_of_how_long_an_answer_takes() -> None:
    starts = Starts()
    for n in range(100):
        start = starts.add(10.0 * n, 1.0, 1.0)
        assert start is not None
        starts.answered(start, 10.0 * n + (9.0 if n % 2 else 0.1), typical=n % 2 == 0)
    assert starts.next(999.0, 1.0, 1.0) > 999.8


def test_what_was_not_used_is_not_made_up_for() -> None:
    starts = Starts()
    for at in (0.0, 50.0):
        start = starts.add(at, 10.0, 10.0)
        assert start is not None
        starts.answered(start, at)
    assert starts.next(50.0, 10.0, 10.0) == pytest.approx(50.1, abs=0.002)
    starts.add(50.1 + CATCH_UP, 10.0, 10.0)
    assert starts.next(50.1 + CATCH_UP, 10.0, 10.0) < 50.21


def test_whoever_minds_the_distance_is_kept_at_it() -> None:
    starts = Starts()
    starts.add(0.0, 10.0, math.inf, catch_up=0.0)
    starts.add(0.101, 10.0, math.inf, catch_up=0.0)
    assert starts.next(0.101, 10.0, math.inf) == pytest.approx(0.201)


def test_a_rate_below_one_a_second_is_kept_too() -> None:
    times = starting(5, 0.5, 0.01, random.Random(2))
    assert all(2.0 < later - earlier < 2.05 for earlier, later in pairwise(times))


def test_without_a_rate_nothing_waits() -> None:
    starts = Starts()
    for _ in range(3):
        assert starts.add(7.0, math.inf, math.inf) is None
        assert starts.next(7.0, math.inf, math.inf) <= 7.0
