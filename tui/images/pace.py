"""How politely each host is asked: the gate of a run, with a pause, slots, rates, circuits and retry delays."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial

from tui.images.circuit import Circuit
from tui.images.starts import Start, Starts
from tui.images.tempo import REST, Tempo
from tui.model import HostPace, Reason, Refusal

REMEMBERED_HOSTS = 512
"""Hosts kept before the idle ones are forgotten."""

TICK = 1e-4
"""Seconds for which no timer is set anew."""

BACKOFF_BASE = 0.25
BACKOFF_CAP = 8.0


@dataclass(frozen=True, slots=True)
class Profile:
    """A degree of politeness: requests in flight per host, and requests per second per host (inf: no limit)."""

    name: str
    slots: int
    rate: float

    def __post_init__(self) -> None:
        if self.slots < 1 or not self.rate > 0:
            raise ValueError(f"{self.name}: a host needs at least one slot and a rate above 0")


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("gentle", slots=1, rate=1.0),
        Profile("normal", slots=4, rate=4.0),
        Profile("fast", slots=8, rate=16.0),
        Profile("unlimited", slots=16, rate=math.inf),
    )
}

Override = tuple[int | None, float | None]
"""Slots and rate of one host; None takes the profile's."""


def backoff(attempt: int, rng: random.Random) -> float:
    """Seconds before the attempt after `attempt` (from 0): anything up to a bound that doubles and is capped.

    Full jitter spreads those who failed together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return rng.uniform(0.0, min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(attempt, 16)))


@dataclass(slots=True, eq=False)
class _Host:
    """What is known of one host. `queue` has who waits for it, with their patience, in the order in which they came."""

    name: str
    profile: Profile
    tempo: Tempo
    starts: Starts = field(default_factory=Starts)
    circuit: Circuit = field(default_factory=Circuit)
    queue: deque[tuple[asyncio.Future[Turn], float]] = field(default_factory=deque)
    alarm: asyncio.Future[None] | None = None
    alarm_at: float = math.inf
    in_flight: int = 0
    not_before: float = -math.inf
    note: str = ""

    @property
    def full(self) -> bool:
        return self.in_flight >= min(self.profile.slots, self.tempo.room)

    def ready_at(self, now: float) -> float:
        return max(self.starts.next(now, self.tempo.rate, self.profile.rate), self.not_before)

    def held_for(self, now: float) -> float:
        return max(0.0, self.not_before - now)

    def hold(self, until: float, note: str) -> None:
        if until > self.not_before:
            self.not_before, self.note = until, note

    def idle(self, now: float) -> bool:
        """Whether forgetting it changes nothing."""
        return not self.in_flight and not self.queue and self.ready_at(now) <= now and not self.circuit.open

    def retune(self, profile: Profile) -> None:
        self.profile = profile
        self.tempo.limit = profile.rate

    def start(self, now: float) -> Start | None:
        tempo = self.tempo
        tempo.started(now)
        self.in_flight += 1
        return self.starts.add(now, tempo.rate, self.profile.rate, tempo.catch_up)

    def snapshot(self, now: float) -> HostPace:
        circuit = self.circuit
        wait = circuit.wait(now) if circuit.open else self.held_for(now)
        return HostPace(
            host=self.name,
            rate=self.tempo.rate if self.tempo.narrowed else self.profile.rate,
            slots=self.profile.slots,
            in_flight=self.in_flight,
            wait=wait,
            note=circuit.note or (self.note if wait else ""),
            ceiling=self.profile.rate,
            open=circuit.open,
        )


class Turn:
    """One request that has started, and how it went: the host is told how to be treated from that."""

    __slots__ = ("_admit", "_began", "_clock", "_host", "_probe", "_start")

    def __init__(self, host: _Host, clock: Callable[[], float], admit: Callable[[_Host], None]) -> None:
        self._host = host
        self._clock = clock
        self._admit = admit
        self._began = now = clock()
        self._probe = host.circuit.began()
        self._start = host.start(now)

    def heard(self) -> None:
        """The first of its answer has come."""
        start = self._start
        if start is not None:
            self._start = None
            self._host.starts.answered(start, self._clock())
            if start.overdue:
                self._admit(self._host)

    def answered(self, *, whole: bool = True) -> None:
        """The host answered as it is asked to: `whole` with a body, else with a verdict on the URL."""
        self._probe = False
        self._host.tempo.answered(self._clock(), self._began, whole=whole)
        self._host.circuit.succeeded()

    def turned_away(self, seconds: float, *, overloaded: bool = False) -> None:
        """The host asked for fewer requests, or said that it is `overloaded`, and gets none for `seconds`."""
        self._probe = False
        now, tempo = self._clock(), self._host.tempo
        if overloaded:
            tempo.overloaded(now, self._began)
        else:
            tempo.turned_away(now, self._began, seconds)
        self._host.circuit.succeeded()

    def failed(self, reason: Reason, *, overloaded: bool = False) -> None:
        """The host gave no answer of any use; `overloaded` where it said so, and is left alone if it says it often."""
        now, host = self._clock(), self._host
        host.circuit.failed(now, reason, probe=self._probe)
        self._probe = False
        if overloaded and host.tempo.overloaded(now, self._began):
            host.hold(now + REST, reason.words)

    def end(self) -> None:
        """The request is over, whether or not anything is known of how it went."""
        if self._start is not None:
            self._host.starts.answered(self._start, self._clock(), typical=False)
        if self._probe:
            self._host.circuit.gave_up()
        self._host.in_flight -= 1


class _Slot:
    """What `Pace.slot` gives: a Turn while it is entered."""

    __slots__ = ("_pace", "_patience", "_place", "_turn")

    def __init__(self, pace: Pace, place: _Host, patience: float) -> None:
        self._pace, self._place, self._patience = pace, place, patience

    async def __aenter__(self) -> Turn:
        self._turn = await self._pace._enter(self._place, self._patience)
        return self._turn

    async def __aexit__(self, *_: object) -> None:
        self._pace._leave(self._place, self._turn)


class Drained(Exception):
    """The run is draining: a request that was waiting for its turn will not start any more."""


class Pace:
    """The politeness of a whole run: every request enters `slot(host)` first.

    A host has at most `slots` requests in flight and no second holds more than `rate` starts; a host that turns away,
    or that takes ever longer, is asked less often than that, and one that only fails not at all for a while. The `Turn`
    that `slot` gives learns how a request went. `overrides` maps a host name to its own slots and rate. `clock` and
    `sleep` are in seconds.
    """

    def __init__(
        self,
        profile: Profile,
        overrides: Mapping[str, Override] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._profile = profile
        self._overrides = dict(overrides or {})
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._forget_above = REMEMBERED_HOSTS
        self._paused = False
        self._draining = asyncio.Event()
        self._in_flight = 0

    @property
    def profile(self) -> Profile:
        """The profile of every host without an override."""
        return self._profile

    @property
    def paused(self) -> bool:
        """Whether new requests are being held back."""
        return self._paused

    @property
    def in_flight(self) -> int:
        """Requests that hold a slot, over all hosts."""
        return self._in_flight

    def pause(self) -> None:
        """Start no request from now on, whatever it has been waiting for; those in flight go on."""
        self._paused = True

    def resume(self) -> None:
        """Let requests start again."""
        self._paused = False
        self._wake_all()

    def drain(self) -> None:
        """Start no request ever again; whoever waits for one, paused or not, is told `Drained` at once."""
        self._draining.set()
        self._wake_all()

    async def rest(self, seconds: float) -> None:
        """Wait before another attempt; raises Drained as soon as there will be none."""
        timer = asyncio.ensure_future(self._sleep(seconds))
        drained = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait({timer, drained}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            drained.cancel()
        if self._draining.is_set():
            raise Drained

    def retune(self, profile: Profile) -> None:
        """Change the profile at once: widening lets waiting requests go, narrowing lets those in flight end."""
        self._profile = profile
        for host in self._hosts.values():
            host.retune(self._profile_of(host.name))
        self._wake_all()

    def hold_off(self, host: str, seconds: float, note: str = "") -> None:
        """Start no request to `host` for `seconds`; a hold that ends later stays. `note` tells people why."""
        place = self._host(host)
        place.hold(self._clock() + seconds, note)
        self._admit(place)

    def hosts(self) -> tuple[HostPace, ...]:
        """How each host of late is being treated, in the order of their first requests."""
        now = self._clock()
        return tuple(host.snapshot(now) for host in self._hosts.values())

    def slot(self, host: str, patience: float = math.inf) -> AbstractAsyncContextManager[Turn]:
        """Hold one of the host's slots, in turn, as soon as the pause gate, its rate and its hold-off allow.

        To enter it raises Refusal(RATE_LIMITED) where the host is held off for more than `patience` seconds, HostDown
        where it only fails, and Drained.
        """
        return _Slot(self, self._host(host), patience)

    async def _enter(self, place: _Host, patience: float) -> Turn:
        if not place.queue and self._delay(place, patience) <= 0:
            return self._start(place)
        waiting: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        place.queue.append((waiting, patience))
        if len(place.queue) == 1:
            self._admit(place)
        try:
            return await waiting
        except asyncio.CancelledError:
            if not waiting.cancelled() and waiting.exception() is None:
                self._leave(place, waiting.result())
            else:
                self._admit(place)
            raise

    def _leave(self, place: _Host, turn: Turn) -> None:
        turn.end()
        self._in_flight -= 1
        self._admit(place)

    def _admit(self, place: _Host) -> None:
        """Let go who waits for the host, in turn, as far as they may start now."""
        queue = place.queue
        while queue:
            waiting, patience = queue[0]
            if not waiting.done():
                try:
                    delay = self._delay(place, patience)
                except (Drained, Refusal) as error:
                    waiting.set_exception(error)
                else:
                    if delay > 0:
                        self._look_again(place, delay)
                        return
                    waiting.set_result(self._start(place))
            queue.popleft()
        self._look_again(place, math.inf)

    def _delay(self, place: _Host, patience: float) -> float:
        """Seconds until the next request to the host may start; inf until something changes. Raises as `slot` does."""
        if self._draining.is_set():
            raise Drained
        now = self._clock()
        held = place.held_for(now)
        if held > patience:
            raise Refusal(Reason.RATE_LIMITED, f"the host asked to be left alone ({place.note})", held, asked=False)
        down = place.circuit.hold(now, patience)
        if self._paused or place.full:
            return math.inf
        return max(place.ready_at(now) - now, down)

    def _look_again(self, place: _Host, seconds: float) -> None:
        """See in so many seconds who may start; inf: once something changes."""
        at, alarm = self._clock() + seconds, place.alarm
        if alarm is not None:
            if place.alarm_at - TICK <= at < math.inf:
                return  # and see then
            place.alarm = None
            alarm.cancel()
        if seconds < math.inf:
            place.alarm_at = at
            place.alarm = alarm = asyncio.ensure_future(self._sleep(seconds))
            alarm.add_done_callback(partial(self._rang, place))

    def _rang(self, place: _Host, alarm: asyncio.Future[None]) -> None:
        if place.alarm is alarm:
            place.alarm = None
            if not alarm.cancelled():
                self._admit(place)

    def _start(self, place: _Host) -> Turn:
        self._in_flight += 1
        return Turn(place, self._clock, self._admit)

    def _wake_all(self) -> None:
        for host in self._hosts.values():
            self._admit(host)

    def _profile_of(self, host: str) -> Profile:
        slots, rate = self._overrides.get(host, (None, None))
        if slots is None and rate is None:
            return self._profile
        return Profile(
            host,
            slots=self._profile.slots if slots is None else slots,
            rate=self._profile.rate if rate is None else rate,
        )

    def _host(self, name: str) -> _Host:
        if (host := self._hosts.get(name)) is None:
            self._forget_idle()
            profile = self._profile_of(name)
            # What an operator says of a host needs no finding out.
            careful = math.isinf(profile.rate) and name not in self._overrides
            host = self._hosts[name] = _Host(name, profile, Tempo(profile.rate, careful=careful))
        return host

    def _forget_idle(self) -> None:
        if len(self._hosts) < self._forget_above:
            return
        now = self._clock()
        self._hosts = {name: host for name, host in self._hosts.items() if not host.idle(now)}
        # Hosts that cannot be forgotten yet must not make every newcomer look through all of them.
        self._forget_above = max(REMEMBERED_HOSTS, 2 * len(self._hosts))
