"""The vehicles of a project as they are read: in pages by key, by name, and whole, as a write needs them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.model import Outcome, Result
from tui.stores import StoreError
from tui.stores.local.mirroring import Hold, Seen
from tui.stores.reading import gallery_in, hosts_of
from tui.stores.supabase.faults import DENIED, MISSING_COLUMN, STATEMENT_TIMEOUT, ProjectError
from tui.stores.supabase.plain.pictures import with_sources
from tui.stores.supabase.plain.relations import Relations
from tui.stores.supabase.plain.remembered import KEY, MARK, Remembered, digest
from tui.stores.supabase.plain.rest import Rest, Row, among
from tui.stores.supabase.shape import Shape

PAGE = 1_000
"""Rows in one answer, the most that a project gives unless it is told otherwise."""

IDS = 100
"""Ids in one URL, some 4 KB: routers cut at 8."""

_NOT_KEPT = frozenset({"0A000", "XX000"})
"""What tables say that are kept in another way than PostgreSQL's own."""

_TITLES = ("year", "make", "model", "trim", "listing_title", "vin")
_YES = frozenset({"true", "tru", "tr", "t", "yes", "ye", "y", "on", "1"})
"""What the database reads as true."""

_SPACE = " \t\n\v\f\r"
"""What it does not look at around that."""

_REMEMBERED = f"remembered:origin_metadata->{KEY}"
_PARTS = (
    "image_urls:origin_metadata->image_urls",
    "images:origin_metadata->images",
    f"{MARK}:origin_metadata->>{MARK}",
    _REMEMBERED,
)
"""What a mirror needs of `origin_metadata`, which may hold much besides."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Live:
    """A vehicle at this moment: its columns, its image rows, and what it looks like in a mirror.

    `text` is the JSON of its `origin_metadata`, verbatim.
    """

    row: Row
    text: str
    metadata: Mapping[str, Any]
    remembered: Remembered
    seen: Seen

    @property
    def id(self) -> str:
        """The key of its row."""
        return self.seen.id

    @property
    def gallery(self) -> tuple[object, ...]:
        """Its source URLs."""
        return gallery_in(self.metadata)

    @property
    def images(self) -> Sequence[Row]:
        """Its image rows in order of position."""
        return self.row["photos"]  # type: ignore[no-any-return]

    @property
    def marked(self) -> bool:
        """Whether it is backfilled."""
        return MARK in json.loads(self.seen.metadata)


def is_id(text: str) -> bool:
    """Whether a vehicle may have this id; asking the database for any other is an error."""
    return _UUID.fullmatch(text) is not None


class Vehicles:
    """Reads vehicles; `guard` names the column that tells a row from its later self, "" where there is none.

    That is `xmin`, which PostgreSQL keeps for every row of a table, whoever writes it and however; a view has none, and
    `updated_at` has to do.
    """

    def __init__(self, rest: Rest, shape: Shape, guard: str, relations: Relations, source: str) -> None:
        self._rest = rest
        self._table = shape.vehicles
        self._size = PAGE
        self.relations = relations
        self.guard = guard
        self.source = source
        there = ("id", *_TITLES, "is_public", "origin_organization_id")
        self._columns = [*(name for name in there if shape.vehicles.has(name)), *filter(None, [guard])]
        self._more = [name for name in ("primary_image_url",) if shape.vehicles.has(name)]

    @classmethod
    async def open(cls, rest: Rest, shape: Shape, source: str) -> Vehicles:
        """Find out what can be asked. Raises ProjectError."""
        guard, relations = await asyncio.gather(_guard(rest, shape), Relations.open(rest, shape))
        return cls(rest, shape, guard, relations, source)

    async def page(self, after: str) -> tuple[list[Seen], bool]:
        """The vehicles next to an id ("" for the first) in order of ids, and whether there may be more."""
        terms = [("order", "id"), *([("id", f"gt.{after}")] if after else [])]
        began = time.monotonic()
        rows = await self._page(*terms)
        if not rows:
            return [], False
        first, last = rows[0]["id"], rows[-1]["id"]
        if not is_id(str(last)):
            raise StoreError(
                f"The table {self._table.name} has ids that are no UUIDs, such as {last}: this cannot be used."
            )
        more = self._rest.is_cut(rows, self._size)
        seen = await self._seen(rows, (("vehicle_id", f"gte.{first}"), ("vehicle_id", f"lte.{last}")))
        self.relations.learn(time.monotonic() - began)
        return seen, more

    async def _page(self, *terms: tuple[str, str]) -> list[Any]:
        while True:
            try:
                return await self._parts(*terms, ("limit", str(self._size)))
            except ProjectError as error:
                if error.code != STATEMENT_TIMEOUT or self._size == 1:
                    raise
                if not self.relations.give_up_embedding():
                    self._size = max(self._size // 4, 1)

    async def some(self, vehicle_ids: Iterable[str]) -> list[Seen]:
        """Those of the vehicles that are there, at most `IDS`."""
        named = among(vehicle_ids)
        return await self._seen(await self._parts(("id", named)), (("vehicle_id", named),))

    async def _parts(self, *terms: tuple[str, str]) -> list[Any]:
        select = [*self._columns, *_PARTS, *self.relations.select(whole=False)]
        return await self._rest.get(self._table.name, select, *terms, *self.relations.terms(self.source, whole=False))

    async def _seen(self, rows: Sequence[Row], where: Iterable[tuple[str, str]]) -> list[Seen]:
        joined = await self.relations.joined(rows, tuple(where), whole=False)
        return await asyncio.to_thread(lambda: [self._from_parts(row) for row in joined])

    def _from_parts(self, row: Row) -> Seen:
        metadata = {name: row.get(name) for name in ("image_urls", "images", MARK)}
        return self._look(row, metadata, Remembered.of(row.get("remembered")))

    async def live(self, vehicle_ids: Sequence[str]) -> dict[str, Live]:
        """Those of the vehicles that are there, whole, by id; at most `IDS`."""
        wanted = [name for name in vehicle_ids if is_id(name)]
        if not wanted:
            return {}
        named = among(wanted)
        select = [*self._columns, *self._more, "text:origin_metadata::text", *self.relations.select(whole=True)]
        terms = self.relations.terms(self.source, whole=True)
        rows = await self._rest.get(self._table.name, select, ("id", named), *terms)
        joined = await self.relations.joined(rows, (("vehicle_id", named),), whole=True)
        return {row["id"]: self.alive(row, row["text"] or "{}") for row in joined}

    async def remembered(self, vehicle_ids: Sequence[str]) -> dict[str, Remembered]:
        """What is remembered of those of the vehicles that are there; at most `IDS`."""
        wanted = [name for name in vehicle_ids if is_id(name)]
        if not wanted:
            return {}
        rows = await self._rest.get(self._table.name, ["id", _REMEMBERED], ("id", among(wanted)))
        return {row["id"]: Remembered.of(row["remembered"]) for row in rows}

    async def alike(self, vehicle_id: str, term: str) -> tuple[Remembered | None, Sequence[Row]]:
        """What is remembered of a vehicle, None where it is gone, and those of its image rows that a term finds."""
        row = await self.relations.alike(self._table, ["id", _REMEMBERED], vehicle_id, term)
        return (Remembered.of(row["remembered"]), row["photos"]) if row else (None, ())

    def alive(self, row: Row, text: str) -> Live:
        """A vehicle of these columns whose `origin_metadata` is this JSON."""
        content = json.loads(text)
        metadata = content if isinstance(content, dict) else {}
        remembered = Remembered.of(metadata.get(KEY))
        return Live(row, text, metadata, remembered, self._look(row, metadata, remembered))

    def _look(self, row: Row, metadata: Mapping[str, Any], remembered: Remembered) -> Seen:
        stored, ours = self.relations.counts(row, self.source)
        # Another gallery is a new chance.
        waits = (remembered.parked or remembered.retry_at is not None) and (
            remembered.gallery == digest(gallery_in(metadata))
        )
        return Seen(
            id=row["id"],
            version=self.version(row),
            columns=tuple(_plain(row.get(name)) for name in _TITLES),
            is_public="is_public" not in self._columns or row["is_public"] is True,
            metadata=_gallery_and_mark(metadata),
            organization_id=str(row.get("origin_organization_id") or self.relations.organization(row)),
            stored=stored,
            ours=ours,
            finals=_finals(remembered, ours),
            # A worker that had lost its lease may have written an image later.
            parked=remembered.parked and waits and not ours,
            retry_at=remembered.retry_at if waits else None,
            hold=remembered.hold and self._held(remembered.hold),
            outcomes=remembered.outcomes,
        )

    def _held(self, hold: Hold) -> Hold:
        return replace(hold, until=round(self._rest.clock.moment_here(hold.until), 2))

    def outcomes(self, live: Live) -> tuple[Outcome, ...]:
        """What became of a vehicle's candidates: what is remembered, and what its image rows tell."""
        found = {outcome.source_url: outcome for outcome in live.remembered.outcomes}
        for url in self.stored_urls(live, [*live.gallery, *found]):
            found[url] = Outcome(url, next(iter(hosts_of([url])), ""), Result.STORED)
        return tuple(found[url] for url in sorted(found))

    def stored_urls(self, live: Live, urls: Iterable[object]) -> set[str]:
        """The source URLs of a vehicle's images that are ours, as far as its rows tell; `urls` are what they may be."""
        ours = [image for image in live.images if self.relations.is_ours(image, self.source)]
        return {image["source_url"] for image in with_sources(ours, urls, self.source) if image["source_url"]}

    def version(self, row: Row) -> str:
        """What is another text once somebody has written the row."""
        return str(row.get(self.guard))


