"""The demo world: who sells which car, what its pages show, and what has to become of every image."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from tui.demo.cars import Car, build_cars, hostile
from tui.demo.catalogue import DEALERS, Dealer
from tui.demo.galleries import Item, Photo, build_photos, gallery_sizes, may_act_up, noisy, plain
from tui.demo.temperaments import FATES, HOSTS, TROUBLES, Act, Fate
from tui.model import Result, State

SEED = 1967

DEFAULT_CAP = 20

SEEDED_IMAGES = 2
"""How many images of a partial vehicle an earlier run had stored when it was interrupted."""


class Standing(StrEnum):
    """What is special about a vehicle before the first run."""

    ORDINARY = "ordinary"
    DEAD = "dead"  # every URL is gone
    EMPTY = "empty"  # a URL list without a URL
    LEGACY = "legacy"  # the list is under the old key `images`
    PRIVATE = "private"
    MARKED = "marked"  # its metadata says that it is backfilled
    FOREIGN = "foreign"  # image rows from elsewhere
    PARTIAL = "partial"  # the first images stored by an interrupted run


SPECIAL: dict[Standing, int] = {
    Standing.EMPTY: 6,
    Standing.LEGACY: 5,
    Standing.PRIVATE: 6,
    Standing.MARKED: 2,
    Standing.FOREIGN: 4,
    Standing.PARTIAL: 5,
}
DEAD_VEHICLES = 9
_GRAVEYARD = "old.oldmill.example"
_NOISY_EVERY = 7

_SKIPPED = {
    Standing.EMPTY: State.EMPTY,
    Standing.MARKED: State.BACKFILLED,
    Standing.FOREIGN: State.HAS_IMAGES,
}
_INITIAL = _SKIPPED | {Standing.PARTIAL: State.PARTIAL}


@dataclass(frozen=True, slots=True)
class DemoVehicle:
    """A car with its gallery and where it stands at first."""

    car: Car
    standing: Standing
    items: tuple[Item, ...]

    @property
    def photos(self) -> tuple[Photo, ...]:
        """The candidates of its gallery, in order, before any cap."""
        return tuple(item.photo for item in self.items if item.photo)

    @property
    def is_public(self) -> bool:
        """Whether the marketplace shows it."""
        return self.standing is not Standing.PRIVATE

    @property
    def claimable(self) -> bool:
        """Whether a run has something to do here, if it may."""
        return self.standing not in _SKIPPED


@dataclass(frozen=True, slots=True)
class Totals:
    """What a first run has to report: its vehicles, images by result, refused ones by reason.

    `already` images were stored before it and are not in `stored`.
    """

    vehicles: int
    stored: int
    duplicate: int
    refused: int
    already: int
    refusals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to become of the world in a complete run of `vehicles` vehicles under `cap`.

    `images` has the source URL of every candidate of the run's vehicles, `states` the final state of every
    vehicle by VIN, those included that no run touches.
    """

    cap: int
    vehicles: int
    images: Mapping[str, Fate]
    states: Mapping[str, State]
    already: frozenset[str]

    @property
    def totals(self) -> Totals:
        """The sums of `images`."""
        ended = [fate for url, fate in self.images.items() if url not in self.already]
        results = Counter(fate.result for fate in ended)
        return Totals(
            vehicles=self.vehicles,
            stored=results[Result.STORED],
            duplicate=results[Result.DUPLICATE],
            refused=results[Result.REFUSED],
            already=len(self.already),
            refusals=dict(Counter(fate.reason.value for fate in ended if fate.reason)),
        )


@dataclass(frozen=True)
class World:
    """Everything there is, a pure function of the seed."""

    seed: int
    vehicles: tuple[DemoVehicle, ...]
    dealers: tuple[Dealer, ...] = DEALERS
    hosts: tuple[str, ...] = field(default=tuple(HOSTS))

    def expected(self, cap: int = DEFAULT_CAP, *, include_private: bool = False) -> Expected:
        """What a complete run has to come to."""
        run = [v for v in self.vehicles if v.claimable and (v.is_public or include_private)]
        images = {photo.url: FATES[photo.act] for v in run for photo in v.photos[:cap]}
        states = self.initial | {v.car.vin: _ending(v, cap) for v in run}
        return Expected(cap, len(run), images, states, frozenset(p.url for p in self.seeded))

    @cached_property
    def initial(self) -> dict[str, State]:
        """The state of every vehicle before the first run, by VIN."""
        return {v.car.vin: _INITIAL.get(v.standing, State.READY) for v in self.vehicles}

    @cached_property
    def seeded(self) -> tuple[Photo, ...]:
        """The photos that are stored before the first run."""
        return tuple(p for v in self.of(Standing.PARTIAL) for p in v.photos[:SEEDED_IMAGES])

    @cached_property
    def fingerprint(self) -> str:
        """Differs between two worlds that differ in any URL or temperament."""
        told = "\n".join(f"{p.url} {p.act} {p.of} {p.encoding}" for p in self.photos())
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def of(self, standing: Standing) -> tuple[DemoVehicle, ...]:
        """The vehicles of a standing."""
        return tuple(vehicle for vehicle in self.vehicles if vehicle.standing is standing)

    def photos(self) -> Iterator[Photo]:
        """Every photo of every gallery."""
        for vehicle in self.vehicles:
            yield from vehicle.photos


