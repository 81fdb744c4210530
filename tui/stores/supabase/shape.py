"""Which tables and columns a project has, asked of the project itself."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from tui.model import SOURCE, Problem
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import DENIED, MISSING_COLUMN, MISSING_FUNCTION, MISSING_TABLE, ProjectError

SOURCES = (SOURCE, "organization_import", "bat_import")
"""The imports that the production CHECK admits, the best first."""

VERSION_FUNCTION = "image_backfill_version"
"""There where our SQL is installed."""

_NAMES = ("business_name", "name", "title", "display_name")
_ORGANIZATION_TABLES = ("organizations", "businesses")
_ORGANIZATIONS = ("id", *_NAMES, "website", "business_type", "is_public", "city", "state", "country", "created_at")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "vehicles": (
        *("id", "year", "make", "model", "trim", "vin", "mileage", "asking_price", "is_public", "status"),
        *("origin_metadata", "origin_organization_id", "import_queue_id", "discovery_url", "listing_url"),
        *("listing_source", "listing_title", "primary_image_url", "image_url", "created_at", "updated_at"),
    ),
    "vehicle_images": (
        *("id", "vehicle_id", "user_id", "image_url", "storage_path", "file_hash", "file_size", "mime_type"),
        *("filename", "source", "source_url", "position", "is_primary", "is_external", "taken_at", "exif_data"),
        *("variants", "created_at"),
    ),
    "organization_vehicles": ("id", "organization_id", "vehicle_id", "relationship_type", "status", "created_at"),
    "import_queue": (
        *("id", "listing_url", "source_id", "listing_title", "listing_price", "listing_year", "listing_make"),
        *("listing_model", "thumbnail_url", "raw_data", "status", "priority", "attempts", "max_attempts", "vehicle_id"),
        *("error_message", "failure_category", "locked_at", "locked_by", "next_attempt_at", "last_attempt_at"),
        *("processed_at", "created_at"),
    ),
}
"""What is looked for where a project does not list its tables."""

_NEEDED = {"vehicles": ("id", "origin_metadata"), "vehicle_images": ("vehicle_id", "image_url")}

_NO_RELATIONSHIP, _MANY_RELATIONSHIPS = "PGRST200", 300
_NO_DATE = "22007"
_NOT_ADMITTED = frozenset({"23514", "22P02", "22001"})
"""Against a CHECK, no value of an enum, too long for its column."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and those of its columns that this key may see; a missing table has none."""

    name: str
    columns: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.columns)

    def has(self, *columns: str) -> bool:
        """Whether all of these columns are there."""
        return self.columns.issuperset(columns)


@dataclass(frozen=True, slots=True)
class Shape:
    """The tables of a project; `vehicles` and `images` have at the least what cannot be done without."""

    vehicles: Table
    images: Table
    links: Table  # organization_vehicles
    queue: Table  # import_queue
    organizations: Table  # of either name; "" where there is none
    organization_name: str  # the column with an organization's name, "" where there is none
    installed: bool  # the functions of our SQL are there


async def discover(connection: Connection, organizations_table: str = "") -> Shape:
    """Look at a project's tables; `organizations_table` overrides the search for one.

    Raises Problem where a table or a column that cannot be done without is missing, and ProjectError.
    """
    if organizations_table and not re.fullmatch(r"\w+", organizations_table):
        raise Problem(f"organizations_table is no name of a table: {organizations_table!r}.")
    names = (organizations_table,) if organizations_table else _ORGANIZATION_TABLES
    known = await _listed(connection) or await _probed(connection, names)
    await _require(connection, known)
    installed = f"rpc/{VERSION_FUNCTION}" in known
    organizations = await _served(connection, known) if installed and not organizations_table else Table("")
    organizations = organizations or await _organizations(connection, known, names)
    if organizations_table and not organizations:
        raise Problem(
            f"The project {connection.url} has no table {organizations_table} with a column id: set "
            "organizations_table to the table of its organizations, or leave it out."
        )
    return Shape(
        vehicles=known["vehicles"],
        images=known["vehicle_images"],
        links=known.get("organization_vehicles", Table("organization_vehicles")),
        queue=known.get("import_queue", Table("import_queue")),
        organizations=organizations,
        organization_name=next((name for name in _NAMES if organizations.has(name)), ""),
        installed=installed,
    )


async def _listed(connection: Connection) -> dict[str, Table]:
    """All tables, and functions as `rpc/…`, from PostgREST's own description: one request. {} where it gives none."""
    try:
        description = (await connection.fetch("/rest/v1/", {"Accept": "application/openapi+json"})).json()
    except ProjectError as error:
        if error.status in (403, 404, 405, 406):
            return {}
        raise
    tables = description.get("definitions")
    paths = description.get("paths")
    if not isinstance(tables, dict) or not isinstance(paths, dict):
        return {}
    known = {name: Table(name, frozenset(table.get("properties", ()))) for name, table in tables.items()}
    return known | {path[1:]: Table(path[1:]) for path in paths if path.startswith("/rpc/")}


async def _probed(connection: Connection, organizations: tuple[str, ...]) -> dict[str, Table]:
    """The same, found by asking for columns by name."""
    wanted = {**_COLUMNS, **dict.fromkeys(organizations, _ORGANIZATIONS)}
    found = await asyncio.gather(*(_columns(connection, table, columns) for table, columns in wanted.items()))
    known = {name: Table(name, columns) for name, columns in zip(wanted, found, strict=True) if columns}
    return known | ({f"rpc/{VERSION_FUNCTION}": Table("")} if await is_installed(connection) else {})


