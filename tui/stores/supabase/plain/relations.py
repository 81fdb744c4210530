"""What other tables say about vehicles: their images and their organizations.

Where the database knows of a foreign key they come embedded in the rows of vehicles, else in requests of their own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tui.stores.supabase.faults import ProjectError
from tui.stores.supabase.plain.rest import Rest, Row
from tui.stores.supabase.shape import Shape, Table

ROWS = 1_000

SLOW = 0.5
"""Seconds for a page of vehicles."""

_IMAGE = (
    *("id", "vehicle_id", "image_url", "storage_path", "file_hash", "file_size", "mime_type", "source", "source_url"),
    *("position", "is_primary", "taken_at", "variants", "created_at"),
)
_NO_RELATIONSHIP, _MANY_RELATIONSHIPS = "PGRST200", 300

Term = tuple[str, str]


class Relations:
    """Asks for the image rows of vehicles, or counts them, and for the organization of those whose row names none."""

    def __init__(self, rest: Rest, shape: Shape, *, images_embed: bool, links_embed: bool) -> None:
        self._rest = rest
        self._images = shape.images
        self._links = shape.links if shape.links.has("vehicle_id", "organization_id") else Table("")
        self._images_embed = images_embed
        self._embedded_took: float | None = None
        self._links_embed = links_embed
        self.image_columns = [name for name in _IMAGE if shape.images.has(name)]

    @classmethod
    async def open(cls, rest: Rest, shape: Shape) -> Relations:
        """Find out which foreign keys there are. Raises ProjectError."""
        images, links = await asyncio.gather(
            _embeds(rest, shape.vehicles, shape.images), _embeds(rest, shape.vehicles, shape.links)
        )
        return cls(rest, shape, images_embed=images, links_embed=links)

    def learn(self, took: float) -> None:
        """Learn from a page of vehicles that took so many seconds.

        Without an index on the images' `vehicle_id`, embedding looks at every image for every vehicle, and asking for
        them apart only once. Where embedding is slow, the other way is tried, and the better one kept.
        """
        if self._images_embed and self._embedded_took is None and took > SLOW:
            self._images_embed, self._embedded_took = False, took
        elif self._embedded_took is not None and took > self._embedded_took:
            self._images_embed, self._embedded_took = True, float("inf")

    def give_up_embedding(self) -> bool:
        """Ask for images apart from now on; False where that is done already."""
        embedded, self._images_embed, self._embedded_took = self._images_embed, False, float("inf")
        return embedded

    def select(self, *, whole: bool) -> list[str]:
        """What to ask of vehicles: their images, `whole` or as counts, and their organization."""
        images = f"{self._images.name}!vehicle_id"
        parts = []
        if self._images_embed and whole:
            parts.append(f"photos:{images}({','.join(self.image_columns)})")
        elif self._images_embed:
            # Without a column for the source only the address tells, and that has to be looked at.
            ours = "count" if self._images.has("source") else "vehicle_id,image_url"
            parts += [f"stored:{images}(count)", f"ours:{images}({ours})"]
        if self._links and self._links_embed:
            parts.append(f"links:{self._links.name}!vehicle_id(organization_id)")
        return parts

    def terms(self, source: str, *, whole: bool) -> list[Term]:
        """The terms that go with `select`."""
        terms = []
        if self._images_embed and whole:
            terms.append(("photos.order", self._order))
        elif self._images_embed:
            terms.append(self._ours(source, "ours."))
        if self._links and self._links_embed:
            terms += [(f"links.{name}", value) for name, value in self._link_terms()]
            terms.append(("links.limit", "1"))
        return terms

    @property
    def _order(self) -> str:
        names = [name for name in ("position", "created_at", "id") if self._images.has(name)]
        return ",".join(f"{name}.asc.nullslast" for name in names or ["image_url"])

    def _ours(self, source: str, prefix: str = "") -> Term:
        if self._images.has("source"):
            return f"{prefix}source", f"eq.{source}"
        pattern = f"/{source}/{source}_".replace("\\", "\\\\").replace("_", "\\_")
        return f"{prefix}image_url", f"like.*{pattern}*"

    def _link_terms(self) -> list[Term]:
        order = ",".join(name for name in ("created_at", "organization_id") if self._links.has(name))
        return [("order", order), *([("status", "eq.active")] if self._links.has("status") else [])]

    async def joined(self, rows: Sequence[Row], where: tuple[Term, ...], *, whole: bool) -> Sequence[Row]:
        """Rows of vehicles with what was not embedded in them; `where` finds what refers to them by `vehicle_id`."""
        # By the rows themselves: another page may have changed the way since these were asked for.
        if rows and not {"photos", "stored"} & set(rows[0]):
            telling = "source" if self._images.has("source") else "image_url"
            columns = self.image_columns if whole else ["vehicle_id", telling]
            images = await self._referring(self._images, columns, where)
            rows = [{**row, "photos": sorted(images[row["id"]], key=_place)} for row in rows]
        if self._links and not self._links_embed:
            columns = [name for name in ("vehicle_id", "organization_id", "created_at") if self._links.has(name)]
            active = [term for term in self._link_terms() if term[0] != "order"]
            links = await self._referring(self._links, columns, (*where, *active))
            rows = [{**row, "links": sorted(links[row["id"]], key=_age)} for row in rows]
        return rows

    async def _referring(self, table: Table, columns: Iterable[str], where: Iterable[Term]) -> Mapping[str, list[Row]]:
        """All rows of a table by the vehicle that they refer to."""
        found: dict[str, list[Row]] = defaultdict(list)
        after: tuple[Term, ...] = ()
        while rows := await self._rest.get(
            table.name, columns, *where, *after, ("order", "vehicle_id"), ("limit", str(ROWS))
        ):
            last = rows[-1]["vehicle_id"]
            cut = self._rest.is_cut(rows, ROWS)
            # Cut, it may be in the middle of the last vehicle, which is asked for again unless it is the only one.
            again = cut and rows[0]["vehicle_id"] != last
            for row in rows:
                if not again or row["vehicle_id"] != last:
                    found[row["vehicle_id"]].append(row)
            if not cut:
                break
            after = (("vehicle_id", f"{'gte' if again else 'gt'}.{last}"),)
        return found

    async def alike(self, vehicles: Table, columns: list[str], vehicle_id: str, term: str) -> Row | None:
        """Columns of a vehicle, None where it is gone, and those of its image rows (`photos`) that a term finds."""
        this = f"eq.{vehicle_id}"
        if self._images_embed:
            photos = f"photos:{self._images.name}!vehicle_id({','.join(self.image_columns)})"
            rows = await self._rest.get(vehicles.name, [*columns, photos], ("id", this), ("photos.or", term))
            return rows[0] if rows else None
        images, rows = await asyncio.gather(
            self._rest.get(self._images.name, self.image_columns, ("vehicle_id", this), ("or", term)),
            self._rest.get(vehicles.name, columns, ("id", this)),
        )
        return {**rows[0], "photos": images} if rows else None

    def counts(self, row: Row, source: str) -> tuple[int, int]:
        """How many images a vehicle has, and how many of them are ours."""
        if "photos" in row:
            return len(row["photos"]), sum(self.is_ours(image, source) for image in row["photos"])
        if self._images.has("source"):
            return row["stored"][0]["count"], row["ours"][0]["count"]
        return row["stored"][0]["count"], sum(self.is_ours(image, source) for image in row["ours"])

    def is_ours(self, image: Row, source: str) -> bool:
        """Whether a backfill wrote an image row."""
        if self._images.has("source"):
            return bool(image["source"] == source)
        return f"/{image['vehicle_id']}/{source}/{source}_" in image["image_url"]

    def organization(self, row: Row) -> str:
        """The first active organization that refers to a vehicle, "" where none does."""
        links = row.get("links")
        return str(links[0]["organization_id"] or "") if links else ""


def _place(image: Row) -> tuple[object, ...]:
    position = image.get("position")
    return (position is None, position or 0, image.get("created_at") or "", image.get("id") or "")


def _age(link: Row) -> tuple[str, str]:
    return (link.get("created_at") or "", link["organization_id"] or "")


async def _embeds(rest: Rest, vehicles: Table, table: Table) -> bool:
    """Whether rows of a table can be asked for with the vehicles that their `vehicle_id` refers to."""
    if not table.has("vehicle_id"):
        return False
    try:
        await rest.get(vehicles.name, ["id", f"{table.name}!vehicle_id(vehicle_id)"], ("limit", "0"))
    except ProjectError as error:
        if error.code != _NO_RELATIONSHIP and error.status != _MANY_RELATIONSHIPS:
            raise
        return False
    return True
