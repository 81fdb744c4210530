"""Gallery → ordered, normalised, de-duplicated, capped source URLs, and why each other was left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tui.images.noise import is_icon, is_svg, is_tracking_pixel, path_of
from tui.images.sizes import rendition
from tui.images.urls import host_of, normalise, without_controls

SHOWN = 300
"""Characters kept of an entry that is no URL; a `data:` image can be megabytes."""

# Only what a page must write as an entity: `&copy=2` in a query is a parameter, not a sign.
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#0*(?:38|39|34|32)|#[xX]0*(?:26|27|22|20));", re.IGNORECASE)


class Why(StrEnum):
    """Why a URL of a gallery is no candidate."""

    DUPLICATE = "duplicate"
    THUMBNAIL = "thumbnail"
    TRACKING_PIXEL = "tracking_pixel"
    ICON = "icon"
    SVG = "svg"
    NOT_A_URL = "not_a_url"
    OVER_CAP = "over_cap"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A source URL to fetch; `position` counts from 0 in gallery order."""

    position: int
    url: str
    host: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A gallery entry that is no candidate: its index in the gallery, its text, why, and the position it repeats."""

    index: int
    url: str
    why: Why
    of: int | None = None

    @property
    def words(self) -> str:
        """`left out: thumbnail of 2` as every face prints it, numbered from 1 as people count."""
        what = self.why.value.replace("_", " ")
        return f"left out: {what}" if self.of is None else f"left out: {what} of {self.of + 1}"


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a gallery comes to under a cap."""

    chosen: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]


def choose(urls: Sequence[object], cap: int) -> Candidates:
    """Candidates of a gallery, at most `cap` of them, in gallery order; a pure function of its arguments.

    An entry may be any JSON value: a string, or an object that keeps one under `url`, `src` or `href`. `of` counts
    positions before the cap, so it is `cap` or more where what is repeated is itself over the cap. Never raises.
    """
    entries = [_entry(index, value) for index, value in enumerate(urls)]
    photos = _Photos(entry for entry in entries if isinstance(entry, Candidate))
    chosen: list[Candidate] = []
    left_out: list[LeftOut] = []
    for entry in entries:
        verdict = photos.verdict(entry, cap) if isinstance(entry, Candidate) else entry
        if isinstance(verdict, Candidate):
            chosen.append(verdict)
        else:
            left_out.append(verdict)
    return Candidates(tuple(chosen), tuple(left_out))


class _Photos:
    """The different photos of a gallery, each by the URL of its largest rendition."""

    def __init__(self, entries: Iterable[Candidate]) -> None:
        sizes = {entry.url: rendition(entry.url) for entry in entries}
        largest: dict[str, str] = {}
        for url, it in sizes.items():
            if it.photo not in largest or it.size > sizes[largest[it.photo]].size:
                largest[it.photo] = url
        self._larger = {url: largest[it.photo] for url, it in sizes.items() if it.size < sizes[largest[it.photo]].size}
        self._positions = {url: place for place, url in enumerate(url for url in sizes if url not in self._larger)}
        self._seen: set[str] = set()

    def verdict(self, entry: Candidate, cap: int) -> Candidate | LeftOut:
        """What becomes of an entry, whose position is its index in the gallery; asked in gallery order."""
        index, url = entry.position, entry.url
        if url in self._larger:
            return LeftOut(index, url, Why.THUMBNAIL, self._positions[self._larger[url]])
        position = self._positions[url]
        if url in self._seen:
            return LeftOut(index, url, Why.DUPLICATE, position)
        self._seen.add(url)
        return replace(entry, position=position) if position < cap else LeftOut(index, url, Why.OVER_CAP)


def _entry(index: int, value: object) -> Candidate | LeftOut:
    text = _text(value)
    url = normalise(text)
    if url is None:
        why = Why.SVG if text.lower().startswith("data:image/svg") else Why.NOT_A_URL
        return LeftOut(index, text[:SHOWN].encode("utf-8", "replace").decode(), why)
    host, path = host_of(url), path_of(url)
    if is_svg(path):
        return LeftOut(index, url, Why.SVG)
    if is_tracking_pixel(host, path):
        return LeftOut(index, url, Why.TRACKING_PIXEL)
    return LeftOut(index, url, Why.ICON) if is_icon(host, path) else Candidate(index, url, host)


def _text(value: object) -> str:
    """The text of an entry, its entities decoded; what has no text is named by its type."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("url", "src", "href") if isinstance(value.get(key), str)), value)
    if not isinstance(value, str):
        return "null" if value is None else type(value).__name__
    text = without_controls(value)
    # Some pages encode twice. Each round is shorter than the last.
    while (decoded := without_controls(_ENTITY.sub(lambda entity: html.unescape(entity[0]), text))) != text:
        text = decoded
    return text