def _ending(vehicle: DemoVehicle, cap: int) -> State:
    fates = [FATES[photo.act].result for photo in vehicle.photos[:cap]]
    return State.BACKFILLED if Result.STORED in fates else State.PARKED


def build_world(seed: int = SEED) -> World:
    """The world of a seed: there is as much of everything in all of them, in other places."""
    rng = random.Random(seed)
    cars = build_cars(rng)
    albums = _albums(rng, cars)
    standings = _standings(rng, cars, albums)
    _bury(rng, albums, standings)
    _trouble(rng, albums, standings)
    noise = set(rng.sample(range(len(cars)), len(cars) // _NOISY_EVERY))
    vehicles = (
        DemoVehicle(car, standing, _items(rng, album, standing, i in noise))
        for i, (car, album, standing) in enumerate(zip(cars, albums, standings, strict=True))
    )
    return World(seed, tuple(vehicles))


def _albums(rng: random.Random, cars: list[Car]) -> list[list[Photo]]:
    albums: list[list[Photo]] = []
    for dealer in DEALERS:
        of_dealer = [car for car in cars if car.dealer is dealer]
        sizes = gallery_sizes(rng, *dealer.photos, len(of_dealer))
        albums.extend(build_photos(rng, car, size) for car, size in zip(of_dealer, sizes, strict=True))
    return albums


def _standings(rng: random.Random, cars: list[Car], albums: list[list[Photo]]) -> list[Standing]:
    """Deal out the special standings; the dead lie with the dealer whose host is old."""
    standings = [Standing.ORDINARY] * len(cars)
    graves = [i for i, album in enumerate(albums) if album[0].host == _GRAVEYARD and len(album) > 2]
    for i in rng.sample(graves, DEAD_VEHICLES):
        standings[i] = Standing.DEAD
    middling = [i for i, album in enumerate(albums) if 5 <= len(album) <= 15 and album[0].host != _GRAVEYARD]
    places = iter(rng.sample(middling, sum(SPECIAL.values()) + 1))
    for standing, count in SPECIAL.items():
        for _ in range(count):
            standings[next(places)] = standing
    _rename(cars, albums, next(places))
    return standings


def _rename(cars: list[Car], albums: list[list[Photo]], place: int) -> None:
    cars[place] = hostile(cars[place])
    albums[place] = [replace(photo, car=cars[place]) for photo in albums[place]]


def _bury(rng: random.Random, albums: list[list[Photo]], standings: list[Standing]) -> None:
    for album, standing in zip(albums, standings, strict=True):
        if standing is Standing.DEAD:
            album[:] = [replace(photo, act=rng.choice((Act.NOT_FOUND, Act.GONE))) for photo in album]


def _trouble(rng: random.Random, albums: list[list[Photo]], standings: list[Standing]) -> None:
    """Give out the troubles among the photos of ordinary vehicles, half of the missing ones on the old host."""
    free = [
        (i, photo.number)
        for i, album in enumerate(albums)
        if standings[i] is Standing.ORDINARY
        for photo in album
        if may_act_up(photo)
    ]
    rng.shuffle(free)
    old = [place for place in free if albums[place[0]][0].host == _GRAVEYARD][: TROUBLES[Act.NOT_FOUND] // 2]
    taken = set(old)
    places = iter(old + [place for place in free if place not in taken])
    for act, count in TROUBLES.items():
        for _ in range(count):
            i, number = next(places)
            encoding = albums[i][0 if act is Act.TWIN else number - 1].encoding
            albums[i][number - 1] = replace(albums[i][number - 1], act=act, encoding=encoding)


def _items(rng: random.Random, album: list[Photo], standing: Standing, noise: bool) -> tuple[Item, ...]:
    if standing is Standing.EMPTY:
        return ()
    busy = noise and standing is Standing.ORDINARY and len(album) > 2
    return tuple(noisy(rng, album) if busy else plain(album))
