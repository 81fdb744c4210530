"""Image rows of a project, with whatever columns it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from tui.model import StoredImage
from tui.stores.supabase.answering import image_from
from tui.stores.supabase.plain.rest import Row


def stored_images(rows: Iterable[Row]) -> tuple[StoredImage, ...]:
    """The images in some rows."""
    return tuple(map(image_from, rows))


def with_sources(rows: Sequence[Row], urls: Iterable[object], source: str) -> list[Row]:
    """The rows with their source URLs. Where there is no column for them, those of ours are told by their addresses."""
    known = [url for url in urls if isinstance(url, str)]
    return [row if "source_url" in row else {**row, "source_url": _source_of(row, known, source)} for row in rows]


def _source_of(row: Row, urls: Sequence[str], source: str) -> str | None:
    name = str(row["image_url"]).rpartition("/")[2]
    extension = name.rpartition(".")[2]
    return next((url for url in urls if _name(url, extension, source) == name), None)


def _name(url: str, extension: str, source: str) -> str:
    """What the object of a source URL is called."""
    digest = hashlib.sha1(f"{url}|{extension}".encode(), usedforsecurity=False).hexdigest()
    return f"{source}_{digest}.{extension}"
