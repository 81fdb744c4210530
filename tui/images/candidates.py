"""Gallery → ordered, normalised, de-duplicated, capped source URLs, and why each other was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a gallery comes to under a cap."""

    chosen: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]


def choose(urls: Sequence[object], cap: int) -> Candidates:
    """Candidates of a gallery, at most `cap` of them, in gallery order; a pure function of its arguments."""
    raise NotImplementedError
