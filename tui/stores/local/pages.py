"""What the screens ask: counts, pages of organizations and of vehicles, refusals."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields

from tui.model import (
    SOURCE,
    Counts,
    Gallery,
    Look,
    Organization,
    OrganizationSort,
    Outcome,
    Page,
    Reason,
    RefusalGroup,
    StoredImage,
    Vehicle,
    VehicleQuery,
    VehicleSort,
)
from tui.stores.local import rows
from tui.stores.reading import look_from

_COUNTS = tuple(field.name for field in fields(Counts))
_SUMS = ", ".join(f"COALESCE(SUM({name}), 0) AS {name}" for name in _COUNTS)

_ORGANIZATION_ORDERS = {
    OrganizationSort.NAME: "name COLLATE NOCASE",
    OrganizationSort.NEEDING: "c.needing",
    OrganizationSort.PARTIAL: "c.partial",
    OrganizationSort.PARKED: "c.parked",
    OrganizationSort.IMAGES: "c.images_to_come",
}

# A filter that finds no more than this is answered by one look at the table.
_FEW = 5_000

_VEHICLE_ORDERS = {VehicleSort.TITLE: "title", VehicleSort.URLS: "url_count", VehicleSort.STATE: "state_order"}

# Vehicles of no organization, or of one without a row, must not drop out of sight.
_ORGANIZATIONS = """
FROM (
  SELECT id, name, website FROM organizations
  UNION ALL
  SELECT organization_id, CASE organization_id WHEN '' THEN 'No organization' ELSE organization_id END, NULL
  FROM image_backfill_organizations k
  WHERE NOT EXISTS (SELECT 1 FROM organizations o WHERE o.id = k.organization_id)
    AND EXISTS (SELECT 1 FROM image_backfill_counts c WHERE c.organization = k.key AND c.vehicles > 0)
) o
LEFT JOIN image_backfill_organizations k ON k.organization_id = o.id
LEFT JOIN image_backfill_counts c ON c.organization = k.key AND c.is_public = 1
WHERE instr(lower(name), lower(?)) > 0
"""


def counts(db: sqlite3.Connection, organization_id: str | None) -> Counts:
    """Public vehicles by state."""
    key = None if organization_id is None else organization_key(db, organization_id)
    where, values = ("", ()) if organization_id is None else ("AND organization = ?", (key,))
    query = f"SELECT {_SUMS} FROM image_backfill_counts WHERE is_public = 1 {where}"
    return _counts(db.execute(query, values).fetchone())


def organization_key(db: sqlite3.Connection, organization_id: str) -> int | None:
    """The sidecar's key of an organization; None when no vehicle has named it yet."""
    row = db.execute(
        "SELECT key FROM image_backfill_organizations WHERE organization_id = ?", (organization_id,)
    ).fetchone()
    return None if row is None else int(row["key"])


def _counts(row: sqlite3.Row) -> Counts:
    return Counts(**{name: row[name] or 0 for name in _COUNTS})


def organizations(
    db: sqlite3.Connection, filter: str, sort: OrganizationSort, descending: bool, offset: int, limit: int
) -> Page[Organization]:
    """A page of organizations; equal ones by name."""
    direction = "DESC" if descending else "ASC"
    order = f"COALESCE({_ORGANIZATION_ORDERS[sort]}, 0) {direction}, name COLLATE NOCASE, o.id"
    (total,) = db.execute(f"SELECT COUNT(*) {_ORGANIZATIONS}", (filter,)).fetchone()
    query = f"SELECT o.*, c.* {_ORGANIZATIONS} ORDER BY {order} LIMIT ? OFFSET ?"
    found = db.execute(query, (filter, limit, offset)).fetchall()
    page = (Organization(row["id"], row["name"], row["website"], _counts(row)) for row in found)
    return Page(tuple(page), offset, total)


def vehicles(db: sqlite3.Connection, query: VehicleQuery, now: float) -> Page[Vehicle]:
    """A page of vehicles; equal ones in the order they came in."""
    key = None if query.organization_id is None else organization_key(db, query.organization_id)
    if query.organization_id is not None and key is None:
        return Page((), query.offset, 0)
    keys, total = _filtered(db, query, key) if query.filter else _ordered(db, query, key)
    return Page(tuple(rows.vehicles_from(db, rows.details(db, keys), now)), query.offset, total)


def _ordered(db: sqlite3.Connection, query: VehicleQuery, key: int | None) -> tuple[list[int], int]:
    where, values = ("organization = ?", (key,)) if key is not None else ("1", ())
    sql = f"SELECT COALESCE(SUM(vehicles), 0) FROM image_backfill_counts WHERE {where}"
    total = int(db.execute(sql, values).fetchone()[0])
    offset, limit = query.offset, min(query.limit, total - query.offset)
    if limit <= 0:
        return [], total
    # The far half is reached from the other end: half as many index entries to step over.
    turned = offset > total - offset - limit
    if turned:
        offset = total - offset - limit
    keys = _keys(db, query, where, values, query.descending is not turned, limit, offset)
    return keys[::-1] if turned else keys, total


