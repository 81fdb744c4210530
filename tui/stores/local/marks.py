"""What a worker writes under its lease, and what an operator takes back."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence

from tui.model import SOURCE, Lease, Settlement, StoredImage
from tui.stores.local import rows
from tui.stores.local.claims import fence
from tui.stores.local.database import writing
from tui.stores.reading import image_values

_IMAGE = """
INSERT INTO vehicle_images (id, vehicle_id, image_url, storage_path, file_hash, file_size, mime_type, filename, source,
  source_url, position, is_primary, is_external, taken_at, variants, created_at)
SELECT :id, v.id, :image_url, :storage_path, :file_hash, :file_size, :mime_type, :filename, :source,
  :source_url, :position, 0, 0, :taken_at, :variants, :at
FROM vehicles v CROSS JOIN image_backfill_jobs j ON j.vehicle = v.seq
WHERE v.id = :vehicle_id AND j.lease_token = :token AND j.lease_until > :now AND NOT EXISTS (
  SELECT 1 FROM vehicle_images i
  WHERE i.vehicle_id = :vehicle_id AND (i.file_hash = :file_hash OR i.source_url = :source_url))
"""

_OUTCOME = """
INSERT INTO image_backfill_outcomes
  (vehicle, source_url, host, result, reason, detail, attempts, retry_at, run_id, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (vehicle, source_url) DO UPDATE SET host = excluded.host, result = excluded.result,
  reason = excluded.reason, detail = excluded.detail, attempts = excluded.attempts, retry_at = excluded.retry_at,
  run_id = excluded.run_id, at = excluded.at
"""


def record(db: sqlite3.Connection, lease: Lease, image: StoredImage, now: float) -> bool:
    """Write the row of an image; False when the vehicle has these bytes or this URL already."""
    values = {**_image_values(image), "token": lease.token or None, "at": rows.iso(now), "now": now}
    with writing(db):
        if db.execute(_IMAGE, values).rowcount:
            return True
        fence(db, lease, now)
        return False


def _image_values(image: StoredImage) -> dict[str, object]:
    values = image_values(image, SOURCE)
    return values | {
        "id": str(uuid.uuid4()),
        "taken_at": rows.iso(image.taken_at.timestamp()) if image.taken_at else None,
        "variants": json.dumps(values["variants"]),
    }


def settle(db: sqlite3.Connection, lease: Lease, settlement: Settlement, now: float) -> None:
    """Remember the outcomes, mark the vehicle and end its lease.

    A gallery that gained URLs since the claim is neither marked nor parked: the vehicle stays claimable for them.
    Raises `LeaseLost`, and ValueError for a mark on a vehicle without an image.
    """
    with writing(db):
        key = fence(db, lease, now)
        _remember(db, key, settlement, now)
        has_images = _choose_primary(db, lease.vehicle.id, now)
        if settlement.backfilled and not has_images:
            raise ValueError(f"vehicle {lease.vehicle.id} cannot be marked as backfilled: it has no image")
        grown = _has_grown(db, lease)
        if settlement.backfilled and not grown:
            _mark(db, key, now)
        db.execute(
            "UPDATE image_backfill_jobs SET parked = ?, retry_at = ?, lease_token = NULL, lease_until = NULL,"
            " worker = NULL, run_id = NULL WHERE vehicle = ?",
            (settlement.parked and not grown and not _has_ours(db, key), settlement.retry_at, key),
        )


def _remember(db: sqlite3.Connection, key: int, settlement: Settlement, now: float) -> None:
    db.executemany(
        _OUTCOME,
        [
            (
                key,
                outcome.source_url,
                outcome.host,
                outcome.result,
                outcome.reason,
                outcome.detail,
                outcome.attempts,
                outcome.retry_at,
                settlement.run_id,
                now,
            )
            for outcome in settlement.outcomes
        ],
    )


def _choose_primary(db: sqlite3.Connection, vehicle_id: str, now: float) -> bool:
    """See that one of the vehicle's images is the primary one; whether it has any image."""
    first = db.execute(
        "SELECT id, image_url, is_primary FROM vehicle_images WHERE vehicle_id = ?"
        " ORDER BY is_primary DESC, position IS NULL, position, created_at, id LIMIT 1",
        (vehicle_id,),
    ).fetchone()
    if first is None:
        return False
    if not first["is_primary"]:
        db.execute("UPDATE vehicle_images SET is_primary = 1 WHERE id = ?", (first["id"],))
    db.execute(
        "UPDATE vehicles SET primary_image_url = ?, updated_at = ?"
        " WHERE id = ? AND COALESCE(primary_image_url, '') = ''",
        (first["image_url"], rows.iso(now), vehicle_id),
    )
    return True


def _has_grown(db: sqlite3.Connection, lease: Lease) -> bool:
    row = db.execute("SELECT origin_metadata FROM vehicles WHERE id = ?", (lease.vehicle.id,)).fetchone()
    return any(url not in lease.gallery.urls for url in rows.gallery_of(row["origin_metadata"]))


def _has_ours(db: sqlite3.Connection, key: int) -> bool:
    (ours,) = db.execute("SELECT ours FROM image_backfill_jobs WHERE vehicle = ?", (key,)).fetchone()
    return bool(ours)


def _mark(db: sqlite3.Connection, key: int, now: float) -> None:
    db.execute(
        "UPDATE vehicles SET updated_at = :at, origin_metadata ="
        " json_set(origin_metadata, '$.images_backfilled', json('true'), '$.images_backfilled_at', :at)"
        " WHERE seq = :key",
        {"at": rows.iso(now), "key": key},
    )


def retry(db: sqlite3.Connection, host: str | None, reason: str | None, now: float) -> int:
    """Forget the refusals of a host, for a reason, or all; the number of vehicles that had any."""
    where = "result IN ('refused', 'deferred') AND (:host IS NULL OR host = :host)"
    where += " AND (:reason IS NULL OR reason = :reason)"
    values = {"host": host, "reason": reason}
    query = f"SELECT DISTINCT vehicle FROM image_backfill_outcomes WHERE {where}"
    with writing(db):
        _list_forgotten(db, query, values)
        db.execute(f"DELETE FROM image_backfill_outcomes WHERE {where}", values)
        return _reopen(db, now)


def unpark(db: sqlite3.Connection, vehicle_ids: Sequence[str], now: float) -> int:
    """Forget the refusals of these vehicles; the number of those that had any, were parked or waited."""
    query = """
        SELECT DISTINCT j.vehicle FROM json_each(:ids) wanted
        CROSS JOIN vehicles v ON v.id = wanted.value CROSS JOIN image_backfill_jobs j ON j.vehicle = v.seq
        WHERE j.parked OR j.retry_at IS NOT NULL OR EXISTS (
          SELECT 1 FROM image_backfill_outcomes o WHERE o.vehicle = j.vehicle AND o.result IN ('refused', 'deferred'))
    """
    with writing(db):
        _list_forgotten(db, query, {"ids": json.dumps(vehicle_ids)})
        db.execute(
            "DELETE FROM image_backfill_outcomes WHERE result IN ('refused', 'deferred')"
            " AND vehicle IN (SELECT vehicle FROM temp.forgotten)"
        )
        return _reopen(db, now)


def _list_forgotten(db: sqlite3.Connection, query: str, values: dict[str, str | None]) -> None:
    db.execute("CREATE TEMP TABLE IF NOT EXISTS forgotten (vehicle INTEGER PRIMARY KEY)")
    db.execute("DELETE FROM temp.forgotten")
    db.execute(f"INSERT INTO temp.forgotten {query}", values)


def _reopen(db: sqlite3.Connection, now: float) -> int:
    # A marked vehicle has candidates without an outcome again, so its mark would not be true.
    db.execute(
        "UPDATE vehicles SET updated_at = ?, origin_metadata = json_remove(origin_metadata, '$.images_backfilled',"
        " '$.images_backfilled_at') WHERE seq IN (SELECT vehicle FROM temp.forgotten)"
        " AND seq IN (SELECT vehicle FROM image_backfill_jobs WHERE marked)",
        (rows.iso(now),),
    )
    return db.execute(
        "UPDATE image_backfill_jobs SET parked = 0, retry_at = NULL"
        " WHERE vehicle IN (SELECT vehicle FROM temp.forgotten)"
    ).rowcount
