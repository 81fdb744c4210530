"""The store on a project where our SQL is installed: its functions do the work, this asks them."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from tui.model import (
    Counts,
    Gallery,
    IntakeReport,
    Lease,
    Listing,
    Look,
    Member,
    Orders,
    Organization,
    OrganizationSort,
    Outcome,
    Page,
    RefusalGroup,
    RunRecord,
    Scope,
    Settlement,
    StoredImage,
    Vehicle,
    VehicleQuery,
    Wish,
    Workload,
    as_runs,
)
from tui.stores import StoreError
from tui.stores.merging import id_of
from tui.stores.reading import gallery_in, look_from
from tui.stores.supabase import answering as a
from tui.stores.supabase import objects
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import ProjectError
from tui.stores.supabase.intake import intake
from tui.stores.supabase.shape import Shape
from tui.stores.supabase.sync import AT_ONCE, Portions, Sync, parts

_NO_IMAGE = "BF002"

_LOOK = ("vehicle_id", "source_url", "file_hash", "perceptual_hash:variants->original->>perceptual_hash")
_LOOKS = 1_000
"""Looks in one answer: no project gives more rows at once unless it is told to."""


class ServedStore:
    """A project with our SQL. Times to and from the database are spans, so that no clock has to agree with its own."""

    def __init__(
        self,
        connection: Connection,
        shape: Shape,
        *,
        label: str,
        source: str,
        notice: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._shape = shape
        self._clock = clock
        self._sync = Sync(connection, clock)
        self.label = label
        self.source = source
        self.notice = notice

    @property
    def read_only(self) -> bool:
        """Whether the operator asked to look only; every write then raises `StoreError`."""
        return self._connection.read_only

    @property
    def trouble(self) -> str:
        """Why calls wait now."""
        return self._connection.trouble

    async def close(self) -> None:
        """End what goes on in the background, and close every connection."""
        await self._sync.close()
        await self._connection.close()

    async def refresh(self) -> None:
        """Take the whole of the project's rows in again."""
        await self._sync.whole()

    async def _ask(self, function: str, **arguments: object) -> Any:
        return await self._connection.rpc(f"image_backfill_{function}", a.sound(arguments))

    def _writable(self) -> None:
        if self.read_only:
            raise StoreError(f"{self.label} is open read-only: nothing was written.")

    async def _write(self, function: str, **arguments: object) -> Any:
        self._writable()
        return await self._ask(function, **arguments)

    # What the screens ask

    async def counts(self, organization_id: str | None = None) -> Counts:
        """Public vehicles by state; organization "" means those of none."""
        await self._sync.catch_up()
        return a.counts_from(await self._ask("totals", organization=organization_id))

    async def organizations(
        self,
        *,
        filter: str = "",
        sort: OrganizationSort = OrganizationSort.NEEDING,
        descending: bool = True,
        offset: int = 0,
        limit: int = 100,
    ) -> Page[Organization]:
        """A page of organizations; one with the id "" stands for vehicles that have none."""
        await self._sync.catch_up()
        found = await self._ask(
            "organizations", wanted=filter, sort=sort.value, descending=descending, skip=offset, most=limit
        )
        return Page(tuple(map(a.organization_from, found["rows"])), offset, found["total"])

    async def vehicles(self, query: VehicleQuery) -> Page[Vehicle]:
        """A page of vehicles."""
        await self._sync.catch_up()
        found = await self._ask(
            "vehicles",
            organization=query.organization_id,
            wanted=query.filter,
            sort=query.sort.value,
            descending=query.descending,
            skip=query.offset,
            most=query.limit,
        )
        now = self._clock()
        return Page(tuple(a.vehicle_from(row, now) for row in found["rows"]), query.offset, found["total"])

    async def vehicle(self, vehicle_id: str) -> Vehicle | None:
        """One vehicle, or None."""
        await self._sync.catch_up()
        row = await self._ask("vehicle", vehicle=a.key(vehicle_id))
        return a.vehicle_from(row, self._clock()) if row else None

    async def gallery(self, vehicle_id: str) -> Gallery:
        """The source URLs of a vehicle."""
        found = await self._connection.ask(
            lambda client: client.table("vehicles").select("origin_metadata").eq("id", a.key(vehicle_id))
        )
        row: Any = found.data[0] if found.data else {}
        metadata = row.get("origin_metadata")
        return Gallery(vehicle_id, gallery_in(metadata) if isinstance(metadata, dict) else ())

    async def images(self, vehicle_id: str) -> tuple[StoredImage, ...]:
        """The image rows of a vehicle in order of position."""
        return tuple(map(a.image_from, await self._ask("photos_of", vehicle=a.key(vehicle_id))))

    async def looks(self, most: int) -> tuple[Look, ...]:
        """Those of the images that were stored last, the newest first."""
        if not self._shape.images.has("source", "source_url", "file_hash", "variants", "created_at"):
            return ()
        starts = range(0, most, _LOOKS)
        found = await asyncio.gather(*(self._looks(start, min(_LOOKS, most - start)) for start in starts))
        return tuple(look_from(row) for part in found for row in part)

    async def _looks(self, start: int, most: int) -> list[Any]:
        answer = await self._connection.ask(
            lambda client: (
                client.table("vehicle_images")
                .select(*_LOOK)
                .eq("source", self.source)
                .order("created_at", desc=True)
                .range(start, start + most - 1)
            )
        )
        return answer.data

    async def outcomes(self, vehicle_id: str) -> tuple[Outcome, ...]:
        """What became of a vehicle's candidates in earlier runs."""
        found, now = await self._ask("outcomes_of", vehicle=a.key(vehicle_id)), self._clock()
        return tuple(a.outcome_from(row, now) for row in found)

    async def workload(self, scope: Scope, cap: int) -> Workload:
        """Claimable vehicles and the images that they have to come under `cap`."""
        await self._sync.catch_up()
        return Workload(**await self._ask("workload", scope=a.scope_object(scope), cap=cap))

    async def workload_by_organization(self, scope: Scope, cap: int, limit: int) -> dict[str, Workload]:
        """The workload of the first `limit` vehicles to be claimed, by organization id."""
        await self._sync.catch_up()
        found = await self._ask("workload_by_organization", scope=a.scope_object(scope), cap=cap, most=limit)
        return {row["organization_id"]: Workload(row["vehicles"], row["images"]) for row in found}

    async def peek(self, scope: Scope, offset: int, limit: int) -> tuple[Lease, ...]:
        """What `claim` would give, unclaimed."""
        await self._sync.catch_up()
        found = await self._ask("peek", scope=a.scope_object(scope), skip=offset, most=limit)
        now = self._clock()
        return tuple(a.lease_from({**row, "token": ""}, 0.0, now) for row in found)

    # What the engine does

    async def claim(self, scope: Scope, limit: int, *, worker: str, run_id: str, ttl: float) -> tuple[Lease, ...]:
        """Lease up to `limit` vehicles for `ttl` seconds, organizations taking turns."""
        claimed = await self._claim(scope, limit, worker, run_id, ttl)
        if claimed or not limit:
            return claimed
        # Nothing that is known is left; there may be what nobody has looked at yet.
        await self._sync.catch_up(at_once=True)
        return await self._claim(scope, limit, worker, run_id, ttl)

    async def _claim(self, scope: Scope, limit: int, worker: str, run_id: str, ttl: float) -> tuple[Lease, ...]:
        until = self._clock() + ttl
        found = await self._write(
            "claim",
            scope=a.scope_object(scope),
            most=limit,
            worker=worker,
            run_id=run_id,
            ttl=ttl,
            token=str(uuid.uuid4()),
        )
        now = self._clock()
        return tuple(a.lease_from(row, until, now) for row in found)

    async def renew(self, leases: Sequence[Lease], ttl: float) -> frozenset[str]:
        """Prolong live leases; the ids of the vehicles whose lease is lost."""
        held = [{"vehicle_id": lease.vehicle.id, "token": a.lease_object(lease)["token"]} for lease in leases]
        return frozenset(await self._write("heartbeat", leases=held, ttl=ttl))

    async def put_object(self, path: str, content: BinaryIO, mime_type: str) -> str:
        """Upload an object and give its public URL; raises `Refusal` where the bucket will not have this one."""
        self._writable()
        return await objects.put(self._connection, path, content, mime_type)

    async def record(self, lease: Lease, image: StoredImage) -> bool:
        """Write the row of an image; False when the vehicle has these bytes or this URL already."""
        return bool(await self._write("record", **a.lease_object(lease), image=a.image_object(image, self.source)))

    async def settle(self, lease: Lease, settlement: Settlement) -> None:
        """Remember outcomes, mark the vehicle, end the lease, all or nothing.

        Raises `LeaseLost`, and ValueError for a mark on a vehicle without an image.
        """
        function = "complete" if settlement.backfilled else "fail" if settlement.parked else "release"
        now = self._clock()
        wait = a.span(settlement.retry_at, now)
        later: Mapping[str, object] = {"retry_in": wait} if function == "release" else {}
        outcomes = [a.outcome_object(outcome, now) for outcome in settlement.outcomes]
        try:
            await self._write(function, **a.lease_object(lease), outcomes=outcomes, run_id=settlement.run_id, **later)
        except ProjectError as error:
            if error.code == _NO_IMAGE:
                raise ValueError(f"vehicle {lease.vehicle.id} has no image and cannot be marked") from None
            raise

    # Refusals and the journal

    async def refusals(self) -> tuple[RefusalGroup, ...]:
        """Refused and deferred candidates by host and reason, the largest first."""
        found, now = await self._ask("refusals"), self._clock()
        return tuple(a.refusals_from(row, now) for row in found)

    async def retry(self, host: str | None = None, reason: str | None = None) -> int:
        """Forget matching refusals, and the mark or parking that rested on them."""
        self._writable()
        portions = Portions(self._connection, "image_backfill_retry", AT_ONCE)
        wanted = a.sound({"for_host": host, "for_reason": reason})
        answer = await portions.ask(wanted)
        vehicles = answer["vehicles"]
        while answer["more"]:
            answer = await portions.ask({**wanted, "began": answer["began"]})
            vehicles += answer["vehicles"]
        return int(vehicles)

    async def unpark(self, vehicle_ids: Sequence[str]) -> int:
        """Forget the refusals of these vehicles, and the mark or parking that rested on them."""
        return sum([int(await self._write("unpark", vehicles=part)) for part in parts(a.keys(vehicle_ids))])

    async def join_run(self, record: RunRecord) -> str:
        """Write a worker's first report; the id of the live run over the same scope, else its own."""
        return str(await self._write("join", share=a.share_object(record)))

    async def save_run(self, record: RunRecord) -> Orders:
        """Write a worker's share of a run; what is wanted of it."""
        answer = await self._write("report", share=a.share_object(record))
        return Orders(Wish(answer["wish"]), answer["workers"])

    async def direct_run(self, run_id: str, wish: Wish) -> None:
        """Want something of every worker of a run; a stop is for good."""
        await self._write("direct", run=run_id, wanted=wish.value)

    async def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs first, each the sum of its workers' shares."""
        found, now = await self._ask("runs_told", most=limit), self._clock()
        return as_runs(a.record_from(row, now) for row in found)

    async def fleet(self) -> tuple[Member, ...]:
        """The workers that have not ended, those of the newest run first."""
        found, now = await self._ask("fleet"), self._clock()
        return tuple(a.member_from(row, now) for row in found)

    async def intake(self, listings: Iterable[Listing]) -> IntakeReport:
        """Write a batch of listings; they are taken from `listings` in a thread."""
        batch = await asyncio.to_thread(list, listings)
        self._writable()
        report = await intake(self._connection, self._shape, batch)
        await self._sync.take_in(list({id_of(listing.identity) for listing in batch}))
        return report