def _filtered(db: sqlite3.Connection, query: VehicleQuery, key: int | None) -> tuple[list[int], int]:
    scope = "organization = :key AND" if key is not None else ""
    # Every title is looked at, which goes fastest in the order of the table.
    everything = f"FROM image_backfill_jobs NOT INDEXED WHERE {scope} instr(search, lower(:text)) > 0"
    values = {"key": key, "text": query.filter, "few": _FEW + 1}
    found = [row["vehicle"] for row in db.execute(f"SELECT vehicle {everything} LIMIT :few", values)]
    if len(found) <= _FEW:
        where = "vehicle IN (SELECT value FROM json_each(?))"
        return _keys(db, query, where, (json.dumps(found),), query.descending, query.limit, query.offset), len(found)
    total = int(db.execute(f"SELECT COUNT(*) {everything}", values).fetchone()[0])
    # Matches are dense: the first of them come soon in the order of an index, the last ones would take all of it.
    near = query.offset < _FEW
    where, terms = ("organization = ? AND", (key,)) if key is not None else ("", ())
    where = f"{where if near else where.replace('org', '+org')} instr(search, lower(?)) > 0"
    return _keys(db, query, where, (*terms, query.filter), query.descending, query.limit, query.offset, near), total


def _keys(
    db: sqlite3.Connection,
    query: VehicleQuery,
    where: str,
    values: tuple[object, ...],
    descending: bool,
    limit: int,
    offset: int,
    by_index: bool = True,
) -> list[int]:
    direction = "DESC" if descending else "ASC"
    sql = f"""
        SELECT vehicle FROM image_backfill_jobs {"" if by_index else "NOT INDEXED"} WHERE {where}
        ORDER BY {_VEHICLE_ORDERS[query.sort]} {direction}, vehicle {direction} LIMIT ? OFFSET ?
    """
    return [int(row["vehicle"]) for row in db.execute(sql, (*values, limit, offset))]


def vehicle(db: sqlite3.Connection, vehicle_id: str, now: float) -> Vehicle | None:
    """One vehicle, or None."""
    key = vehicle_key(db, vehicle_id)
    return None if key is None else rows.vehicles_from(db, rows.details(db, [key]), now)[0]


def vehicle_key(db: sqlite3.Connection, vehicle_id: str) -> int | None:
    """The `vehicles.seq` of a vehicle, or None."""
    row = db.execute("SELECT seq FROM vehicles WHERE id = ?", (vehicle_id,)).fetchone()
    return None if row is None else int(row["seq"])


def gallery(db: sqlite3.Connection, vehicle_id: str) -> Gallery:
    """The source URLs of a vehicle."""
    row = db.execute("SELECT origin_metadata FROM vehicles WHERE id = ?", (vehicle_id,)).fetchone()
    return Gallery(vehicle_id, rows.gallery_of(row["origin_metadata"]) if row else ())


def images(db: sqlite3.Connection, vehicle_id: str) -> tuple[StoredImage, ...]:
    """The image rows of a vehicle."""
    return rows.images_of(db, [vehicle_id]).get(vehicle_id, ())


def looks(db: sqlite3.Connection, most: int) -> tuple[Look, ...]:
    """Those of the images that were stored last."""
    query = """
        SELECT vehicle_id, source_url, file_hash, variants->>'$.original.perceptual_hash' AS perceptual_hash
        FROM vehicle_images WHERE source = ? AND source_url IS NOT NULL ORDER BY rowid DESC LIMIT ?
    """
    return tuple(map(look_from, db.execute(query, (SOURCE, most))))


def outcomes(db: sqlite3.Connection, vehicle_id: str) -> tuple[Outcome, ...]:
    """What is remembered of a vehicle's candidates."""
    row = db.execute("SELECT seq FROM vehicles WHERE id = ?", (vehicle_id,)).fetchone()
    return rows.outcomes_of(db, [row["seq"]]).get(row["seq"], ()) if row else ()


def refusals(db: sqlite3.Connection) -> tuple[RefusalGroup, ...]:
    """Refused and deferred candidates by host and reason, the largest group first."""
    query = """
        SELECT host, reason, COUNT(*) AS images, COUNT(DISTINCT vehicle) AS vehicles, MIN(source_url) AS example_url,
          MIN(retry_at) AS retry_at
        FROM image_backfill_outcomes WHERE result IN ('refused', 'deferred') AND reason IS NOT NULL
        GROUP BY host, reason ORDER BY images DESC, host, reason
    """
    return tuple(RefusalGroup(**{**dict(row), "reason": Reason(row["reason"])}) for row in db.execute(query))
