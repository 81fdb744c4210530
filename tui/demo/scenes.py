"""Where the cars of the demo stand: a few places, each drawn once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw, ImageFilter

from tui.demo.pen import HEIGHT, WIDTH, Ink, Point, bands, smooth

_SIZE = (WIDTH, HEIGHT)


@cache
def scene(number: int) -> Image.Image:
    """The place of a number, any; do not draw on it."""
    return _PLACES[number % len(_PLACES)]()


def _ground(place: Image.Image, horizon: int, *inks: Ink) -> None:
    place.paste(bands((WIDTH, HEIGHT - horizon), 0, HEIGHT - horizon, *inks), (0, horizon))


def _ridge(place: Image.Image, points: list[Point], ink: Ink) -> None:
    ImageDraw.Draw(place).polygon([*smooth(points), (WIDTH, HEIGHT), (0, HEIGHT)], fill=ink)


def _glow(place: Image.Image, centre: Point, radius: float, ink: Ink) -> None:
    light = Image.new("L", _SIZE)
    (x, y), r = centre, radius
    ImageDraw.Draw(light).ellipse((x - r, y - r, x + r, y + r), fill=255)
    soft = light.filter(ImageFilter.GaussianBlur(radius * 0.6))
    place.paste(Image.new("RGB", _SIZE, ink[:3]), mask=soft)


def _showroom() -> Image.Image:
    place = bands(_SIZE, 0, 170, (208, 213, 219), (238, 240, 242))
    _glow(place, (240, 40), 90, (255, 255, 255))
    pen = ImageDraw.Draw(place)
    for x in range(40, WIDTH, 100):
        pen.line((x, 0, x, 172), fill=(216, 220, 225))
    _ground(place, 172, (176, 181, 187), (214, 217, 221))
    return place


def _coast() -> Image.Image:
    place = bands(_SIZE, 0, 130, (92, 158, 206), (206, 228, 238))
    _glow(place, (390, 50), 22, (255, 250, 226))
    _ground(place, 130, (42, 108, 140), (86, 156, 176))
    _ridge(place, [(0, 120), (60, 112), (130, 126), (190, 134)], (86, 118, 122))
    _ground(place, 164, (222, 204, 164), (198, 176, 132))
    _ground(place, 186, (112, 114, 118), (82, 84, 88))
    return place


def _hills() -> Image.Image:
    place = bands(_SIZE, 0, 170, (70, 76, 120), (228, 138, 106), (250, 206, 142))
    _glow(place, (120, 132), 24, (255, 238, 190))
    _ridge(place, [(0, 140), (90, 112), (190, 138), (300, 104), (400, 132), (WIDTH, 112)], (122, 92, 112))
    _ridge(place, [(0, 160), (120, 140), (250, 160), (360, 138), (WIDTH, 156)], (82, 78, 92))
    _ground(place, 178, (92, 88, 92), (58, 57, 62))
    return place


def _garage() -> Image.Image:
    place = bands(_SIZE, 0, 172, (58, 62, 70), (92, 96, 104))
    pen = ImageDraw.Draw(place)
    for y in range(0, 172, 14):
        pen.line((0, y, WIDTH, y), fill=(74, 78, 86))
    for x in (96, 240, 384):
        _glow(place, (x, 10), 34, (246, 224, 178))
    _ground(place, 172, (104, 106, 110), (138, 140, 144))
    return place


def _desert() -> Image.Image:
    place = bands(_SIZE, 0, 160, (132, 182, 214), (246, 226, 198))
    pen = ImageDraw.Draw(place)
    for left, top, right in ((20, 92, 130), (300, 78, 440)):
        pen.polygon([(left, 170), (left + 18, top), (right - 18, top), (right, 170)], fill=(186, 112, 82))
        pen.polygon([(left, 170), (left + 12, top + 30), (right - 12, top + 30), (right, 170)], fill=(168, 96, 70))
    _ground(place, 160, (214, 164, 112), (186, 132, 86))
    return place


def _pines() -> Image.Image:
    place = bands(_SIZE, 0, 170, (176, 196, 200), (222, 230, 226))
    pen = ImageDraw.Draw(place)
    for base, ink in ((150, (146, 170, 164)), (172, (86, 118, 106))):
        for i, x in enumerate(range(-10, WIDTH + 20, 26)):
            high = 58 + (i * 37 + base) % 34
            pen.polygon([(x - 18, base + 8), (x + 2, base - high), (x + 22, base + 8)], fill=ink)
    _ground(place, 172, (128, 122, 110), (96, 92, 84))
    return place


_PLACES: tuple[Callable[[], Image.Image], ...] = (_showroom, _coast, _hills, _garage, _desert, _pines)
