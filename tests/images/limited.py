"""Hosts that refuse beyond so many requests a second, in the ways in which hosts count."""

from __future__ import annotations

import math
from collections import deque


class Bucket:
    """`rate` tokens drop into it in a second, and it holds `size` of them."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate, self.size = rate, size
        self._tokens, self._at = size, 0.0

    def admits(self, now: float) -> bool:
        self._tokens = min(self.size, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Leaky:
    """nginx's limit_req with `nodelay`, in its whole milliseconds: up to `burst` requests too early, none later.

    https://nginx.org/en/docs/http/ngx_http_limit_req_module.html
    """

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.size = rate, burst
        self._excess, self._at = 0.0, -math.inf

    def admits(self, now: float) -> bool:
        now = math.floor(now * 1000) / 1000
        excess = max(0.0, self._excess - self.rate * (now - self._at) + 1) if self._at > -math.inf else 0.0
        if excess > self.size + 1e-9:
            return False
        self._excess, self._at = excess, now
        return True


class Window:
    """`rate` requests in each second of its own clock, which is `offset` ahead."""

    def __init__(self, rate: float, offset: float = 0.0) -> None:
        self.rate, self.offset = rate, offset
        self._second, self._count = -1, 0

    def admits(self, now: float) -> bool:
        second = math.floor(now + self.offset)
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        return self._count <= self.rate


class Sliding:
    """`rate` requests in any second, counted from each of those that it admitted."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._admitted: deque[float] = deque()

    def admits(self, now: float) -> bool:
        while self._admitted and self._admitted[0] <= now - 1:
            self._admitted.popleft()
        if len(self._admitted) >= self.rate:
            return False
        self._admitted.append(now)
        return True


Limit = Bucket | Leaky | Window | Sliding
