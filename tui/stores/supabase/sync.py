"""Keeping the sidecar of a project true to its rows, as far as the caller needs it to be.

This goes on where an operator only looks, too: it touches no row, object or mark of the project's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tui.stores import StoreError
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import STATEMENT_TIMEOUT, ProjectError

SELDOM = 30.0
"""Seconds between two whole looks that the database asks for by itself, at the least."""

SOON = 0.2
"""Seconds for which an answer to what changed is good for every screen that asks."""


AT_ONCE = 2_000
"""Vehicles in one request that names them."""


class Portions:
    """Asks a function of our SQL for one portion of its work after the other.

    Where the statement timeout of a project stops one, the next is a quarter of it, and then they grow again slowly:
    what took so long may have been a lock of somebody else's.
    """

    def __init__(self, connection: Connection, function: str, most: int) -> None:
        self._connection = connection
        self._function = function
        self._most = most
        self._size = most

    async def ask(self, arguments: Mapping[str, object]) -> Any:
        """What the function answers. Raises ProjectError."""
        while True:
            try:
                told = {**arguments, "size": self._size}
                answer = await self._connection.rpc(self._function, told, once=STATEMENT_TIMEOUT)
            except ProjectError as error:
                if error.code != STATEMENT_TIMEOUT or self._size == 1:
                    raise
                self._size = max(self._size // 4, 1)
            else:
                self._size = min(self._size + self._size // 8 + 1, self._most)
                return answer


def parts(vehicle_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Ids as many at once as one request names."""
    return (vehicle_ids[start : start + AT_ONCE] for start in range(0, len(vehicle_ids), AT_ONCE))


class Sync:
    """The two looks at a project's rows: at those that changed lately, and at all of them. One of each at a time."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._catching = asyncio.Lock()
        self._taking = asyncio.Lock()
        self._caught_up_at = float("-inf")
        self._whole_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._changes = Portions(connection, "image_backfill_catch_up", 2_000)
        self._rows = Portions(connection, "image_backfill_sync", 5_000)

    async def catch_up(self, *, at_once: bool = False) -> None:
        """Take in what changed; `at_once` also where somebody has just done so.

        Where only a whole look tells, one begins in the background: it can take minutes, and nobody waits for it who
        has not asked for it, unless there has never been one.
        """
        async with self._catching:
            if self._clock() - self._caught_up_at < SOON and not at_once:
                return
            answer = await self._changes.ask({})
            while answer["more"]:
                answer = await self._changes.ask({})
            if answer["new"]:
                await self.whole()
            elif answer["stale"]:
                self._look_at_all()
            self._caught_up_at = self._clock()

    def _look_at_all(self) -> None:
        if self._clock() - self._whole_at > SELDOM and (self._looking is None or self._looking.done()):
            self._whole_at = self._clock()
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        with contextlib.suppress(StoreError):  # whoever asks next is told what is wrong
            await self.whole()

    async def close(self) -> None:
        """End what goes on in the background."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def take_in(self, vehicle_ids: Sequence[str]) -> None:
        """Take in what this program itself has written of these vehicles."""
        for part in parts(vehicle_ids):
            await self._take_in(part)

    async def _take_in(self, vehicle_ids: Sequence[str]) -> None:
        named = {"vehicles": vehicle_ids}
        try:
            await self._connection.rpc("image_backfill_take_in", named, once=STATEMENT_TIMEOUT)
        except ProjectError as error:
            if error.code != STATEMENT_TIMEOUT or len(vehicle_ids) == 1:
                raise
            middle = len(vehicle_ids) // 2
            await self._take_in(vehicle_ids[:middle])
            await self._take_in(vehicle_ids[middle:])

    async def whole(self) -> None:
        """Take every row in again, part by part."""
        async with self._taking:
            place = await self._rows.ask({})
            while place["last"] is not None:
                place = await self._rows.ask({name: place[name] for name in ("last", "began", "deletions")})
            await self._keep_bookmarks()
            self._whole_at = self._clock()

    async def _keep_bookmarks(self) -> None:
        """Without them far pages are slow and nothing is wrong: where there is no time for them, they stay away."""
        try:
            while await self._connection.rpc("image_backfill_keep_bookmarks", once=STATEMENT_TIMEOUT):
                pass
        except ProjectError as error:
            if error.code != STATEMENT_TIMEOUT:
                raise
