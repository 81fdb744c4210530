"""A local store that holds what screens and queue need of a project's vehicles, kept true by reading.

So counts, orders and pages are those of the local store's own queries, and both kinds of stores behave alike.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from tui.model import Scope
from tui.stores.local import LocalStore, mirroring
from tui.stores.local.mirroring import Seen
from tui.stores.supabase.plain.dealers import Dealers
from tui.stores.supabase.plain.recent import Recent
from tui.stores.supabase.plain.remote_rows import IDS, Vehicles
from tui.stores.supabase.plain.rest import Rest, few_at_once
from tui.stores.supabase.shape import Shape

SOON = 0.2
"""Seconds for which a look at what changed is good for every screen that asks."""

SHARE = 10
"""A look that took long is good for so many times as long: no screen keeps a project busy for more than a tenth."""

PATIENT = 1.0
"""Seconds that a screen waits for a look at everything; a longer one goes on behind it."""

_LONG = 0.1
_FORGET = 600.0


class Mirror:
    """The mirror of a project in a temporary folder. `store` answers what a local store answers, and writes nothing."""

    def __init__(self, rest: Rest, shape: Shape, vehicles: Vehicles, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._vehicles = vehicles
        self._dealers = Dealers(rest, shape)
        self._clock = rest.clock
        self._folder = folder
        self._changed = Recent(rest, shape.vehicles.name, "updated_at", "id", vehicles.guard)
        self._pictured = Recent(rest, shape.images.name, "created_at", "vehicle_id")
        self._pictures = Counter[tuple[str, str]]()
        self._stamped = shape.vehicles.has("updated_at") and shape.images.has("created_at") and bool(vehicles.guard)
        self._reading = asyncio.Lock()
        self._catching = asyncio.Lock()
        self._touched: dict[str, float] = {}
        self._good_until = float("-inf")
        self._took = 0.0
        self._behind: asyncio.Task[None] | None = None
        self.store: LocalStore

    @classmethod
    async def open(cls, rest: Rest, shape: Shape, vehicles: Vehicles) -> Mirror:
        """Read the whole of a project. Raises ProjectError, and StoreError where this machine has no room."""
        folder = await asyncio.to_thread(
            lambda: tempfile.TemporaryDirectory(prefix="backfill-mirror-", ignore_cleanup_errors=True)
        )
        mirror = cls(rest, shape, vehicles, folder)
        try:
            mirror.store = await LocalStore.open(Path(folder.name), clock=rest.clock.here)
            await mirroring.prepare(mirror.store)
            await mirror._begin()
        except BaseException:
            await mirror.close()
            raise
        return mirror

    async def close(self) -> None:
        """Throw it away; a second call does nothing."""
        if self._behind:
            self._behind.cancel()
            await asyncio.gather(self._behind, return_exceptions=True)
        if hasattr(self, "store"):
            await self.store.close()
        await asyncio.to_thread(self._folder.cleanup)

    # Reading

    async def _begin(self) -> None:
        if self._stamped:
            await asyncio.gather(self._changed.begin(), self._pictured.begin())
            pictured = await self._pictured.look()
            self._pictured.keep(pictured)
            self._pictures = _pictures(pictured)
        await self.whole()
        if self._stamped or self._took < PATIENT:
            self._good_until = float("-inf")

    async def whole(self) -> None:
        """Look at every row: what is gone is let go of. Other questions are answered meanwhile."""
        async with self._reading:
            began = time.monotonic()
            recent = time.monotonic() - _FORGET
            self._touched = {name: at for name, at in self._touched.items() if at > recent}
            await mirroring.take_organizations(self.store, await self._dealers.everyone(), all_of_them=True)
            await self._pages()
            await self._name()
            self._took = time.monotonic() - began
            self._rest_after(self._took)

    async def _pages(self) -> None:
        """Read every vehicle; the next page is on its way while one is written down."""
        after, more = "", True
        coming = asyncio.create_task(self._page(after))
        try:
            while more:
                vehicles, more, as_of = await coming
                last = vehicles[-1].id if more else None
                if last:
                    coming = asyncio.create_task(self._page(last))
                spared = [name for name, at in self._touched.items() if at >= as_of]
                fresh = [seen for seen in vehicles if self._touched.get(seen.id, 0.0) < as_of]
                await mirroring.take_page(self.store, fresh, after, last, spared)
                after = last or after
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _page(self, after: str) -> tuple[list[Seen], bool, float]:
        as_of = time.monotonic()
        return (*await self._vehicles.page(after), as_of)

    async def glance(self) -> None:
        """See what changed lately where the time stamps of the rows tell."""
        if self._stamped:
            await self.catch_up()

    async def catch_up(self, *, at_once: bool = False) -> None:
        """See what changed lately, and everything where only that tells; `at_once` even if somebody just looked."""
        async with self._catching:
            if time.monotonic() < self._good_until and not at_once:
                return
            if self._stamped:
                began = time.monotonic()
                await self._follow()
                self._rest_after(time.monotonic() - began)
            elif at_once or self._took < PATIENT:
                await self.whole()
            else:
                self._read_behind()

    def _rest_after(self, took: float) -> None:
        self._good_until = time.monotonic() + (took * SHARE if took > _LONG else SOON)

    async def _follow(self) -> None:
        changed, pictured = await asyncio.gather(self._changed.look(), self._pictured.look())
        versions = {row["id"]: self._vehicles.version(row) for row in changed}
        pictures = _pictures(pictured)
        new = {vehicle_id for vehicle_id, _ in pictures - self._pictures}
        await self.look_at({*await mirroring.differing(self.store, versions), *new})
        self._changed.keep(changed)
        self._pictured.keep(pictured)
        self._pictures = pictures

    def _read_behind(self) -> None:
        """Look at everything while whoever asked goes on with what is known. Raises what ended the last such look."""
        if self._behind is None or self._behind.done():
            ended, self._behind = self._behind, asyncio.create_task(self.whole())
            if ended:
                ended.result()

    async def look_at(self, vehicle_ids: Iterable[str]) -> None:
        """See how these vehicles stand."""
        waiting = iter(vehicle_ids)
        parts = iter(lambda: list(islice(waiting, IDS)), [])
        for failed in await few_at_once(self._look_at(part) for part in parts):
            if failed is not None:
                raise failed
        await self._name()

    async def _look_at(self, vehicle_ids: Sequence[str]) -> None:
        as_of = time.monotonic()
        found = await self._vehicles.some(vehicle_ids)
        await self.take([seen for seen in found if self._touched.get(seen.id, 0.0) < as_of])
        there = {seen.id for seen in found}
        await mirroring.forget(self.store, [name for name in vehicle_ids if name not in there])

    # What this program knows first

    async def take(self, vehicles: Sequence[Seen]) -> None:
        """Let vehicles be as they were just seen; reads that began before this do not undo it."""
        self._touch(vehicles)
        await mirroring.take(self.store, vehicles)

    async def is_claimable(self, vehicle: Seen, scope: Scope) -> bool:
        """The same for one vehicle, and whether a claim over a scope may give it."""
        self._touch([vehicle])
        return await mirroring.is_claimable(self.store, vehicle, scope, self._clock.here())

    async def count_image(self, vehicle_id: str) -> None:
        """One more image row of ours was written."""
        self._touched[vehicle_id] = time.monotonic()
        await mirroring.count_image(self.store, vehicle_id)

    async def forget(self, vehicle_id: str) -> None:
        """A vehicle is gone."""
        await mirroring.forget(self.store, [vehicle_id])

    def _touch(self, vehicles: Sequence[Seen]) -> None:
        now = time.monotonic()
        self._touched.update((vehicle.id, now) for vehicle in vehicles)

    async def _name(self) -> None:
        """Ask for the organizations that vehicles name and nobody has told of."""
        rows = await self._dealers.some(await mirroring.nameless(self.store))
        if rows:
            await mirroring.take_organizations(self.store, rows, all_of_them=False)


def _pictures(rows: Iterable[Any]) -> Counter[tuple[str, str]]:
    """How many images each vehicle was given at each moment."""
    return Counter((row["vehicle_id"], row["created_at"]) for row in rows)
