"""What the lists of organizations and vehicles show of a row."""

from __future__ import annotations

from tui.app import words
from tui.app.widgets.ink import Ink, Line, Piece
from tui.app.widgets.pager import Column
from tui.model import Organization, OrganizationSort, State, Vehicle, VehicleSort

ALL = ""
"""The id of the row that stands for all organizations."""


def _number(value: int, ink: Ink = Ink.PLAIN) -> Line:
    return (Piece(words.thousands(value), ink) if value else Piece("–", Ink.FAINT),)


def _organization_name(row: Organization) -> Line:
    busy = row.counts.needing or row.counts.partial
    ink = Ink.STRONG if row.id == ALL else Ink.PLAIN if busy else Ink.DIM
    return (Piece(words.clean(row.name), ink),)


ORGANIZATION_COLUMNS = (
    Column(
        "name",
        22,
        _organization_name,
        grow=1,
        most=44,
        sort=OrganizationSort.NAME,
    ),
    Column[Organization](
        "needing", 9, lambda row: _number(row.counts.needing), right=True, sort=OrganizationSort.NEEDING
    ),
    Column[Organization](
        "images",
        9,
        lambda row: _number(row.counts.images_to_come, Ink.DIM),
        right=True,
        drop=1,
        sort=OrganizationSort.IMAGES,
    ),
    Column[Organization](
        "partial",
        8,
        lambda row: _number(row.counts.partial, Ink.WARN),
        right=True,
        drop=2,
        sort=OrganizationSort.PARTIAL,
    ),
    Column[Organization](
        "parked", 7, lambda row: _number(row.counts.parked, Ink.BAD), right=True, drop=3, sort=OrganizationSort.PARKED
    ),
)

ORGANIZATION_ORDERS = tuple(
    (str(sort), sort is not OrganizationSort.NAME)
    for sort in (
        OrganizationSort.NEEDING,
        OrganizationSort.IMAGES,
        OrganizationSort.PARTIAL,
        OrganizationSort.PARKED,
        OrganizationSort.NAME,
    )
)
"""The orders in which `o` goes through them: sort key, and whether it descends."""


def state_line(row: Vehicle) -> Line:
    """The state of a vehicle with its glyph, and why it is so."""
    if row.leased_by:
        return Piece("▶ ", Ink.ACCENT), Piece("in progress")
    quiet = row.state not in (State.PARTIAL, State.PARKED)
    glyph = Piece(f"{words.GLYPHS[row.state]} ", words.INKS[row.state])
    note = f" · {words.clean(row.note)}" if row.note else ""
    return glyph, Piece(row.state.words, Ink.DIM if quiet else Ink.PLAIN), Piece(note, Ink.DIM)


def _title(row: Vehicle) -> Line:
    return (Piece(words.clean(row.title) or "(no title)", Ink.PLAIN if row.is_public else Ink.DIM),)


def _hosts(row: Vehicle) -> Line:
    return (Piece(words.clean(", ".join(row.hosts)), Ink.DIM),)


VEHICLE_COLUMNS = (
    Column("vehicle", 24, _title, grow=4, most=48, sort=VehicleSort.TITLE),
    Column[Vehicle]("URLs", 6, lambda row: _number(row.url_count), right=True, sort=VehicleSort.URLS),
    Column[Vehicle]("stored", 6, lambda row: _number(row.stored, Ink.GOOD), right=True, drop=2),
    Column("state", 16, state_line, grow=1, most=34, sort=VehicleSort.STATE),
    Column("hosts", 18, _hosts, grow=3, most=60, drop=3),
)

VEHICLE_ORDERS = ((str(VehicleSort.TITLE), False), (str(VehicleSort.URLS), True), (str(VehicleSort.STATE), False))