async def _look(connection: Connection, table: str, *columns: str) -> None:
    """Ask for columns, and for no row of them. Raises ProjectError."""
    await connection.ask(lambda client: client.table(table).select(*columns).limit(0))


async def _columns(connection: Connection, table: str, columns: tuple[str, ...]) -> frozenset[str]:
    """Those of the columns that are there; halves what is asked for until it is."""
    try:
        await _look(connection, table, *columns)
    except ProjectError as error:
        if error.code in MISSING_COLUMN and len(columns) > 1:
            middle = len(columns) // 2
            halves = await asyncio.gather(
                _columns(connection, table, columns[:middle]), _columns(connection, table, columns[middle:])
            )
            return halves[0] | halves[1]
        if error.code in MISSING_COLUMN | MISSING_TABLE | DENIED:
            return frozenset()
        raise
    return frozenset(columns)


async def is_installed(connection: Connection) -> bool:
    """Whether the functions of our SQL are there. Raises ProjectError."""
    try:
        await connection.rpc(VERSION_FUNCTION)
    except ProjectError as error:
        if error.code in MISSING_FUNCTION:
            return False
        raise
    return True


async def _require(connection: Connection, known: Mapping[str, Table]) -> None:
    for name, columns in _NEEDED.items():
        table = known.get(name)
        if table is not None and table.has(*columns):
            continue
        # The project itself tells best why it shows no such thing: it is missing, or kept from this key.
        await _look(connection, name, *columns)
        raise Problem(
            f"The project {connection.url} does not list {name} ({', '.join(columns)}) in its schema cache: "
            "reload it with NOTIFY pgrst, 'reload schema'."
        )


async def _served(connection: Connection, known: Mapping[str, Table]) -> Table:
    """The table of organizations that our SQL took when it was installed, as far as it says."""
    try:
        health = await connection.rpc("image_backfill_health")
    except ProjectError as error:
        if error.code in MISSING_FUNCTION | DENIED:
            return Table("")
        raise
    name = (health or {}).get("organizations") or ""
    if not name or name in known:
        return known.get(name, Table(""))
    return Table(name, await _columns(connection, name, _ORGANIZATIONS))


async def _organizations(connection: Connection, known: Mapping[str, Table], names: tuple[str, ...]) -> Table:
    """The one table of organizations; of two the one that vehicles refer to, which is what our SQL goes by too."""
    found = [known[name] for name in names if name in known and known[name].has("id")]
    if len(found) > 1:
        found = [table for table in found if await _is_linked(connection, known, table)] or found
    return found[0] if found else Table("")


async def _is_linked(connection: Connection, known: Mapping[str, Table], table: Table) -> bool:
    """Whether `organization_vehicles` or `vehicles` refers to the table."""
    for name in ("organization_vehicles", "vehicles"):
        try:
            if name in known:
                await _look(connection, name, f"linked:{table.name}(id)")
                return True
        except ProjectError as error:
            if error.status == _MANY_RELATIONSHIPS:
                return True
            if error.code != _NO_RELATIONSHIP:
                raise
    return False


async def admitted_source(connection: Connection, shape: Shape) -> str:
    """The first of `SOURCES` that the table of images admits, found without leaving a row behind.

    Each is tried with an INSERT that cannot succeed: it asks for the URL back as a date, which fails once the row has
    passed its rules, and undoes the statement. Read-only, it is the first that images of a backfill were written as.
    Raises Problem where none is admitted, and ProjectError.
    """
    if not shape.images.has("source"):
        return SOURCES[0]
    if connection.read_only:
        return await _used_source(connection)
    said = ""
    for source in SOURCES:
        try:
            await _try_source(connection, shape, source)
        except ProjectError as error:
            if error.code == _NO_DATE:
                return source
            if error.code not in _NOT_ADMITTED:
                raise
            said = error.said
    raise Problem(
        f"The project {connection.url} admits none of the sources {', '.join(SOURCES)} in vehicle_images ({said}): "
        "let its rule admit one of them."
    )


async def _used_source(connection: Connection) -> str:
    """The first of `SOURCES` that rows have whose objects lie where a backfill puts them; the best where none has."""
    for source in SOURCES:
        if await _is_used(connection, source):
            return source
    return SOURCES[0]


async def _is_used(connection: Connection, source: str) -> bool:
    path = f"%/{source}/{source}_%"
    try:
        found = await connection.ask(
            lambda client: (
                client.table("vehicle_images").select("source").eq("source", source).like("image_url", path).limit(1)
            )
        )
    except ProjectError as error:
        if error.code in _NOT_ADMITTED:
            return False
        raise
    return bool(found.data)


async def _try_source(connection: Connection, shape: Shape, source: str) -> None:
    """Insert a row such as `record` writes, for a vehicle that is nowhere. Raises ProjectError, always."""
    chance = uuid.uuid4()
    row = {
        "vehicle_id": str(chance),
        "image_url": "https://example.invalid/probe.jpg",
        "source": source,
        "storage_path": f"{chance}/probe.jpg",
        "file_hash": chance.hex * 2,
        "file_size": 1,
        "mime_type": "image/jpeg",
        "filename": "probe.jpg",
        "source_url": "https://example.invalid/probe.jpg",
        "position": 0,
    }
    there = {name: value for name, value in row.items() if shape.images.has(name)}
    await connection.ask(lambda client: client.table("vehicle_images").insert(there).select("image_url::date"))
