"""Listings to the rows of a project, with or without our SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from tui.model import IntakeReport, Listing
from tui.stores import StoreError
from tui.stores.merging import COLUMNS, Entry, Fold, id_of, metadata_after, normal_name, organization_id_of
from tui.stores.reading import gallery_in
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.shape import Shape

_IDS = 100
"""Ids in one URL, some 4 KB: routers cut at 8."""

_ROWS = 500
"""Rows in one request that writes."""

_AT_ONCE = 8
_TRIES = 10

_INVENTORY = "inventory"


async def intake(connection: Connection, shape: Shape, listings: Sequence[Listing]) -> IntakeReport:
    """Write listings: new vehicles many at once, known ones each guarded against a write of somebody else meanwhile."""
    book = _Book(connection, shape)
    fold = await book.fold(listings)
    await book.insert({key: entry for key, entry in fold.entries.items() if entry.before is None})
    changed = [key for key, entry in fold.entries.items() if entry.before is not None and entry.changed]
    await _few_at_once(book.update(key, fold.entries[key], listings) for key in changed)
    await book.link(fold.entries)
    return fold.report()


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
    def __init__(self, connection: Connection, shape: Shape) -> None:
        self._connection = connection
        self._shape = shape
        self._columns = [name for name in COLUMNS if shape.vehicles.has(name)]
        self._stamp = "updated_at" if shape.vehicles.has("updated_at") else ""
        self._organizations: dict[str, str | None] = {}
        self._stamps: dict[str, object] = {}

    async def fold(self, listings: Sequence[Listing]) -> Fold:
        """Read what is known of these vehicles, and lay the listings over it."""
        ids = list(dict.fromkeys(id_of(listing.identity) for listing in listings))
        known, links = await asyncio.gather(self._known(ids), self._links(ids))
        fold = Fold(known, links, _metadata, _urls)
        for listing in listings:
            fold.add(listing, await self._organization(listing.organization))
        return fold

    async def _known(self, ids: Sequence[str]) -> dict[str, Mapping[str, object]]:
        wanted = ["id", *self._columns, *filter(None, [self._stamp])]
        known: dict[str, Mapping[str, object]] = {}
        for row in await self._select("vehicles", wanted, "id", ids):
            self._stamps[row["id"]] = row.get(self._stamp)
            known[row["id"]] = {name: row.get(name) for name in COLUMNS}
        return known

    async def _links(self, ids: Sequence[str]) -> set[tuple[str, str]]:
        wanted = ["vehicle_id", "organization_id"]
        if not self._shape.links.has(*wanted):
            return set()
        found = await self._select("organization_vehicles", wanted, "vehicle_id", ids)
        return {(row["vehicle_id"], row["organization_id"]) for row in found}

    async def _select(self, table: str, columns: Sequence[str], key: str, ids: Sequence[str]) -> list[Any]:
        async def some(part: list[str]) -> list[Any]:
            answer = await self._connection.ask(lambda client: client.table(table).select(*columns).in_(key, part))
            return list(answer.data)

        return [row for rows in await _few_at_once(some(part) for part in _parts(ids, _IDS)) for row in rows]

    async def _add(self, table: str, rows: Sequence[Any], conflict: str) -> None:
        """Write rows that may be there already."""
        for part in _parts(rows, _ROWS):
            await self._connection.ask(lambda client: self._insertion(client, table, part, conflict))  # noqa: B023

    @staticmethod
    def _insertion(client: Any, table: str, rows: list[Any], conflict: str) -> Any:
        return client.table(table).upsert(rows, on_conflict=conflict, ignore_duplicates=True, returning="minimal")

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
        pattern = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "\\*")
        by_id = await self._connection.ask(lambda client: client.table(table).select("id").eq("id", usual))
        by_name = (
            by_id.data
            or (
                await self._connection.ask(
                    lambda client: client.table(table).select("id").ilike(column, pattern).order("id").limit(1)
                )
            ).data
        )
        found: Any = by_name[0] if by_name else None
        if found is not None:
            return str(found["id"])
        row = {"id": usual, column: name}
        await self._add(table, [row], "id")
        return usual

    async def insert(self, entries: Mapping[str, Entry]) -> None:
        """Write new vehicles."""
        more = {"status": "active", "listing_source": "feed"}
        told = {name: value for name, value in more.items() if self._shape.vehicles.has(name)}
        rows = [
            {"id": key, **told, **{name: entry.after[name] for name in self._columns}} for key, entry in entries.items()
        ]
        await self._add("vehicles", rows, "id")

    async def update(self, vehicle_id: str, entry: Entry, listings: Sequence[Listing]) -> None:
        """Write what changed of a known vehicle, over what it is by then."""
        own = [listing for listing in listings if id_of(listing.identity) == vehicle_id]
        for _ in range(_TRIES):
            changed = {name: value for name, value in entry.changed.items() if name in self._columns}
            if not changed or await self._patched(vehicle_id, changed):
                return
            entry = (await self.fold(own)).entries[vehicle_id]
        raise StoreError(f"The vehicle {vehicle_id} changes all the time: import its listing again later.")

    async def _patched(self, vehicle_id: str, changed: Mapping[str, object]) -> bool:
        seen = self._stamps.get(vehicle_id)

        def build(client: Any) -> Any:
            patch = client.table("vehicles").update(dict(changed)).eq("id", vehicle_id)
            return (patch.eq(self._stamp, seen) if seen else patch).select("id")

        return bool((await self._connection.ask(build)).data)

    async def link(self, entries: Mapping[str, Entry]) -> None:
        """Write which organization has which vehicle."""
        if not self._shape.links.has("organization_id", "vehicle_id", "relationship_type"):
            return
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
