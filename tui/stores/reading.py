"""What is in the rows of every store: galleries, hosts, sizes, options, and the words for where a vehicle stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tui.model import Look, RunOptions, Scope, State, StoredImage


def gallery_in(metadata: Mapping[str, object]) -> tuple[object, ...]:
    """The URL list in a decoded `origin_metadata`: `image_urls`, or `images` where that is missing."""
    gallery = metadata.get("image_urls")
    if gallery is None:
        gallery = metadata.get("images")
    if isinstance(gallery, str):
        try:
            # A list that was encoded twice, or one bare URL.
            gallery = json.loads(gallery, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return (gallery,) if str(gallery).strip(" ") else ()
    return tuple(gallery) if isinstance(gallery, list) else ()


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def hosts_of(urls: Iterable[object]) -> tuple[str, ...]:
    """The hosts of some URLs, each once, in order."""
    found: dict[str, None] = {}
    for url in urls:
        if isinstance(url, str):
            try:
                host = urlsplit(url.strip()).hostname
            except ValueError:
                continue
            if host:
                found[host] = None
    return tuple(found)


def note_of(state: State, reason: str | None, *, stored: int, urls: int, waits: bool) -> str:
    """Why a vehicle is parked (`reason` is the most common one), how far a partial one is, and whether it waits."""
    notes = []
    if state is State.PARKED:
        notes.append((reason or "no usable URL").replace("_", " "))
    if state is State.PARTIAL:
        notes.append(f"{stored}/{urls}")
    if waits:
        notes.append("retry later")
    return " · ".join(notes)


def variants_of(image: StoredImage) -> dict[str, object]:
    """What `variants` holds of an image; what is not known of it is left out."""
    original: dict[str, object] = {"width": image.width, "height": image.height}
    if image.orientation:
        original["orientation"] = image.orientation
    if image.perceptual_hash:
        original["perceptual_hash"] = image.perceptual_hash
    variants: dict[str, object] = {"original": original}
    if image.similar_to:
        variants["similar_to"] = image.similar_to
    if image.placeholder:
        variants["placeholder"] = True
    return variants


def image_values(image: StoredImage, source: str) -> dict[str, Any]:
    """The columns of an image's row that follow from the image, by name; `taken_at` and `variants` are not encoded."""
    return {
        "vehicle_id": image.vehicle_id,
        "image_url": image.image_url,
        "storage_path": image.storage_path,
        "file_hash": image.file_hash,
        "file_size": image.file_size,
        "mime_type": image.mime_type,
        "filename": image.storage_path.rpartition("/")[2],
        "source": source,
        "source_url": image.source_url,
        "position": image.position,
        "taken_at": image.taken_at,
        "variants": variants_of(image),
    }


_FROM_ORIGINAL = {"width": 0, "height": 0, "orientation": 0, "perceptual_hash": ""}
_FROM_VARIANTS = {"similar_to": "", "placeholder": False}


def looks_in(variants: object) -> dict[str, Any]:
    """The fields of a StoredImage that a decoded `variants` tells, the others empty."""
    known = variants if isinstance(variants, dict) else {}
    original = known.get("original")
    looks = _fields(original if isinstance(original, dict) else {}, _FROM_ORIGINAL) | _fields(known, _FROM_VARIANTS)
    if not (looks["width"] and looks["height"]):
        looks["width"] = looks["height"] = 0
    return looks


def _fields(known: Mapping[str, object], empty: Mapping[str, object]) -> dict[str, Any]:
    values = {name: known.get(name, default) for name, default in empty.items()}
    return {name: value if type(value) is type(empty[name]) else empty[name] for name, value in values.items()}


def look_from(row: Mapping[str, Any]) -> Look:
    """The look that a row's `vehicle_id`, `source_url`, `file_hash` and `perceptual_hash` tell."""
    return Look(*(str(row[name] or "") for name in ("vehicle_id", "source_url", "file_hash", "perceptual_hash")))


def moment_in(text: object) -> datetime | None:
    """A time in a row, in UTC where it does not tell its zone; None for none and for what is no time."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def options_from(saved: Mapping[str, Any]) -> RunOptions:
    """Run options that were saved as JSON."""
    rest = _known(RunOptions, saved)
    scope = _known(Scope, rest.pop("scope", None) or {})
    lists: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in scope.items()}
    return RunOptions(scope=Scope(**lists), **rest)


def _known(kind: type[RunOptions | Scope], saved: Mapping[str, Any]) -> dict[str, Any]:
    """What was saved of a noun, without what a later version of this program may know of it."""
    names = {item.name for item in fields(kind)}
    return {key: value for key, value in saved.items() if key in names}


def scope_text(scope: Scope) -> str:
    """A text that is equal for scopes that name the same vehicles, in whatever order."""
    parts = astuple(scope)
    return json.dumps([sorted(set(field)) if isinstance(field, tuple) else field for field in parts])
