from __future__ import annotations

import asyncio
import math
import random
from collections import deque

import pytest

from tests.images.limited import Bucket, Sliding, Window
from tests.images.virtual import now, run
from tui.images.pace import PROFILES, Override, Pace
from tui.images.tempo import SAMPLE, START, Tempo

HOST = "a.com"


class Server:
    """A host on the virtual clock that takes 1 to 3 ms for an answer; `limit` says which requests it turns away."""

    def __init__(self, limit: Bucket | Window | Sliding | None, retry_after: float = 1.0, slow: float = 0.0) -> None:
        self.limit, self.retry_after, self.slow = limit, retry_after, slow
        self.requests = self.answered = 0
        self._rng = random.Random(1)

    async def ask(self) -> bool:
        await asyncio.sleep(self._rng.uniform(0.0005, 0.0015))
        self.requests += 1
        admitted = self.limit is None or self.limit.admits(now())
        await asyncio.sleep(self._rng.uniform(0.0005, 0.0015) + self.slow)
        self.answered += admitted
        return admitted


async def fetch(pace: Pace, server: Server, images: int) -> None:
    """As the real fetcher does: whoever is turned away comes back after the host's whole wait."""
    ahead = deque(range(images))

    async def work() -> None:
        while ahead:
            ahead.popleft()
            while not await one():
                pass

    async def one() -> bool:
        async with pace.slot(HOST) as turn:
            if await server.ask():
                turn.answered()
                return True
            turn.turned_away(server.retry_after)
            pace.hold_off(HOST, server.retry_after, "HTTP 429")
            return False

    await asyncio.gather(*(work() for _ in range(40)))


LIMITS = [
    *(Bucket(100, size) for size in (10, 20, 50, 100)),
    *(Window(100, offset) for offset in (0.0, 0.3, 0.6, 0.9)),
    Sliding(100),
]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda it: f"{type(it).__name__}-{getattr(it, 'size', '')}")
def test_a_limit_that_nobody_told_is_found_with_little_waste(limit: Bucket | Window | Sliding) -> None:
    async def main() -> None:
        server = Server(limit)
        await fetch(Pace(PROFILES["unlimited"], clock=now), server, 600)
        assert server.answered == 600
        assert server.requests <= 612
        assert now() < 8

    run(main())


@pytest.mark.parametrize("allowed", [5, 30, 300])
def test_other_limits_are_found_as_well(allowed: int) -> None:
    async def main() -> None:
        server = Server(Bucket(allowed, allowed))
        await fetch(Pace(PROFILES["unlimited"], clock=now), server, 6 * allowed)
        assert server.requests <= 6 * allowed * 1.02 + 12
        assert now() < 12

    run(main())


def test_a_host_without_a_limit_is_hardly_held_back() -> None:
    async def main(pace: Pace) -> float:
        began = now()
        await fetch(pace, Server(None, slow=0.02), 2000)
        return now() - began

    careful = run(main(Pace(PROFILES["unlimited"], clock=now)))
    known = run(main(Pace(PROFILES["unlimited"], {HOST: (16, None)}, clock=now)))
    assert known < careful < 1.2 * known


@pytest.mark.parametrize("override", [(None, 50.0), (16, 1000.0)])
def test_what_the_operator_says_of_a_host_is_believed_at_once(override: Override) -> None:
    async def main() -> None:
        await fetch(Pace(PROFILES["unlimited"], {HOST: override}, clock=now), Server(None), 400)
        assert 400 / (override[1] or 1) * 0.99 < now() < 400 / (override[1] or 1) / 0.98

    run(main())


def test_a_narrowed_rate_is_shown_and_grows_back() -> None:
    async def main() -> None:
        pace = Pace(PROFILES["unlimited"], {HOST: (None, 40.0)}, clock=now)
        server = Server(Bucket(20, 20))
        await fetch(pace, server, 200)
        shown = pace.hosts()[0]
        assert shown.narrowed
        assert 10 < shown.rate < 25
        assert shown.ceiling == 40
        server.limit = None
        await fetch(pace, server, 1000)
        assert not pace.hosts()[0].narrowed

    run(main())


def test_a_limit_that_falls_is_found_again() -> None:
    async def main() -> None:
        pace, server = Pace(PROFILES["unlimited"], clock=now), Server(Window(200))
        await fetch(pace, server, 2000)
        before = server.requests
        server.limit = Window(20)
        await fetch(pace, server, 400)
        assert server.requests - before < 440
        assert pace.hosts()[0].rate < 40

    run(main())


def test_one_burst_that_was_turned_away_narrows_once() -> None:
    tempo = Tempo(100.0, careful=False)
    for n in range(16):
        tempo.started(n / 100)
    tempo.turned_away(0.2, 0.0, 1.0)
    narrowed = tempo.rate
    for n in range(1, 16):
        tempo.turned_away(0.2, n / 100, 1.0)
    assert tempo.rate == narrowed < 100


def test_a_host_that_turns_everything_away_is_still_asked_now_and_then() -> None:
    tempo = Tempo(math.inf, careful=True)
    for n in range(100):
        tempo.started(float(n))
        tempo.turned_away(n + 0.1, float(n), 0.0)
    assert 0.3 < tempo.rate < 1


def answers(tempo: Tempo, begin: float, seconds: float, samples: int) -> float:
    """Answers one after another, 16 at a time; returns when the last came."""
    at = begin
    for _ in range(samples * SAMPLE):
        at += seconds / 16
        tempo.started(at - seconds)
        tempo.answered(at, at - seconds)
    return at


def test_latency_that_rises_narrows_the_rate_but_never_below_two_at_a_time() -> None:
    tempo = Tempo(1000.0, careful=False)
    at = answers(tempo, 0.0, 0.1, 5)
    assert tempo.rate == 1000
    at = answers(tempo, at, 1.0, 1)
    assert tempo.rate < 20
    answers(tempo, at, 1.0, 20)
    assert tempo.rate >= 2


def test_a_host_that_is_merely_slow_or_slower_within_reason_is_left_as_it_is() -> None:
    tempo = Tempo(1000.0, careful=False)
    at = answers(tempo, 0.0, 5.0, 10)
    at = answers(tempo, at, 0.05, 5)
    answers(tempo, at, 0.3, 5)
    assert tempo.rate == 1000


def test_what_latency_alone_narrowed_is_free_again_once_the_host_recovers() -> None:
    tempo = Tempo(math.inf, careful=True)
    at = answers(tempo, 0.0, 0.05, 30)
    at = answers(tempo, at, 2.0, 1)
    assert tempo.narrowed
    answers(tempo, at, 0.05, 400)
    assert not tempo.narrowed


def test_the_first_requests_are_few() -> None:
    tempo = Tempo(math.inf, careful=True)
    assert (tempo.rate, tempo.room) == (START, 4)
    assert not tempo.narrowed


def test_a_host_that_says_it_is_overloaded_is_asked_for_less_and_soon_for_more_again() -> None:
    tempo = Tempo(math.inf, careful=True)
    at = answers(tempo, 0.0, 0.05, 10)
    for n in range(40):
        tempo.overloaded(at + n / 10)
    assert 40 <= tempo.rate < 200
    answers(tempo, at + 4, 0.05, 9)
    assert not tempo.narrowed
