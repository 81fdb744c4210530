"""How politely each host is asked: the gate of a run, with a pause, slots, rates, circuits and retry delays."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tui.images.circuit import Circuit
from tui.images.starts import Starts
from tui.images.tempo import Tempo
from tui.model import HostPace, Reason, Refusal

REMEMBERED_HOSTS = 512
"""Hosts kept before the idle ones are forgotten."""

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
    """What is known of one host. `door` lets its requests through one by one, in the order they came."""

    name: str
    profile: Profile
    tempo: Tempo
    starts: Starts = field(default_factory=Starts)
    circuit: Circuit = field(default_factory=Circuit)
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    users: int = 0
    in_flight: int = 0
    not_before: float = -math.inf
    note: str = ""

    @property
    def full(self) -> bool:
        return self.in_flight >= min(self.profile.slots, self.tempo.room)

    def ready_at(self) -> float:
        return max(self.starts.next(self.tempo.rate, self.profile.rate), self.not_before)

    def held_for(self, now: float) -> float:
        return max(0.0, self.not_before - now)

    def idle(self, now: float) -> bool:
        """Whether forgetting it changes nothing."""
        return self.users == 0 and self.ready_at() <= now and not self.circuit.open

    def retune(self, profile: Profile) -> None:
        self.profile = profile
        self.tempo.limit = profile.rate

    def start(self, now: float) -> None:
        self.starts.add(now, self.tempo.rate, self.profile.rate)
        self.tempo.started(now)
        self.in_flight += 1

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

    def __init__(self, host: _Host, clock: Callable[[], float]) -> None:
        self._host = host
        self._clock = clock
        self._began = clock()
        self._probe = host.circuit.began()

    def answered(self, *, whole: bool = True) -> None:
        """The host answered as it is asked to: `whole` with a body, else with a verdict on the URL."""
        self._probe = False
        self._host.tempo.answered(self._clock(), self._began, whole=whole)
        self._host.circuit.succeeded()

    def turned_away(self, seconds: float) -> None:
        """The host asked for fewer requests, and gets none for `seconds`."""
        self._probe = False
        self._host.tempo.turned_away(self._clock(), self._began, seconds)
        self._host.circuit.succeeded()

    def failed(self, reason: Reason, *, overloaded: bool = False) -> None:
        """The host gave no answer of any use; `overloaded` where it said so."""
        now, host = self._clock(), self._host
        host.circuit.failed(now, reason, probe=self._probe)
        self._probe = False
        if overloaded and host.circuit.failing:
            host.tempo.overloaded(now)
        if host.circuit.open:
            host.changed.set()

    def end(self) -> None:
        """The request is over, whether or not anything is known of how it went."""
        if self._probe:
            self._host.circuit.gave_up()


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
        until = self._clock() + seconds
        if until > place.not_before:
            place.not_before, place.note = until, note
            place.changed.set()

    def hosts(self) -> tuple[HostPace, ...]:
        """How each host of late is being treated, in the order of their first requests."""
        now = self._clock()
        return tuple(host.snapshot(now) for host in self._hosts.values())

    @asynccontextmanager
    async def slot(self, host: str, patience: float = math.inf) -> AsyncIterator[Turn]:
        """Hold one of the host's slots, in turn, as soon as the pause gate, its rate and its hold-off allow.

        Raises Refusal(RATE_LIMITED) where the host is held off for more than `patience` seconds, HostDown where it only
        fails, and Drained.
        """
        place = self._host(host)
        place.users += 1
        try:
            async with place.door:
                await self._turn(place, patience)
                turn = self._start(place)
            try:
                yield turn
            finally:
                turn.end()
                self._end(place)
        finally:
            place.users -= 1

    async def _turn(self, place: _Host, patience: float) -> None:
        while True:
            if self._draining.is_set():
                raise Drained
            now = self._clock()
            held = place.held_for(now)
            if held > patience:
                raise Refusal(Reason.RATE_LIMITED, f"the host asked to be left alone ({place.note})", held, asked=False)
            down = place.circuit.hold(now, patience)
            delay = max(place.ready_at() - now, down)
            if self._paused or place.full or delay == math.inf:
                await self._change(place, math.inf)
            elif delay > 0:
                await self._change(place, delay)
            else:
                return

    async def _change(self, place: _Host, seconds: float) -> None:
        """Wait until something changes for the host, at most `seconds`; only who stands at its door does."""
        # A new event each time: the timer of an earlier wait must not end this one.
        changed = place.changed = asyncio.Event()
        if seconds == math.inf:
            await changed.wait()
            return
        timer = asyncio.ensure_future(self._sleep(seconds))
        timer.add_done_callback(lambda _: changed.set())
        try:
            await changed.wait()
        finally:
            timer.cancel()

    def _start(self, place: _Host) -> Turn:
        place.start(self._clock())
        self._in_flight += 1
        return Turn(place, self._clock)

    def _end(self, place: _Host) -> None:
        place.in_flight -= 1
        self._in_flight -= 1
        place.changed.set()

    def _wake_all(self) -> None:
        for host in self._hosts.values():
            host.changed.set()

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
