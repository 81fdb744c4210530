"""Where rows and objects live: the protocol every store keeps, and how to open one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from tui.model import (
    Counts,
    Gallery,
    IntakeReport,
    Lease,
    Listing,
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
    Workload,
)


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

    async def save_run(self, record: RunRecord) -> None:
        """Write or overwrite a run's journal entry."""
        ...

    async def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs first."""
        ...

    # What comes in

    async def intake(self, listings: Iterable[Listing]) -> IntakeReport:
        """Write a batch of listings in one transaction; a known identity updates its vehicle.

        Stored image URLs and marks survive; a gallery that gained URLs makes its vehicle claimable again.
        """
        ...


async def open_store(url: str) -> Store:
    """Open the store that `url` names: `local:PATH`, created if missing.

    Raises `StoreError` when it cannot be opened and `Problem` for a URL of another kind.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "supabase":
        raise Problem("Supabase is not connected yet: it needs SUPABASE_URL and a key, and the adapter comes next.")
    if scheme != "local" or not rest:
        raise Problem(f"{url!r} is not a store: give local:PATH, where PATH is a folder.")
    # Imported when needed: a process that talks to another store never loads this one.
    from tui.stores.local import LocalStore

    return await LocalStore.open(Path(rest))
