"""The store on a project that has nothing of ours: slower, never wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

from tui.model import (
    SOURCE,
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
    Phase,
    Problem,
    RefusalGroup,
    RunOptions,
    RunRecord,
    Scope,
    Settlement,
    StoredImage,
    Vehicle,
    VehicleQuery,
    Wish,
    Workload,
)
from tui.stores import LeaseLost, StoreError
from tui.stores.local import mirroring
from tui.stores.merging import id_of
from tui.stores.supabase import objects
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.intake import intake
from tui.stores.supabase.plain.guarded import Guarded
from tui.stores.supabase.plain.marking import Marking
from tui.stores.supabase.plain.mirror import Mirror
from tui.stores.supabase.plain.pictures import stored_images, with_sources
from tui.stores.supabase.plain.project_clock import ProjectClock
from tui.stores.supabase.plain.remote_rows import Vehicles, unguarded
from tui.stores.supabase.plain.rest import Rest, few_at_once
from tui.stores.supabase.plain.soft_leases import SoftLeases
from tui.stores.supabase.plain.wishes import Wishes
from tui.stores.supabase.shape import Shape, admitted_source, is_installed

_NOTICE = (
    "This project has none of our SQL: all goes slower, of workers elsewhere only what they hold is known, and the "
    "history is this session's own; `backfill-tui schema` prints what to install."
)

_OUTDATED = (
    "This project has the SQL of an older version, which is not used: what it remembers is not shown here, and nothing "
    "but looking is possible until what `backfill-tui schema` prints is installed."
)

_TITLES = 3


class PlainStore:
    """A project without our SQL, through PostgREST and Storage alone.

    What screens ask is answered by a mirror of the project's vehicles in a temporary folder, read when it is opened and
    kept true by the time stamps of the rows. What a backfill has to remember of a vehicle, its lease included, lies in
    the vehicle's own `origin_metadata.image_backfill`.

    Every write to a vehicle is guarded by `xmin`, which PostgreSQL changes whoever writes the row and however, with or
    without an `updated_at`. Where the vehicles are a view, which has none, `updated_at` has to do; without either it
    can be looked at, and nothing can be run.

    A write under a lease is checked against the live row right before it, and the id of an image row follows from its
    vehicle and its bytes: a worker that loses its lease in between can at worst add an image that belongs there.
    """

    def __init__(
        self,
        connection: Connection,
        shape: Shape,
        label: str,
        vehicles: Vehicles,
        mirror: Mirror,
        rest: Rest,
    ) -> None:
        guarded = Guarded(rest, shape, connection.url, vehicles, mirror)
        self._connection = connection
        self._shape = shape
        self._clock = rest.clock
        self._vehicles = vehicles
        self._mirror = mirror
        self._local = mirror.store
        self._wishes = Wishes(rest, shape.vehicles.name, mirror, guarded)
        self._leases = SoftLeases(vehicles, mirror, guarded, rest.clock, self._wishes.hear)
        self._marking = Marking(rest, shape, vehicles, mirror, guarded, self._leases)
        self._source_known = False
        self._refused = ""
        self._outdated = False
        self._first_seen: dict[tuple[str, str], float] = {}
        self.label = label

    @classmethod
    async def open(
        cls,
        connection: Connection,
        shape: Shape,
        *,
        label: str,
        outdated: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> PlainStore:
        """Read the whole of a project; `outdated`: it has SQL of ours, of an older version.

        Raises ProjectError, and StoreError where this machine has no room for it.
        """
        rest = Rest(connection, ProjectClock(clock))
        vehicles = await Vehicles.open(rest, shape, SOURCE)
        refused = ""
        # Which images are ours hangs on it. Where it cannot be told, looking around is still possible.
        try:
            vehicles.source = await admitted_source(connection, shape)
        except Problem as problem:
            refused = str(problem)
        store = cls(connection, shape, label, vehicles, await Mirror.open(rest, shape, vehicles), rest)
        store._source_known, store._refused, store._outdated = not refused, refused, outdated
        return store

    @property
    def read_only(self) -> bool:
        """Whether the operator asked to look only; every write then raises `StoreError`."""
        return self._connection.read_only

    @property
    def source(self) -> str:
        """The source of the image rows written here, the first that the project admits."""
        return self._vehicles.source

    @property
    def trouble(self) -> str:
        """Why calls wait now."""
        return self._connection.trouble

    @property
    def notice(self) -> str:
        """Why nothing can be written here, else what it costs to have none of our SQL."""
        if self._outdated:
            return _OUTDATED
        if self._refused:
            return f"Only looking is possible here. {self._refused}"
        return _NOTICE if self._vehicles.guard else f"{unguarded(self._connection.url)}"

    async def refresh(self) -> None:
        """Read the whole of the project again."""
        await self._mirror.whole()

    async def close(self) -> None:
        """Close every connection and throw the mirror away; a second call does nothing."""
        await self._mirror.close()
        await self._connection.close()

    async def _write(self) -> None:
        """The gate before everything that writes."""
        if self.read_only:
            raise StoreError(f"{self.label} is open read-only: nothing was written.")
        if not self._source_known:
            source = await admitted_source(self._connection, self._shape)
            self._source_known = True
            if source != self.source:
                self._vehicles.source = source
                await self._mirror.whole()

    # What the screens ask

    async def counts(self, organization_id: str | None = None) -> Counts:
        """Public vehicles by state; organization "" means those of none."""
        await self._mirror.catch_up()
        return await self._local.counts(organization_id)

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
        await self._mirror.catch_up()
        return await self._local.organizations(
            filter=filter, sort=sort, descending=descending, offset=offset, limit=limit
        )

    async def vehicles(self, query: VehicleQuery) -> Page[Vehicle]:
        """A page of vehicles."""
        await self._mirror.catch_up()
        return await self._local.vehicles(query)

    async def vehicle(self, vehicle_id: str) -> Vehicle | None:
        """One vehicle, or None."""
        await self._mirror.catch_up()
        return await self._local.vehicle(vehicle_id)

    async def gallery(self, vehicle_id: str) -> Gallery:
        """The source URLs of a vehicle."""
        live = (await self._vehicles.live([vehicle_id])).get(vehicle_id)
        return Gallery(vehicle_id, live.gallery if live else ())

    async def images(self, vehicle_id: str) -> tuple[StoredImage, ...]:
        """The image rows of a vehicle in order of position."""
        live = (await self._vehicles.live([vehicle_id])).get(vehicle_id)
        return stored_images(with_sources(live.images, live.gallery, self.source)) if live else ()

    async def looks(self, most: int) -> tuple[Look, ...]:
        """None: without an index of ours the project would have to read every row."""
        return ()

    async def outcomes(self, vehicle_id: str) -> tuple[Outcome, ...]:
        """What became of a vehicle's candidates in earlier runs."""
        live = (await self._vehicles.live([vehicle_id])).get(vehicle_id)
        return self._vehicles.outcomes(live) if live else ()

    async def workload(self, scope: Scope, cap: int) -> Workload:
        """Claimable vehicles and the images that they have to come under `cap`."""
        await self._mirror.catch_up()
        return await self._local.workload(scope, cap)

    async def workload_by_organization(self, scope: Scope, cap: int, limit: int) -> dict[str, Workload]:
        """The workload of the first `limit` vehicles to be claimed, by organization id."""
        await self._mirror.catch_up()
        return await self._local.workload_by_organization(scope, cap, limit)

    async def peek(self, scope: Scope, offset: int, limit: int) -> tuple[Lease, ...]:
        """What `claim` would give, unclaimed."""
        await self._mirror.catch_up()
        return await self._leases.peek(scope, offset, limit)

    # What the engine does

    async def claim(self, scope: Scope, limit: int, *, worker: str, run_id: str, ttl: float) -> tuple[Lease, ...]:
        """Lease up to `limit` vehicles for `ttl` seconds, organizations taking turns."""
        await self._write()
        leases = await self._leases.claim(scope, limit, worker, run_id, ttl)
        # Looked at once the leases are written: whoever claims by our SQL from now on sees them.
        if await is_installed(self._connection):
            await few_at_once(self._let_go(lease) for lease in leases)
            raise StoreError(f"The project {self._connection.url} has our SQL now: start again, and it is used.")
        return leases

    async def _let_go(self, lease: Lease) -> None:
        with contextlib.suppress(LeaseLost):
            await self._marking.settle(lease, Settlement())

    async def renew(self, leases: Sequence[Lease], ttl: float) -> frozenset[str]:
        """Prolong leases to `ttl` seconds from now once they are half over; the vehicles whose lease is lost."""
        await self._write()
        return await self._leases.renew(leases, ttl)

    async def put_object(self, path: str, content: BinaryIO, mime_type: str) -> str:
        """Upload an object and give its public URL; raises `Refusal` where the bucket will not have this one."""
        await self._write()
        return await objects.put(self._connection, path, content, mime_type)

    async def record(self, lease: Lease, image: StoredImage) -> bool:
        """Write the row of an image; False when the vehicle has these bytes or this URL already."""
        await self._write()
        return await self._marking.record(lease, image)

    async def settle(self, lease: Lease, settlement: Settlement) -> None:
        """Remember outcomes, mark the vehicle, end the lease.

        Raises `LeaseLost`, and ValueError for a mark on a vehicle without an image.
        """
        await self._write()
        await self._marking.settle(lease, settlement)

    # Refusals and the journal

    async def refusals(self) -> tuple[RefusalGroup, ...]:
        """Refused and deferred candidates by host and reason, the largest first."""
        await self._mirror.catch_up()
        return await self._local.refusals()

    async def retry(self, host: str | None = None, reason: str | None = None) -> int:
        """Forget matching refusals, and the mark or parking that rested on them."""
        await self._write()
        await self._mirror.catch_up(at_once=True)

        def matches(outcome: Outcome) -> bool:
            return host in (None, outcome.host) and reason in (None, outcome.reason)

        found = await mirroring.refused(self._local, host, reason)
        return await self._marking.reopen(found, matches, waiting=False)

    async def unpark(self, vehicle_ids: Sequence[str]) -> int:
        """Forget the refusals of these vehicles, and the mark or parking that rested on them."""
        await self._write()
        return await self._marking.reopen(list(dict.fromkeys(vehicle_ids)), lambda _: True, waiting=True)

    async def join_run(self, record: RunRecord) -> str:
        """Write a worker's first report; the id of the live run over the same scope, if it is this session's."""
        await self._write()
        return await self._local.join_run(record)

    async def save_run(self, record: RunRecord) -> Orders:
        """Write a worker's share of a run; what is wanted of it."""
        await self._write()
        wish = await self._wishes.listen(record)
        if wish is not None:
            await self._local.direct_run(record.run_id, wish)
        return await self._local.save_run(record)

    async def direct_run(self, run_id: str, wish: Wish) -> None:
        """Want something of every worker of a run: of this session's at once, of others that hold a vehicle in it."""
        await self._write()
        await self._mirror.catch_up()
        await self._local.direct_run(run_id, wish)
        others = [one for one in await self._strangers(await self._local.fleet()) if one.run_id == run_id]
        told = await self._wishes.tell(others, wish)
        if not told and run_id not in {run.run_id for run in await self._local.runs()}:
            raise StoreError(f"No worker of the run {run_id} holds a vehicle now, where it could be told: try again.")

    async def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs of this session first, each the sum of its workers' shares."""
        return await self._local.runs(limit)

    async def fleet(self) -> tuple[Member, ...]:
        """The workers of this session that have not ended, and whoever else holds live leases."""
        await self._mirror.catch_up()
        own = await self._local.fleet()
        strangers = await self._strangers(own)
        left = await self._wishes.left(strangers)
        return own + tuple(self._stranger(one, left.get((one.worker, one.run_id))) for one in strangers)

    async def _strangers(self, own: Iterable[Member]) -> list[mirroring.Holder]:
        names = {(member.share.worker, member.share.run_id) for member in own}
        held = await mirroring.holders(self._local, self._clock.here())
        return [one for one in held if (one.worker, one.run_id) not in names]

    def _stranger(self, holder: mirroring.Holder, left: mirroring.Hold | None) -> Member:
        """A worker of which nothing is known but what it holds and what is left in its leases."""
        now = self._clock.here()
        since = self._first_seen.setdefault((holder.worker, holder.run_id), now)
        phase, wish = Phase.PAUSED if left and left.paused else Phase.RUNNING, left.wish if left else Wish.RUN
        share = RunRecord(holder.run_id, holder.worker, since, now, None, phase, RunOptions(), wish=wish)
        return Member(share, len(holder.titles), holder.titles[:_TITLES], reports=False)

    async def intake(self, listings: Iterable[Listing]) -> IntakeReport:
        """Write a batch of listings; they are taken from `listings` in a thread."""
        batch = await asyncio.to_thread(list, listings)
        await self._write()
        report = await intake(self._connection, self._shape, batch)
        await self._mirror.look_at(dict.fromkeys(id_of(listing.identity) for listing in batch))
        return report
