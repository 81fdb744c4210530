"""What is wanted of a run from elsewhere: left in a lease of each of its workers, who look there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from tui.model import Phase, Problem, RunRecord, Wish
from tui.stores.local import mirroring
from tui.stores.local.mirroring import Hold, Holder
from tui.stores.supabase.faults import ProjectError
from tui.stores.supabase.plain.guarded import Edit, Guarded
from tui.stores.supabase.plain.mirror import Mirror
from tui.stores.supabase.plain.remembered import KEY, hold_of
from tui.stores.supabase.plain.remote_rows import IDS, Live
from tui.stores.supabase.plain.rest import Rest, among, few_at_once

PATIENCE = 2.0
"""Seconds that a report waits for an answer: who records or settles anything hears of a wish, too."""

_LEASE = f"origin_metadata->{KEY}->lease"


class Wishes:
    """A worker finds a wish when it reports, once a second; nor does a lease end without a look at what is in it.

    It is obeyed once, whenever it comes: no two machines need clocks that agree. Whether it rests a worker leaves in
    its leases itself.
    """

    def __init__(self, rest: Rest, table: str, mirror: Mirror, guarded: Guarded) -> None:
        self._rest = rest
        self._table = table
        self._mirror = mirror
        self._guarded = guarded
        self._heard: set[tuple[str, float]] = set()
        self._wanted: dict[str, Wish] = {}
        self._resting: set[str] = set()

    async def tell(self, holders: Iterable[Holder], wish: Wish) -> bool:
        """Leave a wish with each of these workers; whether any of them still held something.

        It is left in every lease: the one in which alone it was could end before anybody else has seen it there.
        """
        at = round(self._rest.clock.now(), 3)
        told = [await self._alter(holder, lambda hold: replace(hold, wish=wish, wished_at=at)) for holder in holders]
        return any(told)

    async def _alter(self, holder: Holder, alter: Callable[[Hold], Hold]) -> bool:
        """Write to the leases of a worker; whether it held any. Raises what kept one from being written."""
        altered = await few_at_once(self._alter_one(holder, name, alter) for name in holder.vehicle_ids)
        for problem in altered:
            if isinstance(problem, Problem):
                raise problem
        return any(altered)

    async def _alter_one(self, holder: Holder, vehicle_id: str, alter: Callable[[Hold], Hold]) -> bool:
        async def change(live: Live) -> Edit | None:
            hold = live.remembered.hold
            if hold is None or (hold.worker, hold.run_id) != (holder.worker, holder.run_id):
                return None
            return Edit({KEY: replace(live.remembered, hold=alter(hold)).told()})

        return await self._guarded.edit(vehicle_id, change) is not None

    async def left(self, holders: Sequence[Holder]) -> Mapping[tuple[str, str], Hold]:
        """By worker and run, what was wanted last of each of these workers, and whether it rests."""
        holds = await self._ask([vehicle_id for holder in holders for vehicle_id in holder.vehicle_ids])
        return {(hold.worker, hold.run_id): hold for hold in holds}

    async def listen(self, record: RunRecord) -> Wish | None:
        """What is newly wanted of the run of whoever reports, as far as its leases tell; they are told if it rests."""
        holders = await mirroring.holders(self._mirror.store, self._rest.clock.here())
        own = next((it for it in holders if (it.worker, it.run_id) == (record.worker, record.run_id)), None)
        if own is not None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._rest_or_go_on(own, resting=record.phase is Phase.PAUSED)
                for hold in await self._ask(own.vehicle_ids, patience=PATIENCE):
                    self.hear(hold)
            except (ProjectError, TimeoutError):
                pass  # it is asked again in a second
        return self._wanted.pop(record.run_id, None)

    async def _rest_or_go_on(self, own: Holder, *, resting: bool) -> None:
        if resting is not (own.run_id in self._resting):
            await self._alter(own, lambda hold: replace(hold, paused=resting))
            self._resting ^= {own.run_id}

    def hear(self, hold: Hold) -> None:
        """See a lease of this program's own as it is in its row."""
        wished = (hold.run_id, hold.wished_at)
        if hold.wished_at and wished not in self._heard:
            self._heard.add(wished)
            self._wanted[hold.run_id] = hold.wish

    async def _ask(self, vehicle_ids: Sequence[str], patience: float | None = None) -> list[Hold]:
        """The leases of these vehicles, the one in which a wish was left last at the end."""
        rows = []
        for start in range(0, len(vehicle_ids), IDS):
            names = among(vehicle_ids[start : start + IDS])
            rows += await self._rest.get(self._table, [f"lease:{_LEASE}"], ("id", names), patience=patience)
        holds = (hold_of(row["lease"]) for row in rows)
        return sorted((hold for hold in holds if hold is not None), key=lambda hold: hold.wished_at)
