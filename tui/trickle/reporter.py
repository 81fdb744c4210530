"""The one task that tells a store how a worker stands, and learns from it what is wanted of the run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from tui.model import RunRecord, Wish
from tui.stores import Store

REPORT = 1.0
"""Seconds between two reports; what is wanted of a run reaches each of its workers within them."""

Log = Callable[[str, str], None]


class Once:
    """Says that something fails when it begins to, and that it works again; not every time in between."""

    def __init__(self, what: str, log: Log) -> None:
        self._what = what
        self._log = log
        self._failing = False

    def failed(self, error: Exception) -> None:
        """It did not work."""
        if not self._failing:
            self._failing = True
            self._log(f"{self._what}: {error}", "warn")

    def worked(self) -> None:
        """It did."""
        if self._failing:
            self._failing = False
            self._log(f"{self._what}: works again", "info")


class Reporter:
    """Reports of one worker, one after the other: `record` gives the next, `obey` hears what is wanted.

    What is wanted here is told first, and while anything is untold no answer is heard: it may be older. `workers` are
    at work on the run, this one included; `shared` means that there has been another one at some time.
    """

    def __init__(self, store: Store, record: Callable[[], RunRecord], obey: Callable[[Wish], None], log: Log) -> None:
        self.workers = 1
        self.shared = False
        self._store = store
        self._record = record
        self._obey = obey
        self._once = Once("report", log)
        self._untold: list[Wish] = []
        self._wake = asyncio.Event()
        self._ending = False

    def want(self, wish: Wish) -> None:
        """Want something of the whole run; told as soon as the store listens."""
        self._untold.append(wish)
        self._wake.set()

    async def run(self) -> None:
        """Report until `end` is called; nothing that fails ends it."""
        last = False
        while not last:
            await self._rest()
            last = self._ending
            await self.tell()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT):
                await self._wake.wait()
        self._wake.clear()

    def end(self) -> None:
        """Let `run` return once the report under way and a last one are told."""
        self._ending = True
        self._wake.set()

    async def tell(self) -> None:
        """Tell the store everything once, and hear its answer."""
        try:
            await self._tell_wish()
            record = self._record()
            orders = await self._store.save_run(record)
        except Exception as error:  # noqa: BLE001 - no run ends because its journal cannot be written
            self._once.failed(error)
            return
        self._once.worked()
        self.workers = orders.workers
        self.shared |= orders.workers > 1
        if not self._untold:
            self._obey(orders.wish)
            if self._record().phase is not record.phase:  # whoever wanted it looks for that
                self._wake.set()

    async def _tell_wish(self) -> None:
        """Only the last of several wishes; they stay untold until the store has heard."""
        if told := len(self._untold):
            await self._store.direct_run(self._record().run_id, self._untold[-1])
            del self._untold[:told]
