from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.images.virtual import now, run, stall
from tui.images.pace import BACKOFF_CAP, PROFILES, REMEMBERED_HOSTS, Drained, Override, Pace, Profile, backoff
from tui.model import PACES, Reason, Refusal

EPSILON = 1e-6
HOST = "a.com"


class Traffic:
    """Requests through a pace on a virtual clock, and when each of them started."""

    def __init__(self, profile: Profile, overrides: dict[str, Override] | None = None) -> None:
        self.pace = Pace(profile, overrides, clock=now)
        self.starts: dict[str, list[float]] = defaultdict(list)
        self.order: dict[str, list[int]] = defaultdict(list)
        self.most: dict[str, int] = defaultdict(int)
        self.tasks: list[asyncio.Task[None]] = []

    def send(self, host: str = HOST, lasting: float = 0.0, patience: float = math.inf) -> asyncio.Task[None]:
        task = asyncio.create_task(self._request(len(self.tasks), host, lasting, patience))
        self.tasks.append(task)
        return task

    async def _request(self, number: int, host: str, lasting: float, patience: float) -> None:
        async with self.pace.slot(host, patience):
            self.starts[host].append(now())
            self.order[host].append(number)
            in_flight = next(it.in_flight for it in self.pace.hosts() if it.host == host)
            self.most[host] = max(self.most[host], in_flight)
            await asyncio.sleep(lasting)

    async def settle(self) -> None:
        """Until nothing happens any more at this instant of virtual time."""
        await asyncio.sleep(1e-5)


def busiest(starts: list[float], rate: float) -> float:
    """How much of what `rate` allows the fullest second held (of a longer time, where the rate is no whole number)."""
    if math.isinf(rate):
        return 0.0
    many = max(1, int(rate))
    spans = [later - earlier for earlier, later in zip(starts, starts[many:], strict=False)]
    return many / rate / min(spans, default=math.inf)


RATES = st.sampled_from([0.5, 1.0, 3.0, 7.0, 100.0, math.inf])
PROFILE = st.builds(Profile, st.just("any"), st.integers(1, 4), RATES)
REQUESTS = st.lists(
    st.tuples(st.sampled_from(["a.com", "b.com"]), st.floats(0, 2), st.floats(0, 3)), min_size=1, max_size=25
)


@given(PROFILE, st.none() | st.tuples(st.none() | st.integers(1, 3), st.none() | RATES), REQUESTS)
def test_slots_and_rate_are_never_exceeded_and_all_get_through_in_turn(
    profile: Profile, override: Override | None, requests: list[tuple[str, float, float]]
) -> None:
    async def main() -> None:
        traffic = Traffic(profile, {"b.com": override} if override else None)
        for host, pause, lasting in requests:
            await asyncio.sleep(pause)
            traffic.send(host, lasting)
        await asyncio.gather(*traffic.tasks)
        for it in traffic.pace.hosts():
            starts = traffic.starts[it.host]
            assert busiest(starts, it.rate) <= 1
            assert traffic.most[it.host] <= it.slots
            assert traffic.order[it.host] == sorted(traffic.order[it.host])
        assert sum(map(len, traffic.starts.values())) == len(requests)
        assert traffic.pace.in_flight == 0

    run(main())


EVENTS = st.lists(
    st.tuples(
        st.floats(0.001, 2),
        st.one_of(
            st.tuples(st.just("send"), st.floats(0, 2)),
            st.tuples(st.just("pause"), st.none()),
            st.tuples(st.just("resume"), st.none()),
            st.tuples(st.just("hold"), st.floats(0.1, 4)),
            st.tuples(st.just("tune"), PROFILE),
            st.tuples(st.just("cancel"), st.integers(0, 30)),
        ),
    ),
    max_size=40,
)


@given(EVENTS)
@settings(max_examples=200)
def test_nothing_starts_while_paused_or_held_off_whatever_happens(
    events: list[tuple[float, tuple[str, float | int | Profile | None]]],
) -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["normal"])
        pace, forbidden, paused_at = traffic.pace, [], math.nan
        acts: dict[str, Callable[..., object]] = {
            "send": lambda lasting: traffic.send(lasting=lasting),
            "pause": lambda _: pace.pause(),
            "resume": lambda _: pace.resume(),
            "hold": lambda seconds: pace.hold_off(HOST, seconds, "429"),
            "tune": pace.retune,
            "cancel": lambda number: traffic.tasks and traffic.tasks[number % len(traffic.tasks)].cancel(),
        }
        for wait, (name, value) in events:
            await asyncio.sleep(wait)
            if name == "hold":
                forbidden.append((now(), now() + float(value)))  # type: ignore[arg-type]
            if name == "pause" and not pace.paused:
                paused_at = now()
            if name == "resume" and pace.paused:
                forbidden.append((paused_at, now()))
            acts[name](value)
        if pace.paused:
            forbidden.append((paused_at, now()))
        pace.resume()
        await asyncio.gather(*traffic.tasks, return_exceptions=True)
        for start in traffic.starts[HOST]:
            assert not any(begin + EPSILON < start < end - EPSILON for begin, end in forbidden)
        cancelled = sum(task.cancelled() for task in traffic.tasks)
        assert len(traffic.tasks) - cancelled <= len(traffic.starts[HOST]) <= len(traffic.tasks)
        assert pace.in_flight == 0

    run(main())


