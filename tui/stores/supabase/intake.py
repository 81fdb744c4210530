"""Listings to the rows of a project, with or without our SQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import quote

from tui.model import IntakeReport, Listing
from tui.stores import StoreError
from tui.stores.merging import COLUMNS, Entry, Fold, id_of, metadata_after, normal_name, organization_id_of
from tui.stores.reading import gallery_in
from tui.stores.supabase.answering import sound
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import DENIED, MISSING_COLUMN, ProjectError
from tui.stores.supabase.shape import Shape

_IDS = 100
"""Ids in one URL, some 4 KB: routers cut at 8."""

_ROWS = 500
"""Rows in one request that writes."""

_AT_ONCE = 8
_TRIES = 10

_SPACES = r"\s+"
_INVENTORY = "inventory"
_STAMP = "updated_at"
_TEXTS = ("organization", "vin", "make", "model", "trim", "link", "title", "extra")

_NO_VERSION = MISSING_COLUMN | DENIED | {"0A000", "XX000"}
"""What views say when they are asked for the version of a row, and tables that are kept elsewhere."""

_LONGEST = 4_000
"""Characters of a name that is looked for in a URL; a longer one is known by its id alone."""


async def intake(connection: Connection, shape: Shape, listings: Sequence[Listing]) -> IntakeReport:
    """Write listings: new vehicles many at once, known ones each guarded against a write of somebody else meanwhile."""
    told = [_sound(listing) for listing in listings]
    book = await _Book.open(connection, shape)
    fold = await book.fold(told)
    late = await book.insert({key: entry for key, entry in fold.entries.items() if entry.before is None})
    known = [key for key, entry in fold.entries.items() if entry.before is not None and entry.changed]
    await _few_at_once(book.update(key, told, fold.entries[key]) for key in known)
    await _few_at_once(book.update(key, told) for key in late)
    await book.link(fold.entries)
    return fold.report()


def _sound(listing: Listing) -> Listing:
    """The listing in texts that Postgres takes."""
    parts = {name: sound(getattr(listing, name)) for name in _TEXTS}
    return replace(listing, **parts, image_urls=tuple(map(sound, listing.image_urls)))


async def _few_at_once(jobs: Iterable[Any]) -> list[Any]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def gated(job: Any) -> Any:
        async with gate:
            return await job

    return await asyncio.gather(*(gated(job) for job in jobs))


def _parts(rows: Iterable[Any], size: int) -> Iterable[list[Any]]:
    waiting = iter(rows)
    while part := list(islice(waiting, size)):
        yield part


class _Book:
    """The vehicles of one batch, as they are known by now. `guard` is a column that changes whenever a row does."""

    def __init__(self, connection: Connection, shape: Shape, guard: str) -> None:
        self._connection = connection
        self._shape = shape
        self._columns = [name for name in COLUMNS if shape.vehicles.has(name)]
        self._guard = guard
        self._organizations: dict[str, str | None] = {}
        self._versions: dict[str, object] = {}

    @classmethod
    async def open(cls, connection: Connection, shape: Shape) -> _Book:
        """Find out what guards a row: the database's own version of it where it can be asked for, else `updated_at`."""
        try:
            await connection.ask(lambda client: client.table("vehicles").select("xmin").limit(1))
        except ProjectError as error:
            if error.code not in _NO_VERSION:
                raise
            return cls(connection, shape, _STAMP if shape.vehicles.has(_STAMP) else "")
        return cls(connection, shape, "xmin")

    async def fold(self, listings: Sequence[Listing]) -> Fold:
        """Read what is known of these vehicles, and lay the listings over it."""
        ids = list(dict.fromkeys(id_of(listing.identity) for listing in listings))
        known, links = await asyncio.gather(self._known(ids), self._links(ids))
        fold = Fold(known, links, _metadata, _urls, self._columns)
        for listing in listings:
            fold.add(listing, await self._organization(listing.organization))
        return fold

    async def _known(self, ids: Sequence[str]) -> dict[str, Mapping[str, object]]:
        wanted = ["id", *self._columns, *filter(None, [self._guard])]
        known: dict[str, Mapping[str, object]] = {}
        for row in await self._select("vehicles", wanted, "id", ids):
            self._versions[row["id"]] = row.get(self._guard)
            known[row["id"]] = {name: row[name] for name in self._columns}
        return known

    async def _links(self, ids: Sequence[str]) -> set[tuple[str, str]] | None:
        wanted = ("vehicle_id", "organization_id", "relationship_type")
        if not self._shape.links.has(*wanted):
            return None
        found = await self._select("organization_vehicles", wanted, "vehicle_id", ids)
        return {(row["vehicle_id"], row["organization_id"]) for row in found if row["relationship_type"] == _INVENTORY}

    async def _select(self, table: str, columns: Sequence[str], key: str, ids: Sequence[str]) -> list[Any]:
        async def some(part: list[str]) -> list[Any]:
            answer = await self._connection.ask(lambda client: client.table(table).select(*columns).in_(key, part))
            return list(answer.data)

        return [row for rows in await _few_at_once(some(part) for part in _parts(ids, _IDS)) for row in rows]

    async def _add(self, table: str, rows: Sequence[Any], conflict: str) -> list[Any]:
        """Write rows that may be there already; what `conflict` names of those that were not."""
        added: list[Any] = []
        for part in _parts(rows, _ROWS):
            answer = await self._connection.ask(
                lambda client: (
                    client.table(table)
                    .upsert(part, on_conflict=conflict, ignore_duplicates=True)  # noqa: B023
                    .select(conflict)
                )
            )
            added += answer.data
        return added

    async def _organization(self, name: str | None) -> str | None:
        """The id of the organization with this name in any case, created if there is none; None without a table."""
        if not name or not self._shape.organization_name:
            return None
        normal = normal_name(name)
        if normal not in self._organizations:
            self._organizations[normal] = await self._find_or_create(normal, " ".join(name.split()))
        return self._organizations[normal]

    async def _find_or_create(self, normal: str, name: str) -> str:
        table, column, usual = self._shape.organizations.name, self._shape.organization_name, organization_id_of(normal)
        by_id = await self._connection.ask(lambda client: client.table(table).select("id").eq("id", usual))
        found: list[Any] = by_id.data or await self._named(table, column, name)
        if found:
            return str(found[0]["id"])
        await self._add(table, [{"id": usual, column: name}], "id")
        return usual

    async def _named(self, table: str, column: str, name: str) -> list[Any]:
        """The organization of this name in any case. A regular expression: in patterns of LIKE, PostgREST takes every
        asterisk for its own."""
        words = [re.sub(r"(\W)", r"\\\1", word) for word in name.split()]
        pattern = rf"^\s*{_SPACES.join(words)}\s*$"
        if len(quote(pattern)) > _LONGEST:
            return []
        answer = await self._connection.ask(
            lambda client: client.table(table).select("id").filter(column, "imatch", pattern).order("id").limit(1)
        )
        return list(answer.data)

    async def insert(self, entries: Mapping[str, Entry]) -> list[str]:
        """Write new vehicles; the ids of those that somebody else has written meanwhile."""
        more = {"status": "active", "listing_source": "feed"}
        told = {name: value for name, value in more.items() if self._shape.vehicles.has(name)}
        # In one order, whoever writes them: two imports of the same vehicles must not wait for each other.
        rows = [{"id": key, **told, **entries[key].after} for key in sorted(entries)]
        added = {row["id"] for row in await self._add("vehicles", rows, "id")}
        return [key for key in entries if key not in added]

    async def update(self, vehicle_id: str, listings: Sequence[Listing], entry: Entry | None = None) -> None:
        """Write what changed of a vehicle, over what it is by then; `entry` is how it was seen last."""
        own = [listing for listing in listings if id_of(listing.identity) == vehicle_id]
        for _ in range(_TRIES):
            entry = entry or (await self.fold(own)).entries[vehicle_id]
            if await self._written(vehicle_id, entry):
                return
            entry = None
        raise StoreError(f"The vehicle {vehicle_id} changes all the time: import its listing again later.")

    async def _written(self, vehicle_id: str, entry: Entry) -> bool:
        if entry.before is None:  # somebody has deleted it
            return not await self.insert({vehicle_id: entry})
        return not entry.changed or await self._patched(vehicle_id, entry.changed)

    async def _patched(self, vehicle_id: str, changed: Mapping[str, object]) -> bool:
        # The database's own clock tells when: not every project has a trigger for it.
        row = {**changed, _STAMP: "now"} if self._shape.vehicles.has(_STAMP) else dict(changed)
        seen = self._versions.get(vehicle_id)

        def build(client: Any) -> Any:
            patch = client.table("vehicles").update(row).eq("id", vehicle_id)
            if self._guard:
                patch = patch.is_(self._guard, "null") if seen is None else patch.eq(self._guard, seen)
            return patch.select("id")

        return bool((await self._connection.ask(build)).data)

    async def link(self, entries: Mapping[str, Entry]) -> None:
        """Write which organization has which vehicle."""
        rows = [
            {"vehicle_id": key, "organization_id": organization, "relationship_type": _INVENTORY}
            for key, entry in entries.items()
            for organization in sorted(entry.organizations)
        ]
        await self._add("organization_vehicles", rows, "organization_id,vehicle_id,relationship_type")


def _metadata(old: object, listing: Listing) -> object:
    """The `origin_metadata` after a listing; one that holds no object is left alone."""
    if old is None:
        return metadata_after({}, listing)
    return metadata_after(old, listing) if isinstance(old, dict) else old


def _urls(metadata: object) -> tuple[object, ...]:
    return gallery_in(metadata) if isinstance(metadata, dict) else ()
