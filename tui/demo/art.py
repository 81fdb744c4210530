"""Photos that were never taken: real image files that show which car they belong to.

A photo costs some two milliseconds: shapes and places are drawn once and kept, a photo only puts them together.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from tui.demo import closeups, ends, silhouettes
from tui.demo.cars import Car
from tui.demo.catalogue import DEALERS, Body, Colour
from tui.demo.galleries import Encoding
from tui.demo.pen import HEIGHT, WIDTH, Layers, Pen
from tui.demo.scenes import scene

SIZE = (WIDTH, 320)

_BAR = (19, 21, 25)
_BRIGHT = (246, 247, 248)
_SOFT = (172, 179, 188)
_INK = (34, 37, 42)
_MARGIN = 16

_SAVING: dict[Encoding, dict[str, Any]] = {
    Encoding.JPEG: {"quality": 84},
    Encoding.PNG: {"compress_level": 1},
    Encoding.WEBP: {"quality": 76, "method": 0},
    Encoding.AVIF: {"quality": 62, "speed": 10, "max_threads": 1},
}

Label = Callable[[ImageDraw.ImageDraw, Car], None]


@dataclass(frozen=True, slots=True)
class View:
    """One of the things that are photographed; `inside` ones show upholstery, without a place around."""

    name: str
    draw: Callable[[Pen, Body], None]
    zoom: float = 1.0
    focus: tuple[float, float] = (WIDTH / 2, HEIGHT / 2)
    mirrored: bool = False
    any_body: bool = False
    inside: bool = False
    label: Label | None = None


def _anyhow(draw: Callable[[Pen], None], pen: Pen, body: Body) -> None:
    draw(pen)


def _mileage(pen: ImageDraw.ImageDraw, car: Car) -> None:
    pen.text((240, 177), f"{car.mileage:07,} mi", font=_font(17), fill=_INK, anchor="mm")


def _stamped(pen: ImageDraw.ImageDraw, car: Car) -> None:
    lines = (
        (92, 17, car.make.upper()),
        (122, 15, f"MODEL YEAR {car.year}"),
        (158, 25, car.vin),
        (190, 12, "VEHICLE IDENTIFICATION"),
    )
    for y, size, text in lines:
        pen.text((240, y), text, font=_font(size), fill=_INK, anchor="mm")


VIEWS = (
    View("driver side", silhouettes.side),
    View("front", ends.front),
    View("rear", ends.rear),
    View("passenger side", silhouettes.side, mirrored=True),
    View("dashboard", partial(_anyhow, closeups.dashboard), any_body=True, inside=True),
    View("engine", partial(_anyhow, closeups.engine), any_body=True),
    View("front seats", partial(_anyhow, closeups.seats), any_body=True, inside=True),
    View("wheel", partial(_anyhow, closeups.rim), any_body=True),
    View("odometer", partial(_anyhow, closeups.instruments), any_body=True, inside=True, label=_mileage),
    View("front quarter", silhouettes.side, zoom=1.7, focus=(165, 178)),
    View("rear quarter", silhouettes.side, zoom=1.7, focus=(325, 178)),
    View("headlight", ends.front, zoom=2.3, focus=(184, 182)),
    View("tail light", ends.rear, zoom=2.3, focus=(296, 182)),
    View("VIN plate", partial(_anyhow, closeups.plate), any_body=True, label=_stamped),
    View("door", silhouettes.side, zoom=2.1, focus=(245, 165)),
    View("far side, front", silhouettes.side, zoom=1.7, focus=(165, 178), mirrored=True),
)


def view_of(number: int) -> View:
    """What the photo of a number, from 1, shows; after the last view it starts again."""
    return VIEWS[(number - 1) % len(VIEWS)]


def draw(car: Car, number: int, of: int, encoding: Encoding) -> bytes:
    """The file of photo `number` of a car: the same bytes for the same arguments and version of Pillow."""
    file = io.BytesIO()
    picture(car, number, of).save(file, encoding.value, **_SAVING[encoding])
    return file.getvalue()


def picture(car: Car, number: int, of: int) -> Image.Image:
    """Photo `number` of a car, before it is encoded."""
    view = view_of(number)
    photo = _scene(car, number)
    pen = ImageDraw.Draw(photo)
    if view.label:
        view.label(pen, car)
    photo.paste(_caption(car), (0, HEIGHT))
    note = _note(number, of)
    pen.bitmap((WIDTH - _MARGIN - note.width, HEIGHT + 40 - note.height // 2), note, fill=_SOFT)
    return photo


def _scene(car: Car, number: int) -> Image.Image:
    view, place = VIEWS.index(view_of(number)), DEALERS.index(car.dealer) + (number - 1) // len(VIEWS)
    if VIEWS[view].any_body:
        return _closeup(view, car.upholstery if VIEWS[view].inside else car.paint).copy()
    return _painted(_backdrop(place).copy(), _layers(view, car.body), car.paint)


def _painted(stage: Image.Image, layers: Layers, colour: Colour) -> Image.Image:
    stage.paste(colour, layers.at, layers.mask)
    stage.paste(layers.details, layers.at, layers.details)
    return stage


@cache
def _closeup(view: int, colour: Colour) -> Image.Image:
    return _painted(_backdrop(0).copy(), _layers(view, Body.SEDAN), colour)


@cache
def _backdrop(place: int) -> Image.Image:
    backdrop = Image.new("RGB", SIZE, _BAR)
    backdrop.paste(scene(place))
    return backdrop


@cache
def _layers(view: int, body: Body) -> Layers:
    shown = VIEWS[view]
    pen = Pen(shown.zoom, shown.focus)
    shown.draw(pen, body)
    layers = pen.layers()
    return _mirrored(layers) if shown.mirrored else layers


def _mirrored(layers: Layers) -> Layers:
    flip = Image.Transpose.FLIP_LEFT_RIGHT
    left = WIDTH - layers.at[0] - layers.mask.width
    return Layers((left, layers.at[1]), layers.mask.transpose(flip), layers.details.transpose(flip))


@lru_cache(64)  # the photos of a car are asked for at about the same time
def _caption(car: Car) -> Image.Image:
    """The bar below the photo: title and dealer."""
    bar = Image.new("RGB", (WIDTH, SIZE[1] - HEIGHT), _BAR)
    pen = ImageDraw.Draw(bar)
    pen.rectangle((0, 0, WIDTH, 2), fill=car.paint)
    pen.text((_MARGIN, 20), _fitting(car.title), font=_font(20), fill=_BRIGHT, anchor="lm")
    pen.text((_MARGIN, 40), _legible(car.dealer.name), font=_font(13), fill=_SOFT, anchor="lm")
    return bar


@lru_cache(1024)
def _note(number: int, of: int) -> Image.Image:
    """Which photo it is, as a mask: few texts serve all the world."""
    text = f"photo {number} of {of}  ·  {view_of(number).name}"
    width = round(_font(13).getlength(text)) + 2
    note = Image.new("L", (width, 18))
    ImageDraw.Draw(note).text((width, 9), text, font=_font(13), fill=255, anchor="rm")
    return note


@cache
def _fitting(title: str) -> str:
    """The title as far as it fits."""
    text, room = _legible(title), WIDTH - 2 * _MARGIN
    if _font(20).getlength(text) <= room:
        return text
    while _font(20).getlength(f"{text}...") > room:
        text = text[:-1]
    return f"{text}..."


def _legible(text: str) -> str:
    """The text without accents and what cannot be printed: Pillow's own font has little more than ASCII."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(sign for sign in plain if sign.isprintable())


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which the demo's photos are lettered with.")
    return font
