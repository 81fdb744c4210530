"""What a run would do: the dry run behind `--dry-run` and the preview screen. Nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tui.images.candidates import Candidates, choose
from tui.model import Lease, Result, RunOptions, Vehicle, VehicleResult
from tui.stores import Store

PAGE = 100


@dataclass(frozen=True, slots=True)
class PlannedVehicle:
    """A vehicle that a run would work on: its candidates under the cap, and which of them need no fetch any more."""

    vehicle: Vehicle
    candidates: Candidates
    settled: frozenset[str] = frozenset()

    @property
    def to_store(self) -> int:
        """Images that the run would try to store."""
        return sum(candidate.url not in self.settled for candidate in self.candidates.chosen)

    @property
    def result(self) -> VehicleResult:
        """The vehicle's line in the results of a dry run."""
        return VehicleResult(self.vehicle.id, self.vehicle.title, "dry_run", len(self.candidates.chosen), 0)


async def plan(store: Store, options: RunOptions) -> AsyncIterator[PlannedVehicle]:
    """The vehicles that a run with these options would work on, in its order, up to its limit."""
    offset = 0
    while offset < options.limit:
        page = await store.peek(options.scope, offset, min(PAGE, options.limit - offset))
        for lease in page:
            yield planned(lease, options.max_images)
        if len(page) < PAGE:
            return
        offset += len(page)


def planned(lease: Lease, cap: int) -> PlannedVehicle:
    """What a run would do with one vehicle."""
    final = {o.source_url for o in lease.outcomes if o.final and o.result is not Result.STORED}
    stored = {image.source_url for image in lease.stored}
    return PlannedVehicle(lease.vehicle, choose(lease.gallery.urls, cap), frozenset(final | stored))


async def plan_vehicle(store: Store, vehicle: Vehicle, cap: int) -> PlannedVehicle:
    """The same for one vehicle, whatever its state."""
    gallery = await store.gallery(vehicle.id)
    outcomes, stored = await store.outcomes(vehicle.id), await store.images(vehicle.id)
    return planned(Lease(vehicle, gallery, "", 0.0, outcomes, stored), cap)
