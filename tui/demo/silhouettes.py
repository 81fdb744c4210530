"""Cars from the side, seven bodies.

They are drawn in units of a thousandth of the car's length, x from its nose, y up from the ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from tui.demo.catalogue import Body
from tui.demo.pen import Ink, Pen, Point, smooth

GROUND = 236.0
_LEFT, _UNIT = 52.0, 0.376

DARK: Ink = (22, 24, 28)
TYRE: Ink = (26, 27, 30)
CHROME: Ink = (206, 211, 217)
STEEL: Ink = (138, 144, 152)
SEAM: Ink = (10, 10, 12, 130)
LAMP: Ink = (250, 238, 196)
TAIL: Ink = (196, 32, 30)
AMBER: Ink = (238, 150, 40)
GLASS: tuple[Ink, Ink] = ((126, 152, 172), (44, 58, 72))
GLINT: Ink = (186, 206, 220)


@dataclass(frozen=True, slots=True)
class Side:
    """A body from its left side; `panes` are windows, `doors` the x of its seams, `sill` the height of its floor."""

    outline: tuple[Point, ...]
    panes: tuple[tuple[Point, ...], ...]
    doors: tuple[float, ...]
    belt: float
    wheels: tuple[float, float] = (190, 808)
    wheel: float = 76
    sill: float = 62


SIDES: dict[Body, Side] = {
    Body.COUPE: Side(
        outline=(
            (4, 96),
            (6, 150),
            (26, 186),
            (26, 186),
            (160, 214),
            (330, 230),
            (330, 230),
            (420, 306),
            (470, 326),
            (560, 330),
            (632, 318),
            (742, 246),
            (742, 246),
            (900, 236),
            (982, 222),
            (982, 222),
            (996, 150),
            (992, 88),
        ),
        panes=(
            ((366, 238), (430, 298), (474, 313), (540, 316), (540, 238)),
            ((556, 238), (556, 316), (620, 306), (706, 240)),
        ),
        doors=(352, 610),
        belt=226,
    ),
    Body.FASTBACK: Side(
        outline=(
            (2, 98),
            (8, 138),
            (40, 172),
            (130, 204),
            (270, 220),
            (340, 226),
            (340, 226),
            (428, 292),
            (492, 312),
            (560, 310),
            (660, 284),
            (780, 240),
            (900, 208),
            (972, 186),
            (994, 150),
            (994, 88),
        ),
        panes=(
            ((372, 230), (438, 284), (492, 301), (556, 300), (556, 230)),
            ((570, 230), (570, 298), (650, 278), (716, 236)),
        ),
        doors=(360, 604),
        belt=218,
    ),
    Body.SEDAN: Side(
        outline=(
            (2, 100),
            (6, 160),
            (26, 194),
            (26, 194),
            (170, 220),
            (316, 234),
            (316, 234),
            (396, 322),
            (444, 342),
            (560, 348),
            (660, 340),
            (706, 324),
            (790, 246),
            (790, 246),
            (930, 240),
            (988, 226),
            (988, 226),
            (998, 150),
            (994, 90),
        ),
        panes=(
            ((350, 244), (408, 316), (446, 330), (520, 333), (520, 244)),
            ((534, 244), (534, 333), (640, 328), (650, 244)),
            ((662, 244), (656, 325), (696, 312), (752, 248)),
        ),
        doors=(338, 527, 690),
        belt=232,
    ),
    Body.WAGON: Side(
        outline=(
            (2, 100),
            (6, 160),
            (26, 196),
            (26, 196),
            (170, 220),
            (310, 236),
            (310, 236),
            (388, 326),
            (440, 346),
            (600, 352),
            (820, 346),
            (910, 330),
            (910, 330),
            (972, 240),
            (990, 222),
            (998, 150),
            (994, 90),
        ),
        panes=(
            ((344, 246), (400, 320), (442, 333), (510, 336), (510, 246)),
            ((524, 246), (524, 337), (664, 336), (664, 246)),
            ((678, 246), (678, 335), (820, 331), (886, 318), (930, 248)),
        ),
        doors=(332, 517, 671),
        belt=234,
    ),
    Body.SUV: Side(
        outline=(
            (6, 120),
            (6, 210),
            (20, 244),
            (20, 244),
            (160, 258),
            (286, 266),
            (286, 266),
            (344, 384),
            (380, 404),
            (560, 410),
            (860, 406),
            (938, 392),
            (938, 392),
            (980, 262),
            (992, 220),
            (994, 112),
        ),
        panes=(
            ((312, 274), (354, 376), (384, 390), (486, 393), (486, 274)),
            ((502, 274), (502, 394), (660, 395), (660, 274)),
            ((676, 274), (676, 395), (850, 392), (916, 380), (950, 274)),
        ),
        doors=(302, 494, 668),
        belt=260,
        wheel=90,
        sill=92,
        wheels=(184, 806),
    ),
    Body.TRUCK: Side(
        outline=(
            (4, 118),
            (4, 200),
            (18, 236),
            (18, 236),
            (160, 250),
            (276, 258),
            (276, 258),
            (336, 366),
            (372, 384),
            (520, 388),
            (566, 376),
            (584, 262),
            (584, 262),
            (986, 262),
            (986, 262),
            (994, 240),
            (994, 240),
            (994, 108),
        ),
        panes=(
            ((304, 266), (346, 360), (376, 371), (448, 373), (448, 266)),
            ((460, 266), (460, 373), (516, 374), (552, 364), (566, 266)),
        ),
        doors=(296, 454, 590),
        belt=252,
        wheel=88,
        sill=90,
        wheels=(180, 800),
    ),
    Body.ROADSTER: Side(
        outline=(
            (2, 92),
            (8, 140),
            (40, 172),
            (140, 200),
            (290, 216),
            (388, 222),
            (388, 222),
            (404, 204),
            (404, 204),
            (640, 204),
            (640, 204),
            (662, 224),
            (662, 224),
            (800, 220),
            (920, 202),
            (976, 182),
            (996, 140),
            (992, 84),
        ),
        panes=(((392, 224), (446, 286), (456, 284), (412, 220)),),
        doors=(410, 630),
        belt=204,
    ),
}


def side(pen: Pen, body: Body) -> None:
    """The whole car, its nose to the left."""
    shape = SIDES[body]
    shadow(pen, 30, 450)
    if body is Body.ROADSTER:
        _cockpit(pen)
    outline = smooth(shape.outline)
    pen.paint(_place([(outline[0][0] + 8, shape.sill), *outline, (outline[-1][0] - 8, shape.sill)]))
    pen.shade(_place([(0, max(y for _, y in shape.outline))])[0][1], GROUND - 20)
    _seams(pen, shape, body)
    for pane in shape.panes:
        _pane(pen, _place(pane))
    _trimmings(pen, shape)
    for x in shape.wheels:
        wheel(pen, _place([(x, shape.wheel)])[0], shape.wheel * _UNIT)


def _place(points: Sequence[Point]) -> list[Point]:
    return [(_LEFT + x * _UNIT, GROUND - y * _UNIT) for x, y in points]


def shadow(pen: Pen, left: float, right: float) -> None:
    """What a car throws on the ground between two x."""
    middle, half = (left + right) / 2, (right - left) / 2
    for share, alpha in ((1.0, 34), (0.96, 62), (0.92, 92), (0.88, 122)):
        pen.disc((middle, GROUND - 1), half * share, (8, 9, 12, alpha), 0.045)


def _cockpit(pen: Pen) -> None:
    for x in (488, 580):
        pen.slab(_corners(x, 262, x + 44, 180), 6, (44, 38, 36))
    pen.line(_place([(420, 240), (452, 212)]), DARK, 3)


def _corners(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
    (x0, y0), (x1, y1) = _place([(left, top), (right, bottom)])
    return x0, y0, x1, y1


def _pane(pen: Pen, pane: list[Point]) -> None:
    pen.blend(pane, *GLASS)
    xs = [x for x, _ in pane]
    middle = (min(xs) + max(xs)) / 2
    top, bottom = min(y for _, y in pane), max(y for _, y in pane)
    pen.glint([(middle + 2, top), (middle + 12, top), (middle - 8, bottom), (middle - 18, bottom)], pane, GLINT)
    pen.line([*pane, pane[0]], DARK, 1.2)


def _seams(pen: Pen, shape: Side, body: Body) -> None:
    low = shape.sill + 26
    for x in shape.doors:
        pen.line(_place([(x, shape.belt), (x + 4, low)]), SEAM, 1)
    pen.line(_place([(shape.doors[0] + 4, low), (shape.doors[-1] + 4, low)]), SEAM, 1)
    pen.line(_place([(24, shape.belt - 40), (980, shape.belt - 40)]), (255, 255, 255, 110), 1.1)
    for x in shape.doors[1:] if body is not Body.TRUCK else shape.doors[1:2]:
        pen.slab(_corners(x - 46, shape.belt - 18, x - 14, shape.belt - 28), 1.5, CHROME)


def _trimmings(pen: Pen, shape: Side) -> None:
    """Lamps, bumpers, the dark sill and the wheel arches."""
    nose, tail = shape.outline[0][1], shape.outline[-1][1]
    pen.slab(_corners(120, shape.sill + 14, 880, shape.sill - 2), 2, DARK)
    pen.slab(_corners(-4, nose + 22, 70, nose - 8), 3, CHROME)
    pen.slab(_corners(936, tail + 30, 1004, tail), 3, CHROME)
    pen.disc(_place([(34, nose + 62)])[0], 6.5, LAMP, 1.25)
    pen.slab(_corners(64, nose + 52, 92, nose + 40), 1.5, AMBER)
    pen.slab(_corners(968, tail + 92, 992, tail + 46), 2, TAIL)
    for x in shape.wheels:
        pen.disc(_place([(x, shape.wheel)])[0], shape.wheel * _UNIT * 1.15, DARK)


def wheel(pen: Pen, centre: Point, radius: float) -> None:
    """A tyre on a five-spoke rim."""
    pen.disc(centre, radius, TYRE)
    pen.ring(centre, radius * 0.9, (52, 54, 58), radius * 0.035)
    pen.disc(centre, radius * 0.66, CHROME)
    pen.disc(centre, radius * 0.58, (74, 78, 84))
    for i in range(5):
        angle = 2 * pi * i / 5 - pi / 2
        tip = (centre[0] + cos(angle) * radius * 0.6, centre[1] + sin(angle) * radius * 0.6)
        pen.line([centre, tip], CHROME, radius * 0.17)
    pen.disc(centre, radius * 0.2, STEEL)
    pen.disc(centre, radius * 0.1, DARK)