def _finals(remembered: Remembered, ours: int) -> int:
    """Candidates that are over and done with. An image row of ours stands for one that was stored."""
    stored = sum(outcome.result is Result.STORED for outcome in remembered.outcomes)
    return sum(outcome.final for outcome in remembered.outcomes) - stored + max(stored, ours)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _gallery_and_mark(metadata: Mapping[str, Any]) -> str:
    name = "image_urls" if metadata.get("image_urls") is not None else "images"
    kept = {name: metadata.get(name)} if metadata.get(name) is not None else {}
    mark = metadata.get(MARK)
    said = json.dumps(mark) if isinstance(mark, bool | int | float) else mark
    if isinstance(said, str) and said.strip(_SPACE).lower() in _YES:
        kept[MARK] = True
    return json.dumps(kept)


async def _guard(rest: Rest, shape: Shape) -> str:
    try:
        await rest.get(shape.vehicles.name, ["xmin"], ("limit", "1"))
    except ProjectError as error:
        if error.code not in MISSING_COLUMN | DENIED | _NOT_KEPT:
            raise
        return "updated_at" if shape.vehicles.has("updated_at") else ""
    return "xmin"


def unguarded(url: str) -> StoreError:
    """Why a project cannot be written to."""
    return StoreError(
        f"The project {url} keeps its vehicles where nothing tells whether somebody else has written to one of them, "
        "so that nothing can be run safely: give vehicles a column updated_at that a trigger keeps, or install the SQL "
        "that `backfill-tui schema` prints."
    )
