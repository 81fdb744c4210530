"""Drawing in vectors, three times as large as shown, so that edges come out smooth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from PIL import Image, ImageChops, ImageDraw

WIDTH, HEIGHT = 480, 268
"""The stage in pixels; the caption comes below it."""

SCALE = 3

Point = tuple[float, float]
Ink = tuple[int, int, int] | tuple[int, int, int, int]

_LIGHT: tuple[Ink, ...] = ((255, 255, 255, 96), (255, 255, 255, 0), (0, 0, 0, 120))


@dataclass(frozen=True, slots=True)
class Layers:
    """A drawing to be painted: where `mask` is set comes the paint, and over it the details, both from `at` on."""

    at: tuple[int, int]
    mask: Image.Image
    details: Image.Image


def smooth(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """An open curve through the points (Catmull-Rom); a point given twice makes a corner."""
    curve: list[Point] = []
    padded = [points[0], *points, points[-1]]
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        if b != c:  # between the two points of a corner a spline would make a loop
            curve += [_spline(a, b, c, d, i / steps) for i in range(steps)]
    return [*curve, points[-1]]


def _spline(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    x, y = (
        q + t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p))) / 2
        for p, q, r, s in zip(a, b, c, d, strict=True)
    )
    return x, y


class Pen:
    """Draws in pixels of the stage, y downwards, looking closer by `zoom` at the point `focus`."""

    def __init__(self, zoom: float = 1.0, focus: Point = (WIDTH / 2, HEIGHT / 2)) -> None:
        self._zoom, self._focus = zoom, focus
        size = (WIDTH * SCALE, HEIGHT * SCALE)
        self._mask = Image.new("L", size)
        self._details = Image.new("RGBA", size)
        self._on_mask = ImageDraw.Draw(self._mask)
        self._on_details = ImageDraw.Draw(self._details)

    def paint(self, points: Sequence[Point]) -> None:
        """A surface that takes the paint."""
        self._on_mask.polygon(self._put(points), fill=255)

    def shade(self, top: float, bottom: float) -> None:
        """Light from above on the painted surfaces: bright at `top`, dark at `bottom`."""
        box = self._mask.getbbox() or (0, 0, 1, 1)
        size = (box[2] - box[0], box[3] - box[1])
        light = _ramp(size, self._y(top) - box[1], self._y(bottom) - box[1], _LIGHT)
        self._details.paste(light, box[:2], self._mask.crop(box))

    def fill(self, points: Sequence[Point], ink: Ink) -> None:
        """A flat polygon."""
        self._on_details.polygon(self._put(points), fill=ink)

    def blend(self, points: Sequence[Point], *inks: Ink) -> None:
        """A polygon filled from its top to its bottom with a gradient of inks."""
        area, (left, top) = self._area(points)
        self._details.paste(_ramp(area.size, 0, area.height, inks), (left, top), area)

    def glint(self, points: Sequence[Point], within: Sequence[Point], ink: Ink) -> None:
        """A polygon as far as it lies within another."""
        pane, (left, top) = self._area(within)
        streak = Image.new("L", pane.size)
        ImageDraw.Draw(streak).polygon([(x - left, y - top) for x, y in self._put(points)], fill=255)
        self._details.paste(ink, (left, top), ImageChops.multiply(streak, pane))

    def line(self, points: Sequence[Point], ink: Ink, width: float = 1.0) -> None:
        """A stroke, `width` pixels wide."""
        self._on_details.line(
            self._put(points), fill=ink, width=max(1, round(width * self._zoom * SCALE)), joint="curve"
        )

    def disc(self, centre: Point, radius: float, ink: Ink, flat: float = 1.0) -> None:
        """A filled circle, or an ellipse `flat` times as high."""
        self._on_details.ellipse(self._box(centre, radius, flat), fill=ink)

    def ring(self, centre: Point, radius: float, ink: Ink, width: float) -> None:
        """A circle line."""
        thick = max(1, round(width * self._zoom * SCALE))
        self._on_details.ellipse(self._box(centre, radius, 1.0), outline=ink, width=thick)

    def slab(self, box: tuple[float, float, float, float], radius: float, ink: Ink) -> None:
        """A rectangle with round corners."""
        (left, top), (right, bottom) = self._put(((box[0], box[1]), (box[2], box[3])))
        corners = radius * self._zoom * SCALE
        self._on_details.rounded_rectangle((left, top, right, bottom), corners, fill=ink)

    def cut(self, centre: Point, radius: float) -> None:
        """Take the paint away in a circle."""
        self._on_mask.ellipse(self._box(centre, radius, 1.0), fill=0)

    def layers(self) -> Layers:
        """What was drawn, at the size it is shown."""
        drawn = ImageChops.lighter(self._mask, self._details.getchannel("A")).getbbox() or (0, 0, 1, 1)
        box = (drawn[0] // SCALE, drawn[1] // SCALE, -(-drawn[2] // SCALE), -(-drawn[3] // SCALE))
        large = (box[0] * SCALE, box[1] * SCALE, box[2] * SCALE, box[3] * SCALE)
        # Weighted by their opacity while they are reduced, or transparent black would darken every edge.
        details = self._details.crop(large).convert("RGBa").reduce(SCALE).convert("RGBA")
        return Layers(box[:2], self._mask.crop(large).reduce(SCALE), details)

    @property
    def _size(self) -> tuple[int, int]:
        return self._mask.size

    def _put(self, points: Sequence[Point]) -> list[Point]:
        return [(self._x(x), self._y(y)) for x, y in points]

    def _area(self, points: Sequence[Point]) -> tuple[Image.Image, tuple[int, int]]:
        """A polygon as a mask that is no larger than it, and where that lies."""
        placed = self._put(points)
        xs, ys = [x for x, _ in placed], [y for _, y in placed]
        left, top = int(max(0.0, min(xs))), int(max(0.0, min(ys)))
        right, bottom = min(self._size[0], max(xs)), min(self._size[1], max(ys))
        area = Image.new("L", (max(1, int(right - left) + 1), max(1, int(bottom - top) + 1)))
        ImageDraw.Draw(area).polygon([(x - left, y - top) for x, y in placed], fill=255)
        return area, (left, top)

    def _x(self, x: float) -> float:
        return ((x - self._focus[0]) * self._zoom + WIDTH / 2) * SCALE

    def _y(self, y: float) -> float:
        return ((y - self._focus[1]) * self._zoom + HEIGHT / 2) * SCALE

    def _box(self, centre: Point, radius: float, flat: float) -> tuple[float, float, float, float]:
        (x, y), r = centre, radius
        (left, top), (right, bottom) = self._put(((x - r, y - r * flat), (x + r, y + r * flat)))
        return left, top, right, bottom


def _ramp(size: tuple[int, int], top: float, bottom: float, inks: Sequence[Ink]) -> Image.Image:
    """Horizontal bands that go from the first ink at `top` to the last at `bottom`."""
    height = -(-size[1] // SCALE)  # finer than what is shown would be for nothing
    rows = (_between(inks, (y * SCALE - top) / max(1.0, bottom - top)) for y in range(height))
    column = Image.frombytes("RGBA", (1, height), bytes(chain.from_iterable(rows)))
    return column.resize(size, Image.Resampling.NEAREST)


def _between(inks: Sequence[Ink], share: float) -> tuple[int, ...]:
    place = min(max(share, 0.0), 1.0) * (len(inks) - 1)
    first = min(int(place), len(inks) - 2) if len(inks) > 1 else 0
    a, b = _opaque(inks[first]), _opaque(inks[min(first + 1, len(inks) - 1)])
    return tuple(round(x + (y - x) * (place - first)) for x, y in zip(a, b, strict=True))


def _opaque(ink: Ink) -> tuple[int, ...]:
    return ink if len(ink) == 4 else (*ink, 255)


def bands(size: tuple[int, int], top: float, bottom: float, *inks: Ink) -> Image.Image:
    """An opaque picture that goes from the first ink at `top` to the last at `bottom`."""
    return _ramp(size, top, bottom, inks).convert("RGB")