def test_a_full_bucket_is_used_up_to_its_rate() -> None:
    async def main() -> None:
        traffic = Traffic(Profile("ten", slots=1, rate=10.0))
        await asyncio.gather(*(traffic.send() for _ in range(101)))
        assert 10.0 < now() < 10.0 / 0.98

    run(main())


@pytest.mark.parametrize("latency", [0.002, 0.05])
def test_no_second_holds_more_requests_at_the_host_than_the_rate_though_we_stall(latency: float) -> None:
    async def main() -> None:
        pace, rng, arrivals = Pace(Profile("fifty", 16, 50.0), clock=now), random.Random(1), list[float]()

        async def stalling() -> None:
            while True:
                await asyncio.sleep(rng.uniform(0, 2))
                stall(rng.uniform(0, 0.09))

        async def ask() -> None:
            async with pace.slot(HOST) as turn:
                await asyncio.sleep(latency / 2)  # for a connection, or for its turn on the loop
                arrivals.append(now())
                await asyncio.sleep(latency / 2)
                turn.heard()

        disturbance = asyncio.create_task(stalling())
        await asyncio.gather(*(ask() for _ in range(2000)))
        disturbance.cancel()
        assert all(later - earlier > 1 for earlier, later in zip(arrivals, arrivals[50:], strict=False))
        assert 1999 / (arrivals[-1] - arrivals[0]) > 49

    run(main())


def test_answers_that_begin_late_let_others_go_before_they_end() -> None:
    async def main() -> None:
        pace = Pace(Profile("two", 9, 2.0), clock=now)
        starts: list[float] = []

        async def ask(silence: float) -> None:
            async with pace.slot(HOST) as turn:
                starts.append(now())
                await asyncio.sleep(silence)
                turn.heard()
                await asyncio.sleep(60)

        await asyncio.gather(ask(0.01), ask(3), ask(3), ask(0.01), ask(0.01))
        assert starts[-1] < 6

    run(main())


def test_an_idle_host_saves_up_no_more_than_one_request() -> None:
    async def main() -> None:
        traffic = Traffic(Profile("one", slots=9, rate=1.0))
        await traffic.send()
        await asyncio.sleep(100)
        begin = now()
        await asyncio.gather(*(traffic.send() for _ in range(3)))
        assert [start - begin for start in traffic.starts[HOST][1:]] == pytest.approx([0.0, 1.0, 2.0], abs=0.04)

    run(main())


def test_hosts_do_not_wait_for_each_other() -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["gentle"])
        await asyncio.gather(*(traffic.send(f"{n}.com", lasting=5) for n in range(50)))
        assert now() == pytest.approx(5.0, abs=0.01)

    run(main())


def test_pausing_holds_back_what_was_waiting_for_its_token_and_lets_the_rest_end() -> None:
    async def main() -> None:
        traffic = Traffic(Profile("one", slots=9, rate=1.0))
        tasks = [traffic.send(lasting=3) for _ in range(3)]
        await asyncio.sleep(0.5)
        traffic.pace.pause()
        assert traffic.pace.paused
        assert traffic.pace.in_flight == 1
        await tasks[0]
        await asyncio.sleep(60)
        assert traffic.pace.in_flight == 0
        assert len(traffic.starts[HOST]) == 1
        traffic.pace.resume()
        await traffic.settle()
        assert len(traffic.starts[HOST]) == 2
        await asyncio.gather(*tasks)

    run(main())


def test_widening_wakes_who_waits_and_narrowing_lets_requests_end() -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["gentle"])
        tasks = [traffic.send(lasting=100) for _ in range(20)]
        await traffic.settle()
        assert traffic.pace.in_flight == 1
        traffic.pace.retune(PROFILES["unlimited"])
        await traffic.settle()
        assert traffic.pace.in_flight == 16
        traffic.pace.retune(PROFILES["gentle"])
        await asyncio.sleep(50)
        assert traffic.pace.in_flight == 16
        await asyncio.gather(*tasks)
        assert traffic.pace.profile == PROFILES["gentle"]
        assert now() > 300

    run(main())


