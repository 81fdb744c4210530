"""What the listings of the demo world show: photos, and the noise that real galleries are full of."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tui.demo.cars import Car
from tui.demo.temperaments import HOSTS, Act, Manner

LONG_EVERY = 14
"""One gallery in this many goes beyond the default cap of 20."""

LONGEST = 28
"""Photos of the longest gallery; noise comes on top."""


class Encoding(StrEnum):
    """The file formats of the demo's images; the value is Pillow's name in lower case."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def mime_type(self) -> str:
        """The media type, e.g. `image/jpeg`."""
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        """How file names end."""
        return "jpg" if self is Encoding.JPEG else self.value


_MIXES: dict[str, tuple[int, int, int, int]] = {
    "bilder.koenig.example": (64, 0, 28, 8),
    "cdn.lotpix.example": (97, 0, 3, 0),
    "img.redbarn.example": (86, 14, 0, 0),
    "img.empireexotics.example": (95, 3, 0, 2),
}
_COMMON_MIX = (97, 1, 2, 0)


@dataclass(frozen=True, slots=True)
class Photo:
    """An image of a car as its host serves it: `number` counts from 1, `target` is path and query."""

    host: str
    target: str
    car: Car
    number: int
    of: int
    encoding: Encoding
    act: Act = Act.GOOD

    @property
    def shown(self) -> int:
        """The number of the photo that it shows: a twin has the bytes of the first."""
        return 1 if self.act is Act.TWIN else self.number

    @property
    def url(self) -> str:
        """Where listings say it is."""
        return f"http://{self.host}{self.target}"


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a gallery: the JSON value as extracted, and its photo, or in one word why it is none."""

    raw: object
    photo: Photo | None = None
    noise: str = ""


def gallery_sizes(rng: random.Random, low: int, high: int, count: int) -> list[int]:
    """Photo counts for the cars of a dealer, evenly spread over its range, some far beyond; the same sum always."""
    sizes = [low + i * (high - low + 1) // count for i in range(count)]
    for i in range(count // LONG_EVERY):
        sizes[i] = LONGEST - (5 * i) % 8
    if count >= LONG_EVERY:
        sizes[-1] = 2
    rng.shuffle(sizes)
    return sizes


def build_photos(rng: random.Random, car: Car, count: int) -> list[Photo]:
    """The photos of a car, all of them good so far, on one of its dealer's hosts."""
    host = rng.choice(car.dealer.hosts)
    mix = _MIXES.get(host, _COMMON_MIX)
    photos = []
    for number in range(1, count + 1):
        encoding = rng.choices(tuple(Encoding), mix)[0]
        photos.append(Photo(host, _target(host, car, number, encoding), car, number, count, encoding))
    return photos


def _target(host: str, car: Car, number: int, encoding: Encoding) -> str:
    match host:
        case "cdn.lotpix.example":  # this one keeps `.jpg` whatever it sends
            return f"/v2/{car.stock}/{number:02d}.jpg"
        case "static.dealerbox.example":
            return f"/photo?stock={car.stock}&n={number}"
        case "bilder.koenig.example":
            return f"/bilder/{car.stock}/{number:02d}.{encoding.extension}"
        case _:
            return f"/inventory/{car.slug}-{car.stock}/{number:02d}.{encoding.extension}"


def plain(photos: list[Photo]) -> list[Item]:
    """A gallery without noise; some pages leave the entities of HTML in their URLs."""
    return [Item(photo.url.replace("&", "&amp;") if photo.number % 3 == 0 else photo.url, photo) for photo in photos]


def noisy(rng: random.Random, photos: list[Photo]) -> list[Item]:
    """A gallery with one to three pieces of noise; what repeats a photo comes after it."""
    items = plain(photos)
    for make in rng.sample(_NOISES, rng.randint(1, 3)):
        at = rng.randint(2, len(items))
        items.insert(at, make(photos[0]))
    if rng.random() < 0.5:
        items[1] = Item(f"  {items[1].raw}\n", items[1].photo)
    return items


def _pixel(first: Photo) -> Item:
    return Item(f"http://{first.host}/pixel.gif?ev=view", noise="tracking_pixel")


def _icon(first: Photo) -> Item:
    return Item(f"{first.car.dealer.website}favicon.ico", noise="icon")


def _chrome(first: Photo) -> Item:
    return Item(f"{first.car.dealer.website}assets/chevron.svg", noise="svg")


def _repeat(first: Photo) -> Item:
    return Item(first.url.replace("&", "&amp;"), noise="duplicate")


def _thumbnail(first: Photo) -> Item:
    return Item(f"{first.url}{'&' if '?' in first.url else '?'}w=94", noise="thumbnail")


_NOISES: tuple[Callable[[Photo], Item], ...] = (
    _pixel,
    _icon,
    _chrome,
    _repeat,
    _thumbnail,
    lambda _: Item("", noise="not_a_url"),
    lambda _: Item(None, noise="not_a_url"),
    lambda _: Item("javascript:void(0)", noise="not_a_url"),
)


def may_act_up(photo: Photo) -> bool:
    """Whether a photo may be given a trouble: not the first, within the default cap, on a host that is no trouble."""
    return 1 < photo.number <= 20 and HOSTS[photo.host] in (Manner.FAST, Manner.SLOW)
