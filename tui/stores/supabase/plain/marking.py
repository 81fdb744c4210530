"""What a worker writes under a soft lease, and what an operator takes back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from tui.model import Lease, Outcome, Problem, Result, Settlement, StoredImage
from tui.stores import LeaseLost
from tui.stores.supabase.answering import image_object, sound
from tui.stores.supabase.faults import ProjectError
from tui.stores.supabase.plain.guarded import Edit, Guarded
from tui.stores.supabase.plain.mirror import Mirror
from tui.stores.supabase.plain.remembered import KEY, MARK, MARKED_AT, Remembered, digest
from tui.stores.supabase.plain.remote_rows import IDS, Live, Vehicles
from tui.stores.supabase.plain.rest import Rest, Row, few_at_once, quoted
from tui.stores.supabase.plain.soft_leases import SoftLeases
from tui.stores.supabase.shape import Shape

_TAKEN = "23505"
_NO_VEHICLE = "23503"
_NO_UUID = frozenset({"22P02", "428C9"})
"""An id of another type, or one that the database gives alone."""

_LONGEST = 2_500
"""Letters of a URL that is looked for: what goes out has to stay below 8 KB."""

_TRIES = 4
_KEPT = 10_000


class Marking:
    """Image rows and what becomes of vehicles. Every write is checked against the live row right before it."""

    def __init__(
        self, rest: Rest, shape: Shape, vehicles: Vehicles, mirror: Mirror, guarded: Guarded, leases: SoftLeases
    ) -> None:
        self._rest = rest
        self._shape = shape
        self._vehicles = vehicles
        self._mirror = mirror
        self._guarded = guarded
        self._leases = leases
        self._ids = shape.images.has("id")
        self._settled: dict[str, None] = {}

    # Images

    async def record(self, lease: Lease, image: StoredImage) -> bool:
        """Write the row of an image; False when the vehicle has these bytes or this URL already. Raises LeaseLost.

        Said again, after an answer got lost, it answers the same.
        """
        try:
            return await self._record(lease, image)
        except ProjectError as error:
            if error.code not in _NO_UUID or not self._ids:
                raise
            self._ids = False
            return await self._record(lease, image)

    async def _record(self, lease: Lease, image: StoredImage) -> bool:
        row = new = self._row(image)
        known: Sequence[Row] = ()

        async def is_there() -> bool:
            nonlocal known
            remembered, known = await self._vehicles.alike(image.vehicle_id, self._alike(row))
            self._leases.fence(lease, remembered)
            return bool(known)

        for _ in range(_TRIES):
            if await self._insert(new, is_there):
                await self._mirror.count_image(image.vehicle_id)
                return True
            if known:
                return _is_same(max(known, key=lambda one: one.get("source_url") == image.source_url), row)
            new = {name: row[name] for name in row if name != "id"}  # a row with this id is another vehicle's by now
        return False

    def _row(self, image: StoredImage) -> dict[str, object]:
        row = sound(image_object(image, self._vehicles.source)) | {"is_primary": False, "is_external": False}
        if self._ids:
            # The same bytes of the same vehicle are the same row, whoever writes it and however often.
            row["id"] = str(uuid.uuid5(uuid.UUID(image.vehicle_id), image.file_hash))
        return {name: value for name, value in row.items() if self._shape.images.has(name)}

    def _alike(self, row: Mapping[str, object]) -> str:
        names = [name for name in ("id", "file_hash", "source_url", "image_url") if row.get(name)]
        values = {name: str(row[name]) for name in names}
        # The address of the object is a function of the source URL: where that is too long to be asked for, it will do.
        terms = [f"{name}.eq.{quoted(value)}" for name, value in values.items() if len(quote(value)) < _LONGEST]
        return f"({','.join(terms)})"

    async def _insert(self, row: Mapping[str, object], is_there: Callable[[], Awaitable[bool]]) -> bool:
        """Whether a row was written; False where there is one like it. Raises LeaseLost where its vehicle is gone."""
        try:
            return bool(await self._rest.insert(self._shape.images.name, ["image_url"], row, is_there))
        except ProjectError as error:
            if error.code == _NO_VEHICLE:
                raise LeaseLost(str(row["vehicle_id"])) from None
            if error.code != _TAKEN:
                raise
            return False

    # The end of a lease

    async def settle(self, lease: Lease, settlement: Settlement) -> None:
        """See to the primary image, then remember outcomes, mark or park the vehicle and end its lease in one write.

        Raises LeaseLost, and ValueError for a mark on a vehicle without an image. Said again, it does nothing.
        """
        if lease.token in self._settled:
            return
        at = datetime.fromtimestamp(self._leases.now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

        async def change(live: Live) -> Edit:
            if _is_settled(lease, settlement, live, at):
                return Edit()
            self._leases.fence(lease, live.remembered)
            if settlement.backfilled and not live.images:
                raise ValueError(f"vehicle {live.id} cannot be marked as backfilled: it has no image")
            return self._settling(lease, settlement, live, await self._choose_primary(live), at)

        if await self._guarded.edit(lease.vehicle.id, change) is None:
            raise LeaseLost(lease.vehicle.id)
        self._settled[lease.token] = None
        if len(self._settled) > _KEPT:
            del self._settled[next(iter(self._settled))]

    def _settling(self, lease: Lease, settlement: Settlement, live: Live, primary: str, at: str) -> Edit:
        grown = any(url not in lease.gallery.urls for url in live.gallery)
        marked, parked = settlement.backfilled and not grown, settlement.parked and not grown and not live.seen.ours
        outcomes = {outcome.source_url: outcome for outcome in (*live.remembered.outcomes, *settlement.outcomes)}
        # What an image row tells by itself is not said twice.
        told = self._vehicles.stored_urls(live, live.gallery)
        kept = [one for url, one in outcomes.items() if one.result is not Result.STORED or not (marked or url in told)]
        after = Remembered(
            parked=parked,
            retry_at=settlement.retry_at,
            gallery=digest(live.gallery),
            settled=lease.token,
            outcomes=tuple(kept),
        )
        marks = {MARK: True, MARKED_AT: at} if marked else {}
        empty = self._shape.vehicles.has("primary_image_url") and not live.row["primary_image_url"]
        return Edit({KEY: after.told(), **marks}, {"primary_image_url": primary} if primary and empty else {})

    async def _choose_primary(self, live: Live) -> str:
        """See that one of a vehicle's images is the primary one; its URL, "" where there is none."""
        if not live.images:
            return ""
        first = next((image for image in live.images if image.get("is_primary")), live.images[0])
        if "is_primary" in first and "id" in first and not first["is_primary"]:
            terms = (("id", f"eq.{first['id']}"), ("is_primary", "not.is.true"))
            try:
                await self._rest.patch(self._shape.images.name, ["id"], json.dumps({"is_primary": True}), *terms)
            except ProjectError as error:
                if error.code != _TAKEN:  # somebody else has chosen another one
                    raise
        return str(first["image_url"])

    # Taking back

    async def reopen(self, vehicle_ids: Sequence[str], forgets: Callable[[Outcome], bool], *, waiting: bool) -> int:
        """Forget outcomes, and the mark or parking that rested on them; the number of vehicles changed.

        With `waiting` also those that are parked or wait without an outcome to be forgotten.
        """
        ended: list[Live | Problem | None] = []
        for start in range(0, len(vehicle_ids), IDS):
            found = await self._vehicles.live(vehicle_ids[start : start + IDS])
            ended += await few_at_once(self._reopen(live, forgets, waiting) for live in found.values())
        problem = next((one for one in ended if isinstance(one, Problem)), None)
        if problem is not None:
            raise problem
        return sum(one is not None for one in ended)

    async def _reopen(self, live: Live, forgets: Callable[[Outcome], bool], waiting: bool) -> Live | None:
        async def change(live: Live) -> Edit | None:
            before = live.remembered
            kept = [outcome for outcome in before.outcomes if not (_may_be_retried(outcome) and forgets(outcome))]
            waits = waiting and (before.parked or before.retry_at is not None)
            if len(kept) == len(before.outcomes) and not waits:
                return None
            # A marked vehicle has candidates without an outcome again, so its mark would not be true.
            marks = {MARK: None, MARKED_AT: None} if live.marked else {}
            after = replace(before, parked=False, retry_at=None, gallery="", outcomes=tuple(kept))
            return Edit({KEY: after.told(), **marks})

        return await self._guarded.edit(live.id, change, live)


def _is_settled(lease: Lease, settlement: Settlement, live: Live, at: str) -> bool:
    """Whether this very settlement was written before, and somebody else wrote since."""
    said = bool(lease.token) and live.remembered.settled == lease.token
    return said or (settlement.backfilled and live.metadata.get(MARKED_AT) == at)


def _may_be_retried(outcome: Outcome) -> bool:
    return outcome.result in (Result.REFUSED, Result.DEFERRED)


def _is_same(known: Row, row: Mapping[str, object]) -> bool:
    """Whether a row that is there is the very one that is to be written."""
    return known["image_url"] == row["image_url"] and all(
        known.get(name) in (None, row.get(name)) for name in ("file_hash", "source_url")
    )
