from __future__ import annotations

import asyncio
import copy
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.images.limited import Bucket, Leaky, Limit, Sliding, Window
from tests.images.virtual import now, run
from tui.images.pace import PROFILES, Override, Pace
from tui.images.tempo import SAMPLE, START, Tempo
from tui.images.trial import Trial, tell
from tui.model import Reason, Refusal

HOST = "a.com"


@dataclass
class Server:
    """A host on the virtual clock, `latency` seconds away; it refuses what `limit` does not admit.

    It `stumbles` over this part of the images when it is first asked for them.
    """

    limit: Limit | None
    latency: float = 0.002
    status: int = 429
    retry_after: float | None = 1.0
    stumbles: float = 0.0
    requests: int = 0
    answered: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(1)

    async def ask(self, *, first: bool) -> None:
        await asyncio.sleep(self.latency * self.rng.uniform(0.45, 0.55))
        self.requests += 1
        admitted = self.limit is None or self.limit.admits(now())
        admitted &= not first or self.rng.random() >= self.stumbles
        await asyncio.sleep(self.latency * self.rng.uniform(0.45, 0.55))
        if not admitted:
            reason = Reason.RATE_LIMITED if self.status == 429 else Reason.SERVER_ERROR
            raise Refusal(reason, f"HTTP {self.status}", self.retry_after)
        self.answered += 1


async def fetch(pace: Pace, server: Server, images: int) -> None:
    """As `Images` does it."""
    ahead = deque(range(images))

    async def work() -> None:
        while ahead:
            ahead.popleft()
            trial = Trial(4, 60.0, server.rng)
            while (delay := await one(trial)) is not None:
                await pace.rest(delay)

    async def one(trial: Trial) -> float | None:
        try:
            async with pace.slot(HOST) as turn:
                try:
                    await server.ask(first=not trial.failures)
                except Refusal as refusal:
                    hold = trial.hold(refusal)
                    tell(turn, refusal, hold)
                    if hold is not None:
                        pace.hold_off(HOST, hold, refusal.detail)
                    raise
                turn.heard()
                turn.answered()
        except Refusal as refusal:
            return trial.delay(refusal)
        return None

    await asyncio.gather(*(work() for _ in range(40)))


LIMITS: dict[str, Callable[[], Limit]] = {
    "any second": lambda: Sliding(100),
    "its own seconds": lambda: Window(100),
    "its own seconds, 0.3 ahead": lambda: Window(100, 0.3),
    "its own seconds, 0.6 ahead": lambda: Window(100, 0.6),
    "its own seconds, 0.8 ahead": lambda: Window(100, 0.8),
    "its own seconds, 0.9 ahead": lambda: Window(100, 0.9),
    "a bucket of 10": lambda: Bucket(100, 10),
    "a bucket of 20": lambda: Bucket(100, 20),
    "a bucket of 50": lambda: Bucket(100, 50),
    "a bucket of 100": lambda: Bucket(100, 100),
    "nginx, burst 5": lambda: Leaky(100, 5),
    "nginx, burst 50": lambda: Leaky(100, 50),
}
REFUSALS = {"429 and when": (429, 1.0), "429": (429, None), "429 and at once": (429, 0.0), "503": (503, None)}


@pytest.mark.parametrize("latency", [0.001, 0.05])
@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_nobody_told_is_found_with_little_waste(limit: str, refusal: str, latency: float) -> None:
    async def main() -> None:
        server = Server(LIMITS[limit](), latency, *REFUSALS[refusal])
        await fetch(Pace(PROFILES["unlimited"], clock=now), server, 600)
        assert server.answered == 600
        assert server.requests <= 612
        assert now() < 7.6

    run(main())


@pytest.mark.parametrize("latency", [0.0, 0.001])
def test_a_host_that_minds_the_distance_of_requests_is_asked_evenly(latency: float) -> None:
    async def main() -> None:
        server = Server(Bucket(100, 1), latency)
        await fetch(Pace(PROFILES["unlimited"], clock=now), server, 600)
        assert server.requests <= 612
        assert now() < 7.6

    run(main())


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(("allowed", "seconds"), [(5, 25), (30, 25), (80, 20), (300, 35)])
def test_other_limits_are_found_as_well(allowed: int, seconds: float, limit: str) -> None:
    async def main() -> None:
        host = LIMITS[limit]()
        host.rate = allowed
        server = Server(host, 0.01)
        await fetch(Pace(PROFILES["unlimited"], clock=now), server, 12 * allowed)
        assert server.requests <= 12 * allowed * 1.02 + 12
        assert now() < seconds

    run(main())


@pytest.mark.parametrize(("latency", "seconds"), [(0.001, 40), (0.02, 40), (0.15, 100)])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5])
def test_a_host_that_stumbles_over_some_images_is_asked_as_before_in_the_end(
    share: float, latency: float, seconds: float
) -> None:
    async def main() -> None:
        server = Server(None, latency, 503, None, stumbles=share)
        await fetch(Pace(PROFILES["unlimited"], clock=now), server, 1200)
        assert server.answered == 1200
        assert now() < (seconds if share < 0.5 else 100)

    run(main())


@pytest.mark.parametrize("share", [0.0, 0.1])
@pytest.mark.parametrize("limit", [Sliding(50), Leaky(10, 20), Bucket(20, 10)])
def test_a_host_that_has_a_limit_is_held_to_it_though_it_stumbles(limit: Limit, share: float) -> None:
    async def main() -> None:
        server = Server(copy.deepcopy(limit), 0.02, 503, None, stumbles=share)
        await fetch(Pace(PROFILES["unlimited"], clock=now), server, 300)
        assert server.answered >= 295
        assert server.requests < 300 * (1 + share) + 80
        assert now() < 2 * 300 / limit.rate + 10

    run(main())


def test_what_is_borne_is_found_out_again_and_again_with_ever_less_waste() -> None:
    async def main() -> None:
        pace, server = Pace(PROFILES["unlimited"], clock=now), Server(Sliding(100))
        await fetch(pace, server, 6000)
        began, before = now(), server.requests
        await fetch(pace, server, 12000)
        assert server.requests - before < 12100
        assert 12000 / (now() - began) > 90

    run(main())


def test_a_host_without_a_limit_is_hardly_held_back() -> None:
    async def main(pace: Pace) -> float:
        began = now()
        await fetch(pace, Server(None, 0.022), 2000)
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


def test_a_few_urls_that_always_fail_slow_nobody_down() -> None:
    tempo = Tempo(math.inf, careful=True)
    at = answers(tempo, 0.0, 0.05, 10)
    for _ in range(20):
        assert not tempo.overloaded(at, at - 0.05)
        at = answers(tempo, at, 0.05, 1)
    assert not tempo.narrowed


def test_a_host_that_says_again_and_again_that_it_is_overloaded_is_asked_for_less_and_in_time_for_more_again() -> None:
    tempo = Tempo(math.inf, careful=True)
    at = answers(tempo, 0.0, 0.05, 10)
    assert [tempo.overloaded(at + n / 100, at + n / 100 - 0.05) for n in range(3)] == [False, False, True]
    narrowed = tempo.rate
    assert 40 <= narrowed < 200
    for n in range(40):
        assert not tempo.overloaded(at + n, at + n - 0.05), "nothing was answered since, so that it is just down"
    assert tempo.rate == narrowed
    answers(tempo, at + 40, 0.05, 300)
    assert tempo.rate > 300