def test_an_override_outlives_a_retune() -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["unlimited"], {HOST: (2, None), "b.com": (None, 5.0)})
        traffic.send(), traffic.send("b.com")
        await asyncio.gather(*traffic.tasks)
        assert [(it.slots, it.rate) for it in traffic.pace.hosts()] == [(2, math.inf), (16, 5.0)]
        traffic.pace.retune(PROFILES["gentle"])
        assert [(it.slots, it.rate) for it in traffic.pace.hosts()] == [(2, 1.0), (1, 5.0)]

    run(main())


def test_a_hold_off_is_shown_and_over_in_time() -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["unlimited"])
        traffic.pace.hold_off(HOST, 30, "HTTP 429")
        traffic.pace.hold_off(HOST, 5, "shorter")
        traffic.send(), traffic.send("b.com")
        await asyncio.sleep(10)
        shown = traffic.pace.hosts()[0]
        assert (shown.host, shown.note) == (HOST, "HTTP 429")
        assert shown.wait == pytest.approx(20, abs=0.01)
        await asyncio.gather(*traffic.tasks)
        assert traffic.starts[HOST][0] == pytest.approx(30, abs=0.01)
        assert traffic.starts["b.com"][0] == pytest.approx(0, abs=0.01)
        assert (traffic.pace.hosts()[0].wait, traffic.pace.hosts()[0].note) == (0, "")

    run(main())


def test_who_has_less_patience_than_the_hold_off_is_refused_even_while_it_waits() -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["gentle"])
        tasks = [traffic.send(lasting=1), *(traffic.send(patience=60) for _ in range(3))]
        await asyncio.sleep(0.5)
        traffic.pace.hold_off(HOST, 3600, "HTTP 429")
        refusals = (await asyncio.gather(*tasks, return_exceptions=True))[1:]
        assert now() < 2
        for refusal in refusals:
            assert isinstance(refusal, Refusal)
            assert refusal.reason is Reason.RATE_LIMITED
            assert refusal.retry_after == pytest.approx(3600, abs=1)

    run(main())


def test_draining_tells_everyone_who_waits_and_lets_requests_end() -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["gentle"])
        first, *rest = [traffic.send(lasting=5) for _ in range(4)]
        rest.append(asyncio.create_task(traffic.pace.rest(1000)))
        await asyncio.sleep(0.5)
        traffic.pace.pause()
        traffic.pace.drain()
        results = await asyncio.gather(*rest, return_exceptions=True)
        assert [type(result) for result in results] == [Drained] * 4
        assert now() < 1
        await first
        with pytest.raises(Drained):
            await traffic.send()

    run(main())


def test_resting_takes_its_time() -> None:
    async def main() -> None:
        await Pace(PROFILES["normal"], clock=now).rest(3)
        assert now() == pytest.approx(3, abs=EPSILON)

    run(main())


def test_a_cancelled_request_gives_its_place_to_the_next() -> None:
    async def main() -> None:
        traffic = Traffic(PROFILES["gentle"])
        running, waiting, last = (traffic.send(lasting=100) for _ in range(3))
        await asyncio.sleep(2)
        waiting.cancel()
        running.cancel()
        await asyncio.sleep(1.1)  # nobody knows whether the first has not arrived at this moment
        assert traffic.order[HOST] == [0, 2]
        assert traffic.pace.in_flight == 1
        await last

    run(main())


def test_idle_hosts_are_forgotten_and_those_that_matter_are_not() -> None:
    async def main() -> None:
        traffic = Traffic(Profile("any", slots=2, rate=1.0))
        traffic.pace.hold_off("held.com", 1e6, "HTTP 429")
        busy = traffic.send("busy.com", lasting=1e6)
        for n in range(REMEMBERED_HOSTS + 100):
            await traffic.send(f"{n}.com", lasting=1.5)
        names = [it.host for it in traffic.pace.hosts()]
        assert len(names) <= REMEMBERED_HOSTS
        assert names[:2] == ["held.com", "busy.com"]
        await busy

    run(main())


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_backoff_stays_within_a_bound_that_doubles_and_is_capped(attempt: int, rng: random.Random) -> None:
    assert 0 <= backoff(attempt, rng) <= min(BACKOFF_CAP, 0.25 * 2.0 ** min(attempt, 100))


def test_backoff_spreads() -> None:
    rng = random.Random(1)
    waits = [backoff(9, rng) for _ in range(1000)]
    assert min(waits) < 0.5
    assert max(waits) > 7.5


def test_profiles_are_those_that_options_admit_each_faster_than_the_last() -> None:
    assert tuple(PROFILES) == PACES
    for slower, faster in pairwise(PROFILES.values()):
        assert slower.rate < faster.rate
        assert slower.slots < faster.slots


@pytest.mark.parametrize(("slots", "rate"), [(0, 1.0), (1, 0.0), (1, -1.0), (1, math.nan)])
def test_a_profile_that_would_never_start_anything_is_refused(slots: int, rate: float) -> None:
    with pytest.raises(ValueError, match="at least one slot"):
        Profile("stuck", slots, rate)
