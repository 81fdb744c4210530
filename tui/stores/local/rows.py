"""Rows to nouns: vehicles with their hosts and notes, galleries, images, outcomes."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from tui.model import Outcome, Reason, Result, State, StoredImage, Vehicle
from tui.stores.reading import gallery_in, hosts_of, looks_in, moment_in, note_of

_DETAILS = """
SELECT j.*, is_dead(j.worker) AS abandoned, v.id, v.origin_metadata,
  NULLIF(k.organization_id, '') AS organization_id, o.name AS organization_name
FROM json_each(?) wanted
CROSS JOIN image_backfill_jobs j ON j.vehicle = wanted.value
CROSS JOIN vehicles v ON v.seq = j.vehicle
LEFT JOIN image_backfill_organizations k ON k.key = j.organization
LEFT JOIN organizations o ON o.id = k.organization_id
ORDER BY wanted.key
"""

_REASONS = """
SELECT vehicle, reason FROM image_backfill_outcomes JOIN json_each(?) wanted ON vehicle = wanted.value
WHERE result = 'refused' GROUP BY vehicle, reason ORDER BY COUNT(*), reason DESC
"""


def details(db: sqlite3.Connection, keys: Sequence[int]) -> list[sqlite3.Row]:
    """Everything about the vehicles with these keys that lists and leases show, in the order of the keys."""
    return db.execute(_DETAILS, (json.dumps(keys),)).fetchall()


def vehicles_from(db: sqlite3.Connection, rows: Sequence[sqlite3.Row], now: float) -> list[Vehicle]:
    """The vehicles of rows that `details` gave."""
    parked = [row["vehicle"] for row in rows if row["state"] == State.PARKED]
    # The last row of a vehicle wins: its most common reason.
    reasons = dict(db.execute(_REASONS, (json.dumps(parked),)).fetchall()) if parked else {}
    return [_vehicle(row, reasons.get(row["vehicle"]), now) for row in rows]


def _vehicle(row: sqlite3.Row, reason: str | None, now: float) -> Vehicle:
    waits = row["retry_at"] is not None and row["retry_at"] > now
    leased = row["lease_until"] is not None and row["lease_until"] > now and not row["abandoned"]
    return Vehicle(
        id=row["id"],
        title=row["title"],
        organization_id=row["organization_id"],
        organization_name=row["organization_name"],
        state=State(row["state"]),
        is_public=bool(row["is_public"]),
        url_count=row["url_count"],
        stored=row["stored"],
        hosts=hosts_of(gallery_of(row["origin_metadata"])),
        note=note_of(
            State(row["state"]), reason, stored=row["stored"], urls=row["url_count"], waits=waits and bool(row["open"])
        ),
        retry_at=row["retry_at"] if waits else None,
        leased_by=row["worker"] if leased else None,
    )


def gallery_of(metadata: str | None) -> tuple[object, ...]:
    """The URL list in an `origin_metadata` text, as the database's own `url_count` counts it."""
    content = json.loads(metadata) if metadata else None
    return gallery_in(content) if isinstance(content, dict) else ()


def outcomes_of(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, tuple[Outcome, ...]]:
    """The remembered outcomes of vehicles, by key."""
    found: dict[int, list[Outcome]] = defaultdict(list)
    query = "SELECT o.* FROM json_each(?) wanted CROSS JOIN image_backfill_outcomes o ON o.vehicle = wanted.value"
    for row in db.execute(query, (json.dumps(keys),)):
        found[row["vehicle"]].append(
            Outcome(
                source_url=row["source_url"],
                host=row["host"],
                result=Result(row["result"]),
                reason=Reason(row["reason"]) if row["reason"] else None,
                detail=row["detail"],
                retry_at=row["retry_at"],
                attempts=row["attempts"],
            )
        )
    return {key: tuple(outcomes) for key, outcomes in found.items()}


def images_of(db: sqlite3.Connection, vehicle_ids: Sequence[str]) -> dict[str, tuple[StoredImage, ...]]:
    """The image rows of vehicles in order of position, by vehicle id."""
    found: dict[str, list[StoredImage]] = defaultdict(list)
    query = """
        SELECT i.* FROM json_each(?) wanted CROSS JOIN vehicle_images i ON i.vehicle_id = wanted.value
        ORDER BY i.vehicle_id, i.position IS NULL, i.position, i.created_at, i.id
    """
    for row in db.execute(query, (json.dumps(vehicle_ids),)):
        found[row["vehicle_id"]].append(_image(row))
    return {vehicle_id: tuple(images) for vehicle_id, images in found.items()}


def _image(row: sqlite3.Row) -> StoredImage:
    return StoredImage(
        vehicle_id=row["vehicle_id"],
        source_url=row["source_url"] or "",
        storage_path=row["storage_path"] or "",
        image_url=row["image_url"],
        file_hash=row["file_hash"] or "",
        file_size=row["file_size"] or 0,
        mime_type=row["mime_type"] or "",
        position=row["position"] or 0,
        taken_at=moment_in(row["taken_at"]),
        **looks_in(json.loads(row["variants"]) if row["variants"] else None),
    )


def iso(at: float) -> str:
    """Seconds since the epoch as the ISO text that the tables hold."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
