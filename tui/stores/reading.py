"""What is in the rows of every store: galleries, hosts, sizes, options, and the words for where a vehicle stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import Any
from urllib.parse import urlsplit

from tui.model import RunOptions, Scope, State


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


def size_in(variants: object) -> tuple[int, int]:
    """Width and height in a decoded `variants`, 0 where it does not tell."""
    original = variants.get("original") if isinstance(variants, dict) else None
    if not isinstance(original, dict):
        return 0, 0
    width, height = original.get("width"), original.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def options_from(saved: Mapping[str, Any]) -> RunOptions:
    """Run options that were saved as JSON."""
    rest = {key: value for key, value in saved.items() if key != "scope"}
    scope: Mapping[str, Any] = saved.get("scope") or {}
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in scope.items()}
    return RunOptions(scope=Scope(**fields), **rest)


def scope_text(scope: Scope) -> str:
    """A text that is equal for scopes that name the same vehicles, in whatever order."""
    fields = astuple(scope)
    return json.dumps([sorted(set(field)) if isinstance(field, tuple) else field for field in fields])
