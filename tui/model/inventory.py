"""What a marketplace has: organizations, vehicles, their URL lists, and the questions asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class State(StrEnum):
    """Where a vehicle stands."""

    READY = "ready"  # needing: URLs, no image rows, not parked, not backfilled
    PARTIAL = "partial"  # some images stored by a backfill, others still to come
    PARKED = "parked"  # every candidate ended in a permanent refusal
    BACKFILLED = "backfilled"  # origin_metadata.images_backfilled is true
    EMPTY = "empty"  # a URL list without a URL in it
    HAS_IMAGES = "has_images"  # its images came from elsewhere: skipped
    NO_URLS = "no_urls"  # no URL list at all

    @property
    def words(self) -> str:
        """The state as every face prints it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Counts:
    """Vehicles by state, public ones only, and the images still to come (URLs without a final outcome, before the cap).

    `needing` and `backfilled` are the two monitoring counts of the original system, to the unit:
    `needing` = ready + parked + empty + marked. `legacy` vehicles keep their URLs under the old key
    `images`, which that count does not see; they are ready all the same, beside it.
    """

    needing: int = 0
    backfilled: int = 0
    ready: int = 0
    partial: int = 0
    parked: int = 0
    empty: int = 0
    marked: int = 0
    legacy: int = 0
    vehicles: int = 0
    images_to_come: int = 0


@dataclass(frozen=True, slots=True)
class Organization:
    """A dealer with the counts of its vehicles."""

    id: str
    name: str
    website: str | None = None
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle as lists show it; `url_count` is the length of its URL list, `stored` its image rows."""

    id: str
    title: str
    organization_id: str | None = None
    organization_name: str | None = None
    state: State = State.READY
    is_public: bool = True
    url_count: int = 0
    stored: int = 0
    hosts: tuple[str, ...] = ()
    note: str = ""  # why it is parked or waits, e.g. "not found"
    retry_at: float | None = None
    leased_by: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of an ordered list: the rows from `offset`, and how many there are in all."""

    rows: tuple[T, ...]
    offset: int
    total: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which vehicles a question or a run is about; empty tuples mean all of them."""

    organization_ids: tuple[str, ...] = ()
    vehicle_ids: tuple[str, ...] = ()
    include_private: bool = False


class VehicleSort(StrEnum):
    """The orders in which a store can page vehicles."""

    TITLE = "title"
    URLS = "urls"
    STATE = "state"


class OrganizationSort(StrEnum):
    """The orders in which a store can page organizations."""

    NAME = "name"
    NEEDING = "needing"
    PARTIAL = "partial"
    PARKED = "parked"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class VehicleQuery:
    """A page of vehicles: of one organization or all, whose title or VIN holds `filter`, in an order."""

    organization_id: str | None = None
    filter: str = ""
    sort: VehicleSort = VehicleSort.TITLE
    descending: bool = False
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Workload:
    """What a run over a scope would find now: claimable vehicles and their URLs, each gallery cut at the cap."""

    vehicles: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Gallery:
    """The source URLs of a vehicle as the extraction left them: any JSON values, in order."""

    vehicle_id: str
    urls: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A vehicle as a feed tells it; `identity` is what makes a second import of it the same vehicle."""

    identity: str  # "vin:…", "link:…" or "content:…"
    organization: str | None = None
    vin: str | None = None
    year: int | None = None
    make: str | None = None
    model: str | None = None
    trim: str | None = None
    mileage: int | None = None
    price: float | None = None
    link: str | None = None
    title: str | None = None
    is_public: bool | None = None  # not told: public when new, else as it was
    image_urls: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What an import wrote, in vehicles."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: IntakeReport) -> IntakeReport:
        """Add up two reports."""
        return IntakeReport(
            self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged
        )
