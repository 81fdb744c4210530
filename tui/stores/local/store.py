"""`LocalStore`: the store protocol on one folder."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Concatenate, ParamSpec, TypeVar

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
    RefusalGroup,
    RunRecord,
    Scope,
    Settlement,
    StoredImage,
    Vehicle,
    VehicleQuery,
    Wish,
    Workload,
)
from tui.stores import StoreError
from tui.stores.local import claims, intake, journal, marks, objects, pages, workers
from tui.stores.local.database import Desk, open_database, open_for_looking, reading
from tui.stores.local.faults import explained
from tui.threads import Threads

OBJECTS_AT_ONCE = 4
"""Objects that are written at the same time: most of it is a wait for the disk."""

P = ParamSpec("P")
R = TypeVar("R")


class LocalStore:
    """The store in a folder: `store.sqlite3` and `objects/`. Open one with `await LocalStore.open(folder)`.

    One connection writes, one reads and one weighs what is ahead, each in its own thread: no screen waits behind a
    write, nor behind a question about a million vehicles.
    """

    def __init__(
        self,
        folder: Path,
        readers: Sequence[sqlite3.Connection],
        writer: sqlite3.Connection | None,
        clock: Callable[[], float],
        *,
        asked: bool = False,
    ) -> None:
        self._folder = folder
        self._asked = asked
        self._clock = clock
        self._reader, self._scale = (Desk(reader, folder) for reader in readers)
        self._writer = Desk(writer, folder) if writer else None
        self._objects = folder.absolute() / "objects"
        self._shelvers = Threads(OBJECTS_AT_ONCE, "objects")
        self._roll = workers.Roll(folder / "workers")
        for connection in (*readers, *([writer] if writer else [])):
            connection.create_function("is_dead", 1, self._roll.is_dead)

    @classmethod
    async def open(cls, folder: Path, *, read_only: bool = False, clock: Callable[[], float] = time.time) -> LocalStore:
        """Open the store in `folder`, creating what is missing; one that may not be written can be looked at.

        With `read_only` nothing is created and nothing written. Raises `StoreError` when it is a file, no store,
        damaged or of a newer version.
        """
        folder, readers, writer = await asyncio.to_thread(_look if read_only else _open, folder)
        return cls(folder, readers, writer, clock, asked=read_only)

    @property
    def label(self) -> str:
        """The kind of store and its folder, e.g. `local · ~/dealers`."""
        folder, home = self._folder.absolute(), Path.home()
        return f"local · ~/{folder.relative_to(home)}" if folder.is_relative_to(home) else f"local · {folder}"

    @property
    def read_only(self) -> bool:
        """Whether the folder can only be looked at; every write then raises `StoreError`."""
        return self._writer is None

    @property
    def source(self) -> str:
        """The source of the image rows written here."""
        return SOURCE

    @property
    def trouble(self) -> str:
        """Nothing: no call waits for anything that is not on this machine."""
        return ""

    @property
    def notice(self) -> str:
        """Nothing to say."""
        return ""

    async def refresh(self) -> None:
        """Nothing to do: triggers see every edit when it is made."""

    async def close(self) -> None:
        """Finish what is being written, then let go of the files."""
        await self._reader.close()
        await self._scale.close()
        if self._writer:
            await self._writer.close()
        self._shelvers.close()
        self._roll.close()

    async def _read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self._reader.run(_asking(query, *args, **kwargs))

    async def _weigh(
        self, query: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self._scale.run(_asking(query, *args, **kwargs))

    async def _write(
        self, work: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self._writing_desk().run(work, *args, **kwargs)

    def _writing_desk(self) -> Desk:
        if self._asked:
            raise StoreError(f"The store {self._folder} was opened read-only, as was asked for: nothing is written.")
        if self._writer is None:
            raise StoreError(f"The store {self._folder} is read-only: make the folder and its files writable.")
        return self._writer

    async def counts(self, organization_id: str | None = None) -> Counts:
        """Public vehicles by state; organization "" means those of none."""
        return await self._read(pages.counts, organization_id)

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
        return await self._read(pages.organizations, filter, sort, descending, offset, limit)

    async def vehicles(self, query: VehicleQuery) -> Page[Vehicle]:
        """A page of vehicles."""
        return await self._read(pages.vehicles, query, self._clock())

    async def vehicle(self, vehicle_id: str) -> Vehicle | None:
        """One vehicle, or None."""
        return await self._read(pages.vehicle, vehicle_id, self._clock())

    async def gallery(self, vehicle_id: str) -> Gallery:
        """The source URLs of a vehicle."""
        return await self._read(pages.gallery, vehicle_id)

    async def images(self, vehicle_id: str) -> tuple[StoredImage, ...]:
        """The image rows of a vehicle in order of position."""
        return await self._read(pages.images, vehicle_id)

    async def looks(self, most: int) -> tuple[Look, ...]:
        """Those of the images that were stored last, the newest first."""
        return await self._read(pages.looks, most)

    async def outcomes(self, vehicle_id: str) -> tuple[Outcome, ...]:
        """What became of a vehicle's candidates in earlier runs."""
        return await self._read(pages.outcomes, vehicle_id)

    async def workload(self, scope: Scope, cap: int) -> Workload:
        """Claimable vehicles and the images that they have to come under `cap`."""
        return await self._weigh(claims.workload, scope, cap, self._clock())

    async def workload_by_organization(self, scope: Scope, cap: int, limit: int) -> dict[str, Workload]:
        """The workload of the first `limit` vehicles to be claimed, by organization id."""
        return await self._weigh(claims.workload_by_organization, scope, cap, limit, self._clock())

    async def peek(self, scope: Scope, offset: int, limit: int) -> tuple[Lease, ...]:
        """What `claim` would give, unclaimed."""
        return await self._read(claims.peek, scope, offset, limit, self._clock())

    async def claim(self, scope: Scope, limit: int, *, worker: str, run_id: str, ttl: float) -> tuple[Lease, ...]:
        """Lease up to `limit` vehicles for `ttl` seconds, organizations taking turns."""
        await self._write(workers.take_part, self._roll, worker)
        return await self._write(claims.claim, scope, limit, worker=worker, run_id=run_id, ttl=ttl, now=self._clock())

    async def renew(self, leases: Sequence[Lease], ttl: float) -> frozenset[str]:
        """Prolong live leases; the ids of the vehicles whose lease is lost."""
        return await self._write(claims.renew, leases, ttl, self._clock())

    async def put_object(self, path: str, content: BinaryIO, mime_type: str) -> str:
        """Write an object whole and give its file URL; raises ValueError for a path that is not relative ASCII."""
        self._writing_desk()

        def put() -> str:
            with explained(self._folder):
                return objects.put(self._objects, path, content)

        return await self._shelvers.run(put)

    async def record(self, lease: Lease, image: StoredImage) -> bool:
        """Write the row of an image; False when the vehicle has these bytes or this URL already."""
        return await self._writing_desk().together(marks.record, lease, image, self._clock())

    async def settle(self, lease: Lease, settlement: Settlement) -> None:
        """Remember outcomes, mark the vehicle, end the lease; see `marks.settle`."""
        await self._writing_desk().together(marks.settle, lease, settlement, self._clock())

    async def refusals(self) -> tuple[RefusalGroup, ...]:
        """Refused and deferred candidates by host and reason, the largest first."""
        return await self._read(pages.refusals)

    async def retry(self, host: str | None = None, reason: str | None = None) -> int:
        """Forget matching refusals, and the mark or parking that rested on them."""
        return await self._write(marks.retry, host, reason, self._clock())

    async def unpark(self, vehicle_ids: Sequence[str]) -> int:
        """Forget the refusals of these vehicles, and the mark or parking that rested on them."""
        return await self._write(marks.unpark, vehicle_ids, self._clock())

    async def join_run(self, record: RunRecord) -> str:
        """Write a worker's first report; the id of the run that it is a part of."""
        await self._write(workers.take_part, self._roll, record.worker)
        return await self._write(journal.join_run, record, self._clock(), self._roll.is_dead)

    async def save_run(self, record: RunRecord) -> Orders:
        """Write or overwrite a worker's share of a run; what is wanted of it."""
        orders = await self._write(journal.save_run, record, self._clock())
        if record.ended_at is not None:
            await self._write(workers.leave, self._roll, record.worker)
        return orders

    async def direct_run(self, run_id: str, wish: Wish) -> None:
        """Want something of every worker of a run; a stop is for good."""
        await self._write(journal.direct_run, run_id, wish)

    async def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs first, each the sum of its workers' shares."""
        return await self._read(journal.runs, limit)

    async def fleet(self) -> tuple[Member, ...]:
        """The workers that have not ended, with what they hold now."""
        return await self._read(journal.fleet, self._clock())

    async def intake(self, listings: Iterable[Listing]) -> IntakeReport:
        """Write a batch of listings in one transaction; they are taken from `listings` in the writer's thread."""
        return await self._write(intake.intake, listings, self._clock())


def _asking(
    query: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
) -> Callable[[sqlite3.Connection], R]:
    def ask(db: sqlite3.Connection) -> R:
        with reading(db):
            return query(db, *args, **kwargs)

    return ask


def _open(folder: Path) -> tuple[Path, list[sqlite3.Connection], sqlite3.Connection | None]:
    with explained(folder):
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        readers, writer = open_database(folder / "store.sqlite3")
        if writer:
            objects.clear_abandoned(folder / "objects")
        return folder, readers, writer


def _look(folder: Path) -> tuple[Path, list[sqlite3.Connection], None]:
    folder = folder.expanduser()
    with explained(folder):
        file = folder / "store.sqlite3"
        if not file.is_file():
            raise StoreError(f"There is no store at {folder} that could be looked at.")
        return folder, open_for_looking(file), None
