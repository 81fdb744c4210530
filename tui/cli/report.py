"""What commands print: the JSON objects and their counterparts for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from tui.app.words import clean, host_trouble
from tui.model import Counts, HostPace, Organization, Snapshot, Tally, Vehicle, VehicleResult


def run_object(results: Iterable[VehicleResult], snapshot: Snapshot) -> dict[str, object]:
    """The trickle response of the original function, and ours beside it: run_id, elapsed_s, bytes, images and more.

    `hosts` are those that were asked less often than the settings allow, at the end; `placeholders` are pictures that a
    host shows for many vehicles.
    """
    tally = snapshot.tally
    return {
        **_response([asdict(result) for result in results], tally),
        "run_id": snapshot.run_id,
        "elapsed_s": round(snapshot.elapsed, 3),
        "bytes": tally.bytes,
        "images": {
            "stored": tally.stored,
            "duplicate": tally.duplicate,
            "refused": tally.refused,
            "deferred": tally.deferred,
        },
        "similar": snapshot.similar,
        "placeholders": [asdict(placeholder) for placeholder in snapshot.placeholders],
        "refusals": dict(tally.refusals),
        "hosts": [_host_object(host) for host in snapshot.hosts if host_trouble(host)],
        **({"success": False, "error": snapshot.error} if snapshot.error else {}),
    }


def _host_object(host: HostPace) -> dict[str, object]:
    """A host that got fewer requests than the settings allow; rates per second, null where there is no limit."""
    return {
        "host": clean(host.host),
        "rate": None if math.isinf(host.rate) else round(host.rate, 2),
        "ceiling": None if math.isinf(host.ceiling) else round(host.ceiling, 2),
        "open": host.open,
        "wait_s": round(host.wait, 1),
        "trouble": host_trouble(host),
    }


def dry_run_object(results: Iterable[VehicleResult]) -> dict[str, object]:
    """The trickle response of a dry run."""
    return {**_response([asdict(result) for result in results], Tally()), "dry_run": True}


def _response(results: list[dict[str, object]], tally: Tally) -> dict[str, object]:
    if not results:
        return {
            "success": True,
            "message": "No vehicles need image backfill",
            "processed": 0,
            "successful": 0,
            "failed": 0,
            "total_images_inserted": 0,
            "results": [],
        }
    failed = sum(result["status"] in ("failed", "error") for result in results)
    return {
        "success": True,
        "processed": len(results),
        "successful": len(results) - failed,
        "failed": failed,
        "total_images_inserted": tally.stored,
        "results": results,
    }


def status_object(counts: Counts) -> dict[str, int]:
    """Vehicles by what they need. The first two are the monitoring counts of the original system.

    `ready`, `parked`, `empty` and `marked` add up to `vehicles_needing_backfill`; the others stand beside it.
    """
    return {
        "vehicles_needing_backfill": counts.needing,
        "vehicles_backfilled": counts.backfilled,
        "ready": counts.ready,
        "partial": counts.partial,
        "parked": counts.parked,
        "empty": counts.empty,
        "marked": counts.marked,
        "legacy": counts.legacy,
        "vehicles": counts.vehicles,
        "images_to_come": counts.images_to_come,
    }


def organization_object(organization: Organization) -> dict[str, object]:
    """One row of `orgs --json`."""
    return {
        "id": organization.id,
        "name": organization.name,
        "website": organization.website,
        **status_object(organization.counts),
    }


def vehicle_object(vehicle: Vehicle) -> dict[str, object]:
    """One row of `vehicles --json`."""
    return {
        "id": vehicle.id,
        "vehicle_name": vehicle.title,
        "organization_id": vehicle.organization_id,
        "organization_name": vehicle.organization_name,
        "state": vehicle.state.value,
        "is_public": vehicle.is_public,
        "image_urls_count": vehicle.url_count,
        "images_stored": vehicle.stored,
        "hosts": list(vehicle.hosts),
        "note": vehicle.note,
    }


def table(headings: Mapping[str, str], rows: Iterable[Iterable[object]]) -> str:
    """Aligned columns; `headings` maps each title to its side, `<` or `>`."""
    cells = [list(headings), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = list(headings.values())
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in cells
    )


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
