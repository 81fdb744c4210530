"""Cars from the front and the rear, seven bodies."""

from __future__ import annotations

from dataclasses import dataclass

from tui.demo.catalogue import Body
from tui.demo.pen import Pen, Point, smooth
from tui.demo.silhouettes import (
    AMBER,
    CHROME,
    DARK,
    GLASS,
    GLINT,
    GROUND,
    LAMP,
    SEAM,
    STEEL,
    TAIL,
    TYRE,
    shadow,
)


@dataclass(frozen=True, slots=True)
class End:
    """A body from the front or the rear, in pixels: half widths and heights above the ground."""

    half: float
    belt: float
    roof: float
    roof_half: float
    clearance: float = 24


ENDS: dict[Body, End] = {
    Body.COUPE: End(106, 98, 146, 66),
    Body.FASTBACK: End(108, 92, 136, 64, 20),
    Body.SEDAN: End(104, 102, 154, 72),
    Body.WAGON: End(104, 104, 158, 76),
    Body.SUV: End(108, 120, 186, 84, 34),
    Body.TRUCK: End(110, 118, 176, 78, 34),
    Body.ROADSTER: End(104, 90, 122, 62, 20),
}
_MIDDLE = 240.0


def front(pen: Pen, body: Body) -> None:
    """The car as it comes towards you."""
    end = _end(pen, body)
    top, low = GROUND - end.belt, GROUND - end.clearance
    grille = top + (low - top) * 0.42
    pen.blend(_across(end.half * 0.52, grille, end.half * 0.46, low - 22), (30, 32, 36), (62, 66, 72))
    for i in range(1, 5):
        y = grille + (low - 22 - grille) * i / 5
        pen.line(_across(end.half * 0.5, y, end.half * 0.5, y)[:2], STEEL, 1.2)
    for sign in (-1, 1):
        lamp = (_MIDDLE + sign * end.half * 0.74, grille + 12)
        pen.disc(lamp, 17, CHROME)
        pen.disc(lamp, 14, LAMP)
        pen.disc((lamp[0] - 4, lamp[1] - 4), 5, (255, 252, 236))
        pen.slab((lamp[0] - 12, lamp[1] + 20, lamp[0] + 12, lamp[1] + 26), 2, AMBER)
    _bumper(pen, end)


def rear(pen: Pen, body: Body) -> None:
    """The car as it leaves."""
    end = _end(pen, body)
    top, low = GROUND - end.belt, GROUND - end.clearance
    lid = top + (low - top) * 0.2
    pen.line(_across(end.half * 0.8, lid, end.half * 0.74, lid + 40)[:2], SEAM, 1.4)
    for sign in (-1, 1):
        x = _MIDDLE + sign * end.half * 0.74
        pen.slab((x - 20, lid + 12, x + 20, lid + 34), 5, (92, 14, 16))
        pen.slab((x - 18, lid + 14, x + 18, lid + 25), 4, TAIL)
        pen.slab((x - 18, lid + 26, x + 18, lid + 32), 3, AMBER)
        pen.disc((_MIDDLE + sign * end.half * 0.5, low + 4), 5, STEEL)
        pen.disc((_MIDDLE + sign * end.half * 0.5, low + 4), 3.4, DARK)
    pen.slab((_MIDDLE - 28, lid + 12, _MIDDLE + 28, lid + 34), 2, (240, 240, 232))
    pen.slab((_MIDDLE - 22, lid + 19, _MIDDLE + 22, lid + 27), 1, (64, 78, 118))
    _bumper(pen, end)


def _across(top_half: float, top: float, bottom_half: float, bottom: float) -> list[Point]:
    """A trapezoid about the middle, from its top left clockwise."""
    return [
        (_MIDDLE - top_half, top),
        (_MIDDLE + top_half, top),
        (_MIDDLE + bottom_half, bottom),
        (_MIDDLE - bottom_half, bottom),
    ]


def _end(pen: Pen, body: Body) -> End:
    end = ENDS[body]
    belt, roof, low = GROUND - end.belt, GROUND - end.roof, GROUND - end.clearance
    shadow(pen, _MIDDLE - end.half - 18, _MIDDLE + end.half + 18)
    for sign in (-1, 1):
        x = _MIDDLE + sign * (end.half - 20)
        pen.slab((x - 15, low - 22, x + 15, GROUND), 5, TYRE)
    if body is not Body.ROADSTER:
        pen.paint(_rounded(end.roof_half, roof, end.half * 0.86, belt + 4))
    pen.paint(_rounded(end.half * 0.93, belt, end.half, low))
    pen.shade(roof, low + 8)
    glass = _across(end.roof_half - 8, roof + 8, end.half * 0.86 - 12, belt - 1)
    pen.blend(glass, *GLASS)
    pen.glint([(210, roof), (232, roof), (204, belt), (182, belt)], glass, GLINT)
    pen.line([*glass, glass[0]], DARK, 1.5)
    for sign in (-1, 1):
        x = _MIDDLE + sign * (end.half + 2)
        pen.slab((x - 9, belt - 12, x + 9, belt + 1), 4, DARK)
    pen.line(_across(end.half * 0.9, belt + 9, 0, 0)[:2], (255, 255, 255, 120), 1.4)
    return end


def _rounded(top_half: float, top: float, bottom_half: float, bottom: float) -> list[Point]:
    left = [(-bottom_half, bottom), (-bottom_half, bottom - 6), (-top_half - 3, top + 14), (-top_half + 10, top + 2)]
    right = [(-x, y) for x, y in reversed(left)]
    crown = [*left, (0.0, top - 3), *right]
    return [(_MIDDLE + x, y) for x, y in smooth(crown)]


def _bumper(pen: Pen, end: End) -> None:
    low = GROUND - end.clearance
    pen.slab((_MIDDLE - end.half - 4, low - 16, _MIDDLE + end.half + 4, low - 3), 5, STEEL)
    pen.slab((_MIDDLE - end.half - 4, low - 16, _MIDDLE + end.half + 4, low - 9), 4, CHROME)
