"""Images that look like others: near duplicates in one vehicle, and placeholders that a host shows for many."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from tui.images.urls import host_of, normalise
from tui.model import Look, Picture, Placeholder, Problem, StoredImage
from tui.stores import Store

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


def look_of(perceptual_hash: str, sha256: str) -> str:
    """What tells a picture among those of a host."""
    return sha256 if _bits(perceptual_hash) is None else perceptual_hash


class Sight(NamedTuple):
    """A vehicle that a host shows a picture for, as the first of its pictures that look like that."""

    host: str
    look: str
    url: str


class Seen(Enum):
    """What is known of a picture once one more vehicle was seen with it."""

    RARE = auto()
    NEARLY = auto()  # the next vehicle makes it a placeholder
    NEWS = auto()  # a placeholder from now on
    PLACEHOLDER = auto()


@dataclass(slots=True)
class _Count:
    vehicles: int
    url: str


class Placeholders:
    """Pictures by host, and for how many vehicles each was shown.

    What was seen longest ago is forgotten first; a placeholder comes again and again. Where a run has several
    processes, `tell` hands each sight to the one that counts them all: it is the one that has news, and what it finds
    out is to be learned here.
    """

    def __init__(self) -> None:
        self.tell: Callable[[Sight], object] | None = None
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._noticed: dict[tuple[str, str], _Count] = {}

    def recall(self, looks: Sequence[Look]) -> None:
        """Count what was stored before, the newest first; a placeholder is news again once it is seen again."""
        known: set[tuple[str, str, str]] = set()
        for look in reversed(looks):
            if (url := normalise(look.source_url)) is None:
                continue
            key = host_of(url), look_of(look.perceptual_hash, look.file_hash)
            if (vehicle := (look.vehicle_id, *key)) not in known:
                known.add(vehicle)
                self._count(key, url)

    def _count(self, key: tuple[str, str], url: str) -> _Count:
        count = self._counts.pop(key, None) or _Count(0, url)
        count.vehicles += 1
        self._counts[key] = count
        if len(self._counts) > MOST_SIGHTS:
            self._counts.popitem(last=False)
        return count

    def see(self, sight: Sight) -> Seen:
        """One more vehicle has a picture."""
        if self.tell:
            self.tell(sight)
        key = sight.host, sight.look
        if known := self._noticed.get(key):
            known.vehicles += 1
            return Seen.PLACEHOLDER
        count = self._count(key, sight.url)
        if count.vehicles >= VEHICLES and len(self._noticed) < MOST_NOTICED:
            self._noticed[key] = self._counts.pop(key)
            return Seen.PLACEHOLDER if self.tell else Seen.NEWS
        return Seen.NEARLY if count.vehicles == VEHICLES - 1 else Seen.RARE

    def learn(self, sight: Sight) -> None:
        """Take a picture for a placeholder from the next vehicle on."""
        key = sight.host, sight.look
        count = self._counts.pop(key, None) or _Count(0, sight.url)
        self._noticed.setdefault(key, count)

    def noticed(self, most: int = 20) -> tuple[Placeholder, ...]:
        """The placeholders so far, those of most vehicles first."""
        found = [Placeholder(host, count.vehicles, count.url) for (host, _), count in self._noticed.items()]
        return tuple(sorted(found, key=lambda one: -one.vehicles)[:most])

    def to_learn(self) -> tuple[Sight, ...]:
        """The pictures that are placeholders from the next vehicle on, wherever it is."""
        nearly = {key: count for key, count in self._counts.items() if count.vehicles >= VEHICLES - 1}
        return tuple(Sight(host, look, count.url) for (host, look), count in (self._noticed | nearly).items())


async def recall(placeholders: Placeholders, store: Store) -> None:
    """Begin with the looks that a store knows; where it cannot be asked, with none."""
    with contextlib.suppress(Problem):
        placeholders.recall(await store.looks(MOST_SIGHTS))


def news_of(sight: Sight) -> str:
    """What is said once of a placeholder."""
    return f"{sight.host} shows the same picture for {VEHICLES} vehicles or more, a placeholder it seems: {sight.url}"


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
        look = look_of(picture.perceptual_hash, picture.sha256)
        if look in self._seen:
            return ""
        self._seen.add(look)
        return look
