"""How long to wait before trying again, and what is shown meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waits:
    """The first delay, the longest one, and the patience of a call, in seconds.

    `scale` stretches each of these seconds alike: a test that sets 0.01 lives through five minutes in three seconds.
    """

    first: float = 0.25
    longest: float = 15.0
    patience: float = 300.0
    scale: float = 1.0

    def delay(self, failures: int, asked: float | None) -> float:
        """Seconds before the next try after so many failures (from 1); never fewer than the server `asked` for."""
        bound = min(self.longest, self.first * 2.0 ** min(failures, 16))
        backoff = random.uniform(bound / 2, bound)
        # Everybody was told the same: they need not come back at the same moment.
        return backoff if asked is None else max(backoff, asked + random.uniform(0.0, 1.0))

    def clock(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic() / self.scale

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        await asyncio.sleep(seconds * self.scale)


def span(seconds: float) -> str:
    """A time in words, e.g. `8 s` or `5 min`."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min"


@dataclass(frozen=True, slots=True)
class _Wait:
    service: str
    own: bool
    text: str
    until: float


class Troubles:
    """The calls that wait now, each with its reason; the newest is shown."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._waiting: dict[object, _Wait] = {}

    def note(self, call: object, service: str, text: str, delay: float, *, own: bool) -> None:
        """Say that a call waits: `text` tells why, `own` that the reason is the call's own and not the service's."""
        self.forget(call)
        self._waiting[call] = _Wait(service, own, text, self._waits.clock() + delay)

    def forget(self, call: object) -> None:
        """Say that a call waits no more."""
        self._waiting.pop(call, None)

    def cleared(self, service: str) -> None:
        """Say that the service answers: what was wrong with it is over, though some calls may still sleep on it."""
        if self._waiting:
            self._waiting = {call: wait for call, wait in self._waiting.items() if wait.own or wait.service != service}

    @property
    def text(self) -> str:
        """The newest reason and when its call is tried again; empty when no call waits."""
        if not self._waiting:
            return ""
        newest = next(reversed(self._waiting.values()))
        left = newest.until - self._waits.clock()
        return f"{newest.text}; trying again {f'in {span(left)}' if left > 0 else 'now'}"
