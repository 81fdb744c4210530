"""Records of a feed to listings: which column means what, and what makes a vehicle the same one next time."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping

from tui.listings import values
from tui.model import Listing

_ALIASES = {
    "dealership_name": "organization",
    "dealer_name": "organization",
    "organization_name": "organization",
    "organization": "organization",
    "vin": "vin",
    "year": "year",
    "make": "make",
    "model": "model",
    "trim": "trim",
    "mileage": "mileage",
    "price": "price",
    "asking_price": "price",
    "link": "link",
    "url": "link",
    "listing_url": "link",
    "title": "title",
    "listing_title": "title",
    "is_public": "is_public",
    "image_link": "image_urls",
    "additional_image_link": "image_urls",
    "additional_image_links": "image_urls",
    "image_urls": "image_urls",
    "image_url": "image_urls",
    "photo_urls": "image_urls",
    "photos": "image_urls",
    "images": "image_urls",
}

KNOWN = frozenset(_ALIASES)

_READERS = {
    "vin": values.vin,
    "year": values.year,
    "mileage": values.miles,
    "price": values.price,
    "is_public": values.truth,
}

_USEFUL = ("vin", "link", "year", "make", "model", "title")


@functools.lru_cache(1024)
def column(name: str) -> str:
    """A header name as this program compares them: `Image Link` and `g:image_link` are `image_link`."""
    return "_".join(name.strip().removeprefix("g:").replace("-", " ").casefold().split())


def listing_from(cells: Iterable[tuple[str, object]], organization: str | None = None) -> Listing | None:
    """A listing from the cells of a record, in order; None when nothing in them tells of a vehicle.

    A value that cannot be read, and any other column, is kept in `extra`.
    `organization` is where the record names none.
    """
    fields: dict[str, object] = {}
    extra: dict[str, object] = {}
    images: list[str] = []
    for name, value in cells:
        known = _ALIASES.get(name)
        if value is None or value == "":
            continue
        if known == "image_urls":
            images += values.urls(value)
        elif known is None or not _read(fields, known, value):
            extra[name] = value
    if not images and not any(name in fields for name in _USEFUL):
        return None
    fields["image_urls"] = tuple(dict.fromkeys(images))
    identity = _identity(fields, extra)
    fields.setdefault("organization", organization)
    return Listing(identity=identity, extra=extra, **fields)  # type: ignore[arg-type]


def _read(fields: dict[str, object], name: str, value: object) -> bool:
    """Set a field from a cell; whether the cell could be read whole."""
    found = _READERS.get(name, values.text)(value)
    if found is not None:
        fields.setdefault(name, found)
    return found is not None


def _identity(fields: Mapping[str, object], extra: Mapping[str, object]) -> str:
    for name in ("vin", "link"):
        if name in fields:
            return f"{name}:{fields[name]}"
    content = json.dumps([fields, extra], sort_keys=True, default=str)
    return f"content:{hashlib.sha256(content.encode()).hexdigest()}"
