"""How many bytes a second come in, over all hosts together."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from tui.images.pace import Drained

CREDIT = 0.03
"""Seconds by which a timer may ring late without the bytes of that time being lost."""

DRAIN_SECONDS = 10.0
"""Seconds that bodies under way have to come in once a run drains, where a limit keeps them waiting."""


class Bandwidth:
    """A limit in bytes per second (0: none) that every piece of a body is counted against, and that can be changed.

    Whoever read a piece waits until it is paid for, in turn, and reads no more meanwhile.
    `clock` and `sleep` are in seconds.
    """

    def __init__(
        self,
        limit: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.limit = limit
        self._clock = clock
        self._sleep = sleep
        self._owed = 0.0
        self._at = clock()
        self._until = math.inf
        self._door = asyncio.Lock()
        self._changed = asyncio.Event()

    def retune(self, limit: int) -> None:
        """Change the limit at once, also for those who wait."""
        self._pay()
        self.limit = limit
        self._changed.set()

    def drain(self) -> float:
        """Let nobody wait for more than so many seconds from now; 0 where there is no limit that anybody waits for."""
        self._until = self._clock() + DRAIN_SECONDS
        self._changed.set()
        return DRAIN_SECONDS if self.limit else 0.0

    async def take(self, size: int) -> float:
        """Count `size` bytes that came and wait until more may come; returns the seconds that it took.

        Raises Drained where that would be too long after `drain`.
        """
        if not self.limit:
            return 0.0
        began = self._clock()
        async with self._door:
            self._pay()
            self._owed += size
            while (wait := self._pay()) > 0:
                left = self._until - self._clock()
                if left <= 0:
                    raise Drained
                await self._change(min(wait, left))
        return self._clock() - began

    def _pay(self) -> float:
        """Count the time that has passed; seconds until nothing is owed any more."""
        now = self._clock()
        self._owed = max(-CREDIT * self.limit, self._owed - (now - self._at) * self.limit)
        self._at = now
        return max(0.0, self._owed / self.limit) if self.limit else 0.0

    async def _change(self, seconds: float) -> None:
        changed = self._changed = asyncio.Event()
        timer = asyncio.ensure_future(self._sleep(seconds))
        timer.add_done_callback(lambda _: changed.set())
        try:
            await changed.wait()
        finally:
            timer.cancel()
