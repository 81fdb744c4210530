"""Images that look like others: near duplicates in one vehicle, and placeholders that a host shows for many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from tui.model import Picture, Placeholder, StoredImage

NEAR = 4
"""Bits of 64 in which the perceptual hashes of one photo may differ.

Measured on 60 scenes: compressed again, scaled to half or to 160 pixels, brightened, all were within 4; cut by 2 %, 95
in 100 were; of 1,770 pairs of different scenes none was nearer than 8.
"""

TELLING = range(8, 57)
"""Set bits of a hash that tells one picture from others: a flat one has hardly any, or hardly none."""

VEHICLES = 5
"""Vehicles of one host with the same picture, from which on it is taken for a placeholder."""

MOST_SIGHTS = 10_000
MOST_NOTICED = 500


def _bits(perceptual_hash: str) -> int | None:
    """The hash as a number, None where it tells nothing."""
    try:
        bits = int(perceptual_hash, 16)
    except ValueError:
        return None
    return bits if bits.bit_count() in TELLING else None


@dataclass(slots=True)
class _Sight:
    vehicles: int
    url: str


class Placeholders:
    """Pictures by host, and for how many vehicles each was shown in this run.

    What was seen longest ago is forgotten first; a placeholder comes again and again.
    """

    def __init__(self) -> None:
        self._sights: OrderedDict[tuple[str, str], _Sight] = OrderedDict()
        self._noticed: dict[tuple[str, str], _Sight] = {}

    def see(self, host: str, look: str, url: str) -> tuple[bool, bool]:
        """One more vehicle has a picture: whether it is a placeholder, and whether that is news."""
        key = host, look
        if known := self._noticed.get(key):
            known.vehicles += 1
            return True, False
        sight = self._sights.pop(key, None) or _Sight(0, url)
        sight.vehicles += 1
        if sight.vehicles >= VEHICLES and len(self._noticed) < MOST_NOTICED:
            self._noticed[key] = sight
            return True, True
        self._sights[key] = sight
        if len(self._sights) > MOST_SIGHTS:
            self._sights.popitem(last=False)
        return False, False

    def noticed(self, most: int = 20) -> tuple[Placeholder, ...]:
        """The placeholders so far, those of most vehicles first."""
        found = [Placeholder(host, sight.vehicles, sight.url) for (host, _), sight in self._noticed.items()]
        return tuple(sorted(found, key=lambda one: -one.vehicles)[:most])


class Album:
    """What the images of one vehicle look like."""

    def __init__(self, stored: Iterable[StoredImage]) -> None:
        self._looks: list[tuple[int, str]] = []
        self._seen: set[str] = set()
        for image in stored:
            self._add(image.perceptual_hash, image.source_url)

    def earlier_like(self, picture: Picture, url: str) -> str:
        """The source URL of the nearest earlier image that looks the same, empty where there is none; it is one now."""
        bits = _bits(picture.perceptual_hash)
        near = [((bits ^ other).bit_count(), known) for other, known in self._looks] if bits is not None else []
        self._add(picture.perceptual_hash, url)
        distance, known = min(near, key=lambda one: one[0], default=(64, ""))
        return known if distance <= NEAR else ""

    def _add(self, perceptual_hash: str, url: str) -> None:
        bits = _bits(perceptual_hash)
        if bits is not None:
            self._looks.append((bits, url))

    def first_look(self, picture: Picture) -> str:
        """What tells a picture among those of a host; empty where this vehicle had it before."""
        look = picture.sha256 if _bits(picture.perceptual_hash) is None else picture.perceptual_hash
        if look in self._seen:
            return ""
        self._seen.add(look)
        return look
