"""Listings to vehicles of any store: one identity is one vehicle, whatever arrives first and however often."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from tui.model import IntakeReport, Listing
from tui.stores.reading import gallery_in

_NAMESPACE = uuid.UUID("6f1c8e2a-52a4-5d0b-9c1e-0b5f7a1d9e34")

COLUMNS = (
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
"""The columns of `vehicles` that a listing can tell."""

_MARKS = ("images_backfilled", "images_backfilled_at")

Columns = Mapping[str, object]


def id_of(identity: str) -> str:
    """The id of the vehicle with this identity, the same in every store."""
    return str(uuid.uuid5(_NAMESPACE, identity))


def normal_name(name: str) -> str:
    """What two spellings of an organization's name have in common."""
    return " ".join(name.split()).casefold()


def organization_id_of(normal: str) -> str:
    """The id that an organization of this normal name is given, the same in every store."""
    return str(uuid.uuid5(_NAMESPACE, f"organization:{normal}"))


@dataclass
class Entry:
    """A vehicle of a batch: its columns before (None for a new one) and after, and how often a listing changed it."""

    before: Columns | None
    after: dict[str, object] = field(default_factory=dict)
    listings: int = 0
    changes: int = 0
    gained: bool = False
    organizations: set[str] = field(default_factory=set)

    @property
    def changed(self) -> dict[str, object]:
        """The columns that are another than before."""
        before = self.before or {}
        return {name: value for name, value in self.after.items() if before.get(name) != value}


class Fold:
    """Listings laid over the vehicles that are known, later ones of the same vehicle on top of earlier ones.

    `known` holds the columns of vehicles by id, `links` pairs of vehicle and organization (None where no table keeps
    them); `metadata` gives the `origin_metadata` after a listing from the one before (None: a new vehicle), `urls` the
    gallery in one. `columns` are those of `COLUMNS` that there are.
    """

    def __init__(
        self,
        known: Mapping[str, Columns],
        links: set[tuple[str, str]] | None,
        metadata: Callable[[object, Listing], object],
        urls: Callable[[object], tuple[object, ...]],
        columns: Collection[str] = COLUMNS,
    ) -> None:
        self.entries = {vehicle_id: Entry(columns, dict(columns)) for vehicle_id, columns in known.items()}
        self._links = links
        self._metadata = metadata
        self._urls = urls
        self._columns = columns

    def add(self, listing: Listing, organization: str | None) -> None:
        """Lay one listing on top, of the organization with this id."""
        vehicle_id = id_of(listing.identity)
        entry = self.entries.setdefault(vehicle_id, Entry(None))
        after = self._merged(entry.after, listing, organization)
        linked = self._link(vehicle_id, organization, entry)
        entry.gained = entry.gained or self._gains(entry.after, after)
        entry.changes += after != entry.after or linked
        entry.listings += 1
        entry.after = after

    def _link(self, vehicle_id: str, organization: str | None, entry: Entry) -> bool:
        """Note to whom a vehicle belongs; whether that is new."""
        if organization is None or self._links is None or (vehicle_id, organization) in self._links:
            return False
        self._links.add((vehicle_id, organization))
        entry.organizations.add(organization)
        return True

    def _merged(self, old: Columns, listing: Listing, organization: str | None) -> dict[str, object]:
        """The columns of a vehicle after a listing; what the listing does not tell stays."""
        told = _told(listing, organization) | {"origin_metadata": self._metadata(old.get("origin_metadata"), listing)}
        if old:
            told = {name: old.get(name) if value is None else value for name, value in told.items()}
            # Where a vehicle came from does not change when a second dealer lists it too.
            told["origin_organization_id"] = old.get("origin_organization_id") or organization
        else:
            told["is_public"] = listing.is_public is not False
        return {**old, **{name: told[name] for name in COLUMNS if name in self._columns}}

    def _gains(self, before: Columns, after: Columns) -> bool:
        old, new = before.get("origin_metadata"), after["origin_metadata"]
        if old is None or old == new:
            return False
        known = set(map(str, self._urls(old)))
        return any(str(url) not in known for url in self._urls(new))

    def report(self) -> IntakeReport:
        """How the listings ended: the first of a new vehicle inserts it, others update it or change nothing."""
        inserted = updated = unchanged = 0
        for entry in self.entries.values():
            new = entry.before is None
            # Two listings of one vehicle may disagree: where they leave it as it was, nothing was updated.
            changes = 0 if entry.before == entry.after and not entry.organizations else entry.changes - new
            inserted += new
            updated += changes
            unchanged += entry.listings - new - changes
        return IntakeReport(inserted, updated, unchanged)


def _told(listing: Listing, organization: str | None) -> dict[str, object]:
    return {
        "year": listing.year,
        "make": listing.make,
        "model": listing.model,
        "trim": listing.trim,
        "vin": listing.vin,
        "mileage": listing.mileage,
        "asking_price": listing.price,
        "is_public": listing.is_public,
        "origin_organization_id": organization,
        "discovery_url": listing.link,
        "listing_url": listing.link,
        "listing_title": listing.title,
    }


def metadata_after(old: Mapping[str, object], listing: Listing) -> dict[str, object]:
    """`origin_metadata` with what a listing tells on top; a mark goes when there are URLs it does not speak of."""
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
