"""Where rows and objects live: the protocol every store keeps, how to open one, and how to examine one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from tui.model import (
    Counts,
    Finding,
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
    Problem,
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
from tui.settings import Settings, masked


class StoreError(Problem):
    """A store cannot do what was asked, told in one sentence; nothing that was acknowledged before is lost."""


class LeaseLost(Exception):
    """The lease behind a write has ended or another worker holds it; nothing was written."""


class Store(Protocol):
    """Rows and objects of one deployment. Every method may raise `StoreError`; all are safe to call concurrently."""

    @property
    def label(self) -> str:
        """A short name for headers, e.g. `local · ~/dealers`."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether it can only be looked at; everything that writes then raises `StoreError`."""
        ...

    @property
    def source(self) -> str:
        """The `vehicle_images.source` of the rows written here, also a part of their objects' paths."""
        ...

    @property
    def trouble(self) -> str:
        """Why calls wait at this moment (e.g. `the database restarts; trying again in 8 s`), empty when none does."""
        ...

    @property
    def notice(self) -> str:
        """One sentence that an operator should read once after opening, empty when there is none."""
        ...

    async def refresh(self) -> None:
        """Look at every row again, for what others edited: counts and pages then agree with the rows as they are."""
        ...

    async def close(self) -> None:
        """Let go of every resource; a second call does nothing."""
        ...

    # What the screens ask

    async def counts(self, organization_id: str | None = None) -> Counts:
        """Public vehicles by state, of one organization or of all."""
        ...

    async def organizations(
        self,
        *,
        filter: str = "",
        sort: OrganizationSort = OrganizationSort.NEEDING,
        descending: bool = True,
        offset: int = 0,
        limit: int = 100,
    ) -> Page[Organization]:
        """A page of organizations whose name holds `filter` (case-insensitive)."""
        ...

    async def vehicles(self, query: VehicleQuery) -> Page[Vehicle]:
        """A page of vehicles."""
        ...

    async def vehicle(self, vehicle_id: str) -> Vehicle | None:
        """One vehicle, or None."""
        ...

    async def gallery(self, vehicle_id: str) -> Gallery:
        """The source URLs of a vehicle, empty when it has none."""
        ...

    async def images(self, vehicle_id: str) -> tuple[StoredImage, ...]:
        """The image rows of a vehicle in order of position."""
        ...

    async def looks(self, most: int) -> tuple[Look, ...]:
        """Those of the images that were stored last, at most so many, the newest first.

        Where no index leads to them there are none: a run that begins must not cost a look at every image.
        """
        ...

    async def outcomes(self, vehicle_id: str) -> tuple[Outcome, ...]:
        """What became of a vehicle's candidates in earlier runs."""
        ...

    async def workload(self, scope: Scope, cap: int) -> Workload:
        """What a run over `scope` with this cap would find now."""
        ...

    async def workload_by_organization(self, scope: Scope, cap: int, limit: int) -> dict[str, Workload]:
        """The `workload` of the first `limit` vehicles to be claimed, per organization id ("" for none)."""
        ...

    async def peek(self, scope: Scope, offset: int, limit: int) -> tuple[Lease, ...]:
        """The vehicles that `claim` would give, in its order, without claiming them (token "")."""
        ...

    # What the engine does

    async def claim(self, scope: Scope, limit: int, *, worker: str, run_id: str, ttl: float) -> tuple[Lease, ...]:
        """Lease up to `limit` claimable vehicles for `ttl` seconds, fair across organizations; () when none is left."""
        ...

    async def renew(self, leases: Sequence[Lease], ttl: float) -> frozenset[str]:
        """Prolong leases to `ttl` seconds from now; the ids of the vehicles whose lease is lost."""
        ...

    async def put_object(self, path: str, content: BinaryIO, mime_type: str) -> str:
        """Write an object whole (atomically; the same path again replaces it) and give its URL."""
        ...

    async def record(self, lease: Lease, image: StoredImage) -> bool:
        """Write the row of an image under a live lease; False when the vehicle has these bytes or this URL already.

        Raises `LeaseLost`.
        """
        ...

    async def settle(self, lease: Lease, settlement: Settlement) -> None:
        """Remember outcomes, choose the primary image if there is none, mark and end the lease: one transaction.

        `origin_metadata` is merged, never replaced. Raises `LeaseLost`.
        """
        ...

    # Refusals and the journal

    async def refusals(self) -> tuple[RefusalGroup, ...]:
        """Refused and deferred candidates by host and reason, the largest first."""
        ...

    async def retry(self, host: str | None = None, reason: str | None = None) -> int:
        """Forget matching refusals and unpark their vehicles, claimable now; the number of vehicles."""
        ...

    async def unpark(self, vehicle_ids: Sequence[str]) -> int:
        """Forget the refusals of these vehicles, claimable now; the number of vehicles changed."""
        ...

    async def join_run(self, record: RunRecord) -> str:
        """Write a worker's first report, and give the id of the run that it is a part of.

        That is the live run over the same scope where there is one that nobody wants to stop, else `record.run_id`.
        """
        ...

    async def save_run(self, record: RunRecord) -> Orders:
        """Write or overwrite a worker's share of a run; what is wanted of it."""
        ...

    async def direct_run(self, run_id: str, wish: Wish) -> None:
        """Want something of every worker of a run, wherever it is."""
        ...

    async def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs first, each the sum of its workers' shares (`as_runs`)."""
        ...

    async def fleet(self) -> tuple[Member, ...]:
        """The workers that have not ended, those of the newest run first; a killed one is shown for ten minutes."""
        ...

    # What comes in

    async def intake(self, listings: Iterable[Listing]) -> IntakeReport:
        """Write a batch of listings in one transaction; a known identity updates its vehicle.

        Stored image URLs and marks survive; a gallery that gained URLs makes its vehicle claimable again.
        """
        ...


async def open_store(url: str, settings: Settings = Settings()) -> Store:  # noqa: B008 - frozen
    """Open the store that `url` names.

    `local:PATH` is created if missing; `supabase` is the project of the settings, `supabase:URL` another one with the
    settings' key. Raises `StoreError` when it cannot be opened and `Problem` for a URL of another kind.
    """
    scheme, _, rest = url.partition(":")
    # Imported when needed: a process that talks to one kind of store never loads the other.
    if scheme == "supabase":
        from tui.stores.supabase import open_project

        return await open_project(rest or settings.supabase_url, settings)
    if scheme == "local" and rest and "://" not in rest:
        from tui.stores.local import LocalStore

        return await LocalStore.open(Path(rest), read_only=settings.read_only)
    raise _no_store(url)


def _no_store(url: str) -> Problem:
    return Problem(f"{masked(url)!r} is not a store: give local:PATH, where PATH is a folder, or supabase.")


def examine(url: str, settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything that a deployment needs, whether or not it can be opened; one finding after the other."""
    scheme, _, rest = url.partition(":")
    if scheme == "supabase":
        from tui.stores.supabase import examine_project

        return examine_project(rest or settings.supabase_url, settings)
    if scheme == "local" and rest:
        from tui.stores.local import examine_folder

        return examine_folder(Path(rest))
    raise _no_store(url)


async def mend(url: str, settings: Settings, remedy: str) -> str:
    """Do what a finding's `remedy` names; a sentence about what was done. Raises `StoreError`."""
    scheme, _, rest = url.partition(":")
    if scheme == "supabase":
        from tui.stores.supabase import mend_project

        return await mend_project(rest or settings.supabase_url, settings, remedy)
    raise Problem(f"nothing can be mended at {masked(url)}.")
