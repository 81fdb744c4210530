"""Listings to the rows of a local store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from itertools import islice

from tui.model import IntakeReport, Listing
from tui.stores.local import rows
from tui.stores.local.database import writing
from tui.stores.merging import COLUMNS, Fold, id_of, metadata_after, normal_name, organization_id_of

_SELECT = f"SELECT id, {', '.join(COLUMNS)} FROM vehicles WHERE id IN (SELECT value FROM json_each(?))"

_INSERT = f"""
INSERT INTO vehicles ({", ".join(COLUMNS)}, status, listing_source, created_at, updated_at, id)
VALUES ({", ".join(f":{name}" for name in COLUMNS)}, 'active', 'feed', :at, :at, :id)
"""

# Python frees objects without letting another thread in, the event loop's included: so never many at once.
_FEW = 250

# SQLite refuses NaN in JSON, and a refusal in the middle of a batch would cost all of it.
_to_json = json.JSONEncoder(allow_nan=False).encode


def intake(db: sqlite3.Connection, listings: Iterable[Listing], now: float) -> IntakeReport:
    """Write listings in one transaction, taken from `listings` a few at a time."""
    report, waiting = IntakeReport(), iter(listings)
    with writing(db):
        while few := list(islice(waiting, _FEW)):
            fold = _fold(db, few)
            _write(db, fold, rows.iso(now))
            report += fold.report()
    return report


def _fold(db: sqlite3.Connection, listings: list[Listing]) -> Fold:
    ids = json.dumps([id_of(listing.identity) for listing in listings])
    known = {row["id"]: {name: row[name] for name in COLUMNS} for row in db.execute(_SELECT, (ids,))}
    fold = Fold(known, _links(db, ids), _metadata, _urls)
    organizations: dict[str, str] = {}
    for listing in listings:
        organization = None
        if listing.organization:
            normal = normal_name(listing.organization)
            organization = organizations.get(normal) or _find_or_create(db, normal, listing.organization)
            organizations[normal] = organization
        fold.add(listing, organization)
    return fold


def _links(db: sqlite3.Connection, ids: str) -> set[tuple[str, str]]:
    query = """
        SELECT vehicle_id, organization_id FROM organization_vehicles
        WHERE vehicle_id IN (SELECT value FROM json_each(?)) AND relationship_type = 'inventory'
    """
    return {(row[0], row[1]) for row in db.execute(query, (ids,))}


def _find_or_create(db: sqlite3.Connection, normal: str, name: str) -> str:
    """The id of the organization with this name in any case, created if there is none."""
    name, usual = " ".join(name.split()), organization_id_of(normal)
    row = db.execute(
        "SELECT id FROM organizations WHERE id = ? OR name = ? COLLATE NOCASE ORDER BY id <> ? LIMIT 1",
        (usual, name, usual),
    ).fetchone()
    if row is not None:
        return str(row["id"])
    db.execute("INSERT INTO organizations (id, name) VALUES (?, ?)", (usual, name))
    return usual


def _write(db: sqlite3.Connection, fold: Fold, at: str) -> None:
    """Write what changed, and nothing else."""
    new = [{**entry.after, "id": key, "at": at} for key, entry in fold.entries.items() if entry.before is None]
    db.executemany(_INSERT, new)
    for vehicle_id, entry in fold.entries.items():
        if entry.before is not None and entry.changed:
            _update(db, vehicle_id, entry.changed, at)
        if entry.before is not None and entry.gained:
            db.execute(
                "UPDATE image_backfill_jobs SET parked = 0, retry_at = NULL"
                " WHERE vehicle = (SELECT seq FROM vehicles WHERE id = ?)",
                (vehicle_id,),
            )
    db.executemany(
        "INSERT INTO organization_vehicles (vehicle_id, organization_id, created_at) VALUES (?, ?, ?)",
        [(key, organization, at) for key, entry in fold.entries.items() for organization in entry.organizations],
    )


def _update(db: sqlite3.Connection, vehicle_id: str, changed: Mapping[str, object], at: str) -> None:
    assignments = ", ".join(f"{name} = :{name}" for name in changed)
    sql = f"UPDATE vehicles SET {assignments}, updated_at = :at WHERE id = :id"
    db.execute(sql, {**changed, "id": vehicle_id, "at": at})


def _metadata(old: object, listing: Listing) -> object:
    """The `origin_metadata` after a listing, as the text in the table; one that holds no object is left alone."""
    if old is None:
        return _to_json(metadata_after({}, listing))
    content = json.loads(str(old))
    if not isinstance(content, dict):
        return old
    after = metadata_after(content, listing)
    return old if after == content else _to_json(after)


def _urls(metadata: object) -> tuple[object, ...]:
    return rows.gallery_of(str(metadata))
