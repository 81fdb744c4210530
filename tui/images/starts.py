"""When requests to one host start, so that no second holds more of them than it may."""

from __future__ import annotations

import math
from collections import deque

AIM = 0.985
"""The part of a rate that is aimed at: the rest leaves the network room to bring two requests closer together."""

SLACK = 0.01
"""By how much a full second of starts is stretched, for the same reason."""

CATCH_UP = 0.05
"""Seconds by which a start may be late without the next ones being late as well."""


class Starts:
    """When the next request may start: no second holds more than `limit` starts, and timers that ring late cost none.

    Any `n` starts in a row (`n` the whole part of `limit`, at least 1) take at least n/limit seconds and a little.
    """

    def __init__(self) -> None:
        self._last = -math.inf
        self._recent: deque[float] = deque()

    def next(self, rate: float, limit: float) -> float:
        """The earliest time of another start at `rate` now, within `limit` whatever `rate` was before."""
        due = self._last + 1.0 / (AIM * rate)
        if math.isinf(limit):
            return due
        many, seconds = _window(limit)
        return max(due, self._recent[-many] + seconds) if len(self._recent) >= many else due

    def add(self, now: float, rate: float, limit: float) -> None:
        """Count a start."""
        due = self.next(rate, limit)
        self._last = due if now - due <= CATCH_UP else now
        if math.isinf(limit):
            return
        _, seconds = _window(limit)
        while self._recent and self._recent[0] <= now - seconds:
            self._recent.popleft()
        self._recent.append(now)


def _window(limit: float) -> tuple[int, float]:
    many = max(1, int(limit))
    return many, many / limit * (1.0 + SLACK)
