"""When requests to one host start, so that no second holds more of them than it may, as the host counts."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush

AIM = 0.985
"""The part of a limit that is aimed at: the rest is for requests that are late on their way."""

SLACK = 0.002
"""By how much a full second is stretched, for clocks that are not quite alike."""

CATCH_UP = 0.25
"""Seconds by which a start within a limit may be late without the next ones being late as well."""

LATENESS = 0.006
"""Seconds by which answers may be overtaken on average: 98 % of the limit leave room for more."""

MEMORY = 1.0
"""Seconds of requests that this is learned from."""

FEW = 50
"""Requests that it is learned from at least."""

UNHEARD = 10
"""Seconds of requests, at most `FEW`, that have to be answered before it is known what is usual: each may be late."""

REACH = 10
"""How many times as many it is that the least is taken of: one busy time must not make it more."""


@dataclass(slots=True, eq=False)
class Start:
    """A request that started at `at` with one of `permits` for `seconds`; its answer took `latency` to begin."""

    at: float
    permits: int
    seconds: float
    latency: float | None = None
    overdue: bool = False


class Starts:
    """When the next request may start. Timers that ring late cost nothing of the rate, and the limit holds at the host.

    When a request arrives is not known: it may be late because of us, on its way, or because the host does not get
    round to reading it. Its answer tells the latest moment: by then, less what an answer usually takes, it was there.
    Each of `limit` permits is free again a second after that moment, so no second holds more arrivals than permits,
    whatever was late. (Where `limit` is no whole number, it is kept over a little less than a second, or more.)

    What is usual is the least that was seen lately. But a host whose answers take now long and now short, though it
    reads all requests in time, would be asked too seldom that way. Where answers to later requests come before, it is
    one that works at many at once: as far as those overtaken are later than `LATENESS` on average, that is usual.
    """

    def __init__(self) -> None:
        self._last = -math.inf
        self._recent: deque[Start] = deque()
        self._late: list[float] = []
        self._overdue = 0
        self._least = self._least_before = math.inf
        self._counted = 0
        self._unheard = FEW
        self._newest = -math.inf
        self._lateness = self._varying = 0.0

    def next(self, now: float, rate: float, limit: float) -> float:
        """The earliest time of another start at `rate` within `limit`; inf until an answer that is overdue."""
        due = self._last + 1.0 / min(rate, AIM * limit)
        if math.isinf(limit):
            return due
        self._release(now)
        if len(self._recent) + len(self._late) + self._overdue < max(1, int(limit)):
            return due
        recent = self._recent[0].at + self._recent[0].seconds if self._recent else math.inf
        return max(due, min(recent, self._late[0]) if self._late else recent)

    def add(self, now: float, rate: float, limit: float, catch_up: float = CATCH_UP) -> Start | None:
        """Count a start that may be `catch_up` seconds late; None where there is no limit that it counts for."""
        due = self._last + 1.0 / min(rate, AIM * limit)
        self._last = due if now - due <= catch_up else now
        if math.isinf(limit):
            return None
        permits = max(1, int(limit))
        start = Start(now, permits, permits / limit * (1.0 + SLACK))
        self._recent.append(start)
        return start

    def answered(self, start: Start, now: float, *, typical: bool = True) -> None:
        """The answer begins; `typical` unless it is none, which tells nothing of how long one takes."""
        latency = start.latency = now - start.at
        if start.overdue:
            self._overdue -= 1
            heappush(self._late, now - self._usual + start.seconds)
        if typical:
            self._learn(latency, start)

    def _learn(self, latency: float, start: Start) -> None:
        memory = max(MEMORY * start.permits, FEW)
        self._unheard = min(self._unheard, UNHEARD * start.permits) - 1
        self._least = min(self._least, latency)
        overtaken, self._newest = start.at < self._newest, max(start.at, self._newest)
        lateness = min(max(0.0, latency - self._usual), start.seconds) if overtaken else 0.0
        self._lateness += (lateness - self._lateness) / memory
        self._varying = max(0.0, self._varying + (self._lateness - LATENESS) / memory)
        self._counted += 1
        if self._counted >= REACH * memory:
            self._counted, self._least_before, self._least = 0, self._least, math.inf

    @property
    def _usual(self) -> float:
        """Seconds that an answer usually takes; 0 before that is known."""
        return min(self._least, self._least_before) + self._varying if self._unheard <= 0 else 0.0

    def _release(self, now: float) -> None:
        """Give back the permits of those that arrived long enough ago."""
        recent, late = self._recent, self._late
        while recent and recent[0].at + recent[0].seconds <= now:
            start = recent.popleft()
            if start.latency is None:
                # Where answers take longer than that, nobody knows yet whether this one is late.
                start.overdue = self._usual < start.seconds
                self._overdue += start.overdue
            elif start.latency > self._usual:
                heappush(late, start.at + start.seconds + start.latency - self._usual)
        while late and late[0] <= now:
            heappop(late)
