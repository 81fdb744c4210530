"""What is wanted of a run from elsewhere: left in a lease of each of its workers, who look there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tui.model import Problem, Wish
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

    It is obeyed once, whenever it comes: no two machines need clocks that agree.
    """

    def __init__(self, rest: Rest, table: str, mirror: Mirror, guarded: Guarded) -> None:
        self._rest = rest
        self._table = table
        self._mirror = mirror
        self._guarded = guarded
        self._heard: set[tuple[str, float]] = set()
        self._wanted: dict[str, Wish] = {}

    async def tell(self, holders: Iterable[Holder], wish: Wish) -> bool:
        """Leave a wish with each of these workers; whether any of them still held something."""
        at = round(self._rest.clock.now(), 3)
        told = await few_at_once(self._leave(holder, wish, at) for holder in holders)
        for problem in told:
            if isinstance(problem, Problem):
                raise problem
        return any(told)

    async def _leave(self, holder: Holder, wish: Wish, at: float) -> bool:
        async def change(live: Live) -> Edit | None:
            hold = live.remembered.hold
            if hold is None or (hold.worker, hold.run_id) != (holder.worker, holder.run_id):
                return None
            return Edit({KEY: replace(live.remembered, hold=replace(hold, wish=wish, wished_at=at)).told()})

        for vehicle_id in holder.vehicle_ids:
            if await self._guarded.edit(vehicle_id, change) is not None:
                return True
        return False

    async def left(self, holders: Sequence[Holder]) -> Mapping[tuple[str, str], Wish]:
        """The last wish that was left with each of these workers, by worker and run."""
        holds = await self._ask([vehicle_id for holder in holders for vehicle_id in holder.vehicle_ids])
        return {(hold.worker, hold.run_id): hold.wish for hold in holds}

    async def listen(self, worker: str, run_id: str) -> Wish | None:
        """What is newly wanted of the run that a worker is at, as far as its leases tell."""
        holders = await mirroring.holders(self._mirror.store, self._rest.clock.here())
        held = [name for it in holders if (it.worker, it.run_id) == (worker, run_id) for name in it.vehicle_ids]
        try:
            for hold in await self._ask(held, patience=PATIENCE):
                self.hear(hold)
        except ProjectError:
            pass  # it is asked again in a second
        return self._wanted.pop(run_id, None)

    def hear(self, hold: Hold) -> None:
        """See a lease of this program's own as it is in its row."""
        wished = (hold.run_id, hold.wished_at)
        if hold.wished_at and wished not in self._heard:
            self._heard.add(wished)
            self._wanted[hold.run_id] = hold.wish

    async def _ask(self, vehicle_ids: Sequence[str], patience: float | None = None) -> list[Hold]:
        """The leases of these vehicles that hold a wish, the newest last."""
        rows = []
        for start in range(0, len(vehicle_ids), IDS):
            terms = (("id", among(vehicle_ids[start : start + IDS])), (f"{_LEASE}->>wish", "not.is.null"))
            rows += await self._rest.get(self._table, [f"lease:{_LEASE}"], *terms, patience=patience)
        holds = (hold_of(row["lease"]) for row in rows)
        return sorted((hold for hold in holds if hold is not None), key=lambda hold: hold.wished_at)
