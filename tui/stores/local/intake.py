"""Listings to vehicles: one identity is one vehicle, whatever arrives first and however often."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from tui.model import IntakeReport, Listing
from tui.stores.local import rows
from tui.stores.local.database import writing
from tui.stores.reading import gallery_in

_NAMESPACE = uuid.UUID("6f1c8e2a-52a4-5d0b-9c1e-0b5f7a1d9e34")

_COLUMNS = (
    "year",
    "make",
    "model",
    "trim",
    "vin",
    "mileage",
    "asking_price",
    "is_public",
    "origin_metadata",
    "origin_organization_id",
    "discovery_url",
    "listing_url",
    "listing_title",
)

_SELECT = f"SELECT id, {', '.join(_COLUMNS)} FROM vehicles WHERE id IN (SELECT value FROM json_each(?))"

_INSERT = f"""
INSERT INTO vehicles ({", ".join(_COLUMNS)}, status, listing_source, created_at, updated_at, id)
VALUES ({", ".join(f":{name}" for name in _COLUMNS)}, 'active', 'feed', :at, :at, :id)
"""

# Python frees objects without letting another thread in, the event loop's included: so never many at once.
_FEW = 250

# SQLite refuses NaN in JSON, and a refusal in the middle of a batch would cost all of it.
_to_json = json.JSONEncoder(allow_nan=False).encode

_MARKS = ("images_backfilled", "images_backfilled_at")


def intake(db: sqlite3.Connection, listings: Iterable[Listing], now: float) -> IntakeReport:
    """Write listings in one transaction, taken from `listings` a few at a time."""
    report, waiting = IntakeReport(), iter(listings)
    with writing(db):
        while few := list(islice(waiting, _FEW)):
            batch = _Batch(db, few)
            batch.fold()
            batch.write(now)
            report += batch.report()
    return report


def id_of(identity: str) -> str:
    """The id of the vehicle with this identity, the same in every store."""
    return str(uuid.uuid5(_NAMESPACE, identity))


@dataclass
class _Entry:
    """A vehicle of a batch: its columns before (None for a new one) and after, and how often a listing changed it."""

    before: dict[str, object] | None
    after: dict[str, object] = field(default_factory=dict)
    listings: int = 0
    changes: int = 0
    gained: bool = False
    organizations: set[str] = field(default_factory=set)


class _Batch:
    def __init__(self, db: sqlite3.Connection, listings: list[Listing]) -> None:
        self._db = db
        self._listings = [(id_of(listing.identity), listing) for listing in listings]
        known = db.execute(_SELECT, (json.dumps([vehicle_id for vehicle_id, _ in self._listings]),))
        self._entries = {row["id"]: _Entry(dict(row), dict(row)) for row in known}
        self._organizations: dict[str, str] = {}
        self._links = set[tuple[str, str]]()

    def fold(self) -> None:
        """Apply the listings in order, later ones of the same vehicle on top of earlier ones."""
        self._links = self._known_links()
        for vehicle_id, listing in self._listings:
            entry = self._entries.setdefault(vehicle_id, _Entry(None))
            organization = self._organization(listing.organization) if listing.organization else None
            after = _merged(entry.after, listing, organization)
            linked = organization is not None and (vehicle_id, organization) not in self._links
            if linked and organization is not None:
                self._links.add((vehicle_id, organization))
                entry.organizations.add(organization)
            entry.gained = entry.gained or _gains(entry.after, after)
            entry.changes += after != entry.after or linked
            entry.listings += 1
            entry.after = after

    def _known_links(self) -> set[tuple[str, str]]:
        query = """
            SELECT vehicle_id, organization_id FROM organization_vehicles
            WHERE vehicle_id IN (SELECT value FROM json_each(?)) AND relationship_type = 'inventory'
        """
        return {(row[0], row[1]) for row in self._db.execute(query, (json.dumps(list(self._entries)),))}

    def _organization(self, name: str) -> str:
        """The id of the organization with this name in any case, created if there is none."""
        normal = " ".join(name.split()).casefold()
        if normal not in self._organizations:
            self._organizations[normal] = self._find_or_create(normal, " ".join(name.split()))
        return self._organizations[normal]

    def _find_or_create(self, normal: str, name: str) -> str:
        usual = str(uuid.uuid5(_NAMESPACE, f"organization:{normal}"))
        row = self._db.execute(
            "SELECT id FROM organizations WHERE id = ? OR name = ? COLLATE NOCASE ORDER BY id <> ? LIMIT 1",
            (usual, name, usual),
        ).fetchone()
        if row is not None:
            return str(row["id"])
        self._db.execute("INSERT INTO organizations (id, name) VALUES (?, ?)", (usual, name))
        return usual

    def write(self, now: float) -> None:
        """Write what changed, and nothing else."""
        at = rows.iso(now)
        new = [
            {**entry.after, "id": vehicle_id, "at": at}
            for vehicle_id, entry in self._entries.items()
            if entry.before is None
        ]
        self._db.executemany(_INSERT, new)
        for vehicle_id, entry in self._entries.items():
            if entry.before is not None and entry.before != entry.after:
                self._update(vehicle_id, entry.before, entry.after, at)
            if entry.before is not None and entry.gained:
                self._db.execute(
                    "UPDATE image_backfill_jobs SET parked = 0, retry_at = NULL"
                    " WHERE vehicle = (SELECT seq FROM vehicles WHERE id = ?)",
                    (vehicle_id,),
                )
        links = [
            (vehicle_id, organization, at)
            for vehicle_id, entry in self._entries.items()
            for organization in entry.organizations
        ]
        self._db.executemany(
            "INSERT INTO organization_vehicles (vehicle_id, organization_id, created_at) VALUES (?, ?, ?)", links
        )

    def _update(self, vehicle_id: str, before: Mapping[str, object], after: Mapping[str, object], at: str) -> None:
        changed = {name: after[name] for name in _COLUMNS if before[name] != after[name]}
        assignments = ", ".join(f"{name} = :{name}" for name in changed)
        sql = f"UPDATE vehicles SET {assignments}, updated_at = :at WHERE id = :id"
        self._db.execute(sql, {**changed, "id": vehicle_id, "at": at})

    def report(self) -> IntakeReport:
        """How the listings ended: the first of a new vehicle inserts it, others update it or change nothing."""
        inserted = updated = unchanged = 0
        for entry in self._entries.values():
            new = entry.before is None
            # Two listings of one vehicle may disagree: where they leave it as it was, nothing was updated.
            changes = 0 if entry.before == entry.after and not entry.organizations else entry.changes - new
            inserted += new
            updated += changes
            unchanged += entry.listings - new - changes
        return IntakeReport(inserted, updated, unchanged)


def _merged(old: Mapping[str, object], listing: Listing, organization: str | None) -> dict[str, object]:
    """The columns of a vehicle after a listing; what the listing does not tell stays."""
    told = _told(listing, organization)
    if not old:
        return {**told, "is_public": 1 if told["is_public"] is None else told["is_public"]}
    merged = {name: old[name] if value is None else value for name, value in told.items()}
    # Where a vehicle came from does not change when a second dealer lists it too.
    merged["origin_organization_id"] = old["origin_organization_id"] or organization
    merged["origin_metadata"] = _merged_metadata(old["origin_metadata"], listing)
    return {**old, **merged}


def _told(listing: Listing, organization: str | None) -> dict[str, object]:
    return {
        "year": listing.year,
        "make": listing.make,
        "model": listing.model,
        "trim": listing.trim,
        "vin": listing.vin,
        "mileage": listing.mileage,
        "asking_price": listing.price,
        "is_public": None if listing.is_public is None else int(listing.is_public),
        "origin_metadata": _to_json(_metadata({}, listing)),
        "origin_organization_id": organization,
        "discovery_url": listing.link,
        "listing_url": listing.link,
        "listing_title": listing.title,
    }


def _merged_metadata(old: object, listing: Listing) -> object:
    content = json.loads(old) if isinstance(old, str) else {}
    if not isinstance(content, dict):
        return old
    after = _metadata(content, listing)
    return old if after == content else _to_json(after)


def _metadata(old: Mapping[str, object], listing: Listing) -> dict[str, object]:
    """`origin_metadata` with what the listing tells on top; a mark goes when there are URLs it does not speak of."""
    content = dict(old)
    if listing.image_urls and content.get("image_urls") != list(listing.image_urls):
        if set(listing.image_urls).difference(map(str, gallery_in(old))):
            for mark in _MARKS:
                content.pop(mark, None)
        content["image_urls"] = list(listing.image_urls)
    if listing.extra:
        feed = content.get("feed")
        content["feed"] = {**feed, **listing.extra} if isinstance(feed, dict) else dict(listing.extra)
    return content


def _gains(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    old, new = before.get("origin_metadata"), after["origin_metadata"]
    if old is None or old == new:
        return False
    known = set(map(str, rows.gallery_of(str(old))))
    return any(str(url) not in known for url in rows.gallery_of(str(new)))
