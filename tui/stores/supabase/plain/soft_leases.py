"""Leases in the rows of vehicles themselves: taken, prolonged and checked by guarded writes."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tui.model import Gallery, Lease, Problem, Scope
from tui.stores import LeaseLost
from tui.stores.local.mirroring import Hold
from tui.stores.supabase.plain.guarded import Edit, Guarded
from tui.stores.supabase.plain.mirror import Mirror
from tui.stores.supabase.plain.pictures import stored_images, with_sources
from tui.stores.supabase.plain.project_clock import ProjectClock
from tui.stores.supabase.plain.remembered import KEY, Remembered
from tui.stores.supabase.plain.remote_rows import IDS, Live, Vehicles
from tui.stores.supabase.plain.rest import few_at_once

_CROWD = 4
"""Where others take what this one wants, it looks at so many times as many vehicles and takes any of them."""


class SoftLeases:
    """The queue of a project: candidates come from the mirror in its order, and each is checked where it lives.

    `hear` sees every lease that passes the gate before a write.
    """

    def __init__(
        self, vehicles: Vehicles, mirror: Mirror, guarded: Guarded, clock: ProjectClock, hear: Callable[[Hold], None]
    ) -> None:
        self._vehicles = vehicles
        self._mirror = mirror
        self._guarded = guarded
        self._clock = clock
        self._hear = hear
        self._claiming = asyncio.Lock()

    async def claim(self, scope: Scope, limit: int, worker: str, run_id: str, ttl: float) -> tuple[Lease, ...]:
        """Lease up to `limit` vehicles; fewer only when there are no more. Raises StoreError where none could be."""
        async with self._claiming:
            await self._mirror.glance()
            leases = await self._claim(scope, limit, worker, run_id, ttl)
            if leases or not limit:
                return leases
            # Nothing that is known is left; there may be what nobody has looked at yet.
            await self._mirror.catch_up(at_once=True)
            return await self._claim(scope, limit, worker, run_id, ttl)

    async def _claim(self, scope: Scope, limit: int, worker: str, run_id: str, ttl: float) -> tuple[Lease, ...]:
        leases: list[Lease] = []
        tried: set[str] = set()
        crowded = False
        while len(leases) < limit:
            candidates = await self._candidates(scope, limit - len(leases), tried, crowded=crowded)
            if not candidates:
                break
            tried.update(candidates)
            ended = await self._take(candidates, scope, worker, run_id, ttl)
            taken = [lease for lease in ended if isinstance(lease, Lease)]
            leases += taken
            problem = next((one for one in ended if isinstance(one, Problem)), None)
            if problem is not None and not leases:
                raise problem
            if problem is not None:
                break  # what was leased is to be worked; the problem will show again
            crowded = len(taken) * 2 < len(candidates)
        return tuple(leases)

    async def _candidates(self, scope: Scope, wanted: int, tried: set[str], *, crowded: bool) -> list[str]:
        """Vehicles to try next, in order: the first ones, or where others are after these as well any of the first."""
        first = await self._first(scope, max(wanted * _CROWD, IDS) if crowded else wanted, tried)
        if not crowded:
            return first
        await self._mirror.look_at(first)
        free = await self._first(scope, len(first), tried)
        chosen = set(random.sample(free, min(wanted, len(free))))
        return [vehicle_id for vehicle_id in free if vehicle_id in chosen]

    async def _first(self, scope: Scope, count: int, tried: set[str]) -> list[str]:
        found = await self._mirror.store.peek(scope, 0, count)
        return [lease.vehicle.id for lease in found if lease.vehicle.id not in tried]

    async def _take(
        self, candidates: Sequence[str], scope: Scope, worker: str, run_id: str, ttl: float
    ) -> list[Lease | Problem | None]:
        found = await self._live(candidates)

        def hold() -> Hold:
            return Hold(uuid.uuid4().hex, self._clock.now() + ttl, worker, run_id)

        return await few_at_once(self._try(name, found.get(name), scope, hold(), ttl) for name in candidates)

    async def _live(self, vehicle_ids: Sequence[str]) -> dict[str, Live]:
        parts = (vehicle_ids[start : start + IDS] for start in range(0, len(vehicle_ids), IDS))
        found: dict[str, Live] = {}
        for part in await few_at_once(self._vehicles.live(part) for part in parts):
            if isinstance(part, Problem):
                raise part
            found.update(part)
        return found

    async def _try(self, vehicle_id: str, live: Live | None, scope: Scope, hold: Hold, ttl: float) -> Lease | None:
        """The lease of one vehicle; None where it is not to be had."""

        async def change(live: Live) -> Edit | None:
            before = live.remembered
            if before.hold is not None and before.hold.token == hold.token:
                return Edit()
            if not await self._mirror.is_claimable(live.seen, scope):
                return None
            after = replace(before, hold=hold, parked=False, retry_at=None)
            return Edit({KEY: after.told()})

        if live is None:
            await self._mirror.forget(vehicle_id)
            return None
        leased = await self._guarded.edit(vehicle_id, change, live)
        vehicle = await self._mirror.store.vehicle(vehicle_id)
        if leased is None or vehicle is None:
            return None
        return self._known(Lease(vehicle, Gallery(vehicle_id, ()), hold.token, self._clock.here() + ttl), leased)

    def _known(self, lease: Lease, live: Live) -> Lease:
        """A lease with all that is known of its vehicle."""
        outcomes = self._vehicles.outcomes(live)
        urls = [*live.gallery, *(outcome.source_url for outcome in outcomes)]
        images = stored_images(with_sources(live.images, urls, self._vehicles.source))
        return replace(lease, gallery=Gallery(live.id, live.gallery), outcomes=outcomes, stored=images)

    async def peek(self, scope: Scope, offset: int, limit: int) -> tuple[Lease, ...]:
        """What `claim` would give; the mirror knows no image rows, so that those are asked for."""
        leases = await self._mirror.store.peek(scope, offset, limit)
        found = await self._live([lease.vehicle.id for lease in leases if lease.vehicle.stored])
        return tuple(
            self._known(lease, found[lease.vehicle.id]) if lease.vehicle.id in found else lease for lease in leases
        )

    async def renew(self, leases: Sequence[Lease], ttl: float) -> frozenset[str]:
        """Prolong leases that are half over; the ids of the vehicles whose lease is lost."""
        remembered = await self._remembered([lease.vehicle.id for lease in leases])
        held = [lease for lease in leases if self.holds(lease, remembered.get(lease.vehicle.id))]
        due = [lease for lease in held if self._left(remembered[lease.vehicle.id]) < ttl / 2]
        lost = {lease.token for lease in leases} - {lease.token for lease in held}
        for lease, prolonged in zip(due, await few_at_once(self._prolong(lease, ttl) for lease in due), strict=True):
            if isinstance(prolonged, Problem):
                raise prolonged
            if not prolonged:
                lost.add(lease.token)
        return frozenset(lease.vehicle.id for lease in leases if lease.token in lost)

    async def _remembered(self, vehicle_ids: Sequence[str]) -> Mapping[str, Remembered]:
        found: dict[str, Remembered] = {}
        for start in range(0, len(vehicle_ids), IDS):
            found.update(await self._vehicles.remembered(vehicle_ids[start : start + IDS]))
        return found

    async def _prolong(self, lease: Lease, ttl: float) -> bool:
        async def change(live: Live) -> Edit:
            before = self.fence(lease, live.remembered)
            return Edit({KEY: replace(live.remembered, hold=replace(before, until=self._clock.now() + ttl)).told()})

        try:
            return await self._guarded.edit(lease.vehicle.id, change) is not None
        except LeaseLost:
            return False

    def now(self) -> float:
        """The time by which leases end."""
        return self._clock.now()

    def _left(self, remembered: Remembered) -> float:
        return remembered.hold.until - self._clock.now() if remembered.hold else 0.0

    def holds(self, lease: Lease, remembered: Remembered | None) -> bool:
        """Whether a lease is alive by what is remembered of its vehicle."""
        hold = remembered and remembered.hold
        return bool(hold and lease.token and hold.token == lease.token and hold.until > self._clock.now())

    def fence(self, lease: Lease, remembered: Remembered | None) -> Hold:
        """The gate before every write of a worker. Raises LeaseLost."""
        if remembered is None or remembered.hold is None or not self.holds(lease, remembered):
            raise LeaseLost(lease.vehicle.id)
        self._hear(remembered.hold)
        return remembered.hold
