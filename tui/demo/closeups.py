"""Cars from inside and from near: dashboard, seats, engine, wheel, instruments, plate."""

from __future__ import annotations

from math import cos, pi, sin

from tui.demo.pen import HEIGHT, WIDTH, Ink, Pen, Point, smooth
from tui.demo.silhouettes import CHROME, DARK, STEEL, wheel

_NEEDLE: Ink = (232, 74, 46)
_DIAL: Ink = (18, 20, 24)


def dashboard(pen: Pen) -> None:
    """Steering wheel and instruments below the windscreen; the dash takes the colour of the upholstery."""
    pen.blend(_rectangle(0, 0, WIDTH, 120), (150, 186, 208), (214, 222, 220))
    pen.fill([(0, 104), (120, 86), (250, 100), (380, 82), (WIDTH, 98), (WIDTH, 130), (0, 130)], (112, 132, 118))
    pen.fill([(0, 0), (38, 0), (0, 120)], DARK)
    pen.fill([(WIDTH, 0), (WIDTH - 38, 0), (WIDTH, 120)], DARK)
    pen.slab((196, 8, 284, 34), 8, (36, 38, 42))
    crown = smooth([(0, 128), (80, 112), (240, 106), (400, 112), (WIDTH, 128)])
    pen.paint([*crown, (WIDTH, HEIGHT), (0, HEIGHT)])
    _shade_below(pen, 106)
    pen.slab((70, 128, 250, 196), 14, (30, 31, 34))
    gauge(pen, (118, 162), 28, 0.62)
    gauge(pen, (184, 162), 28, 0.34)
    pen.slab((286, 134, 404, 190), 8, (38, 40, 44))
    for i in range(3):
        pen.disc((312 + 33 * i, 176), 8, STEEL)
    pen.slab((298, 142, 392, 160), 3, (74, 96, 104))
    pen.slab((276, 214, 420, 256), 8, (26, 27, 30))
    _steering(pen, (150, 190), 84)


def _steering(pen: Pen, centre: Point, radius: float) -> None:
    pen.ring(centre, radius, (28, 24, 22), 12)
    pen.ring(centre, radius - 3, (92, 64, 42), 5)
    for angle in (0.0, pi, pi / 2):
        tip = (centre[0] + cos(angle) * (radius - 8), centre[1] + sin(angle) * (radius - 8))
        pen.line([centre, tip], STEEL, 9)
    pen.disc(centre, 20, DARK)
    pen.disc(centre, 11, CHROME)


def gauge(pen: Pen, centre: Point, radius: float, share: float) -> None:
    """A round instrument whose needle stands at a share of its scale."""
    pen.disc(centre, radius, CHROME)
    pen.disc(centre, radius * 0.93, _DIAL)
    for i in range(11):
        pen.line(
            [_polar(centre, radius * 0.74, i / 10), _polar(centre, radius * 0.87, i / 10)],
            (226, 228, 230),
            radius * 0.035,
        )
    pen.line([centre, _polar(centre, radius * 0.72, share)], _NEEDLE, radius * 0.06)
    pen.disc(centre, radius * 0.1, STEEL)


def _polar(centre: Point, radius: float, share: float) -> Point:
    angle = pi * (0.75 + 1.5 * share)
    return centre[0] + cos(angle) * radius, centre[1] + sin(angle) * radius


def instruments(pen: Pen) -> None:
    """Three large gauges; the odometer's window is left for the mileage."""
    pen.paint(_rectangle(0, 0, WIDTH, HEIGHT))
    _shade_below(pen, 0)
    pen.slab((20, 26, 460, 242), 40, (30, 31, 34))
    gauge(pen, (100, 134), 62, 0.28)
    gauge(pen, (380, 134), 62, 0.55)
    gauge(pen, (240, 134), 92, 0.0)
    pen.slab((190, 164, 290, 190), 4, (236, 236, 228))


def seats(pen: Pen) -> None:
    """Two front seats in the colour of the upholstery."""
    pen.blend(_rectangle(0, 0, WIDTH, HEIGHT), (52, 54, 60), (30, 31, 35))
    pen.blend(_rectangle(40, 14, WIDTH - 40, 74), (150, 178, 194), (196, 206, 206))
    for x in (130, 350):
        pen.paint(smooth([(x - 30, 30), (x, 24), (x + 30, 30), (x + 30, 58), (x - 30, 58), (x - 30, 30)]))
        pen.paint(
            smooth(
                [(x - 66, 196), (x - 72, 100), (x - 44, 60), (x + 44, 60), (x + 72, 100), (x + 66, 196), (x - 66, 196)]
            )
        )
        pen.paint(smooth([(x - 84, 250), (x - 76, 192), (x, 182), (x + 76, 192), (x + 84, 250), (x - 84, 250)]))
    _shade_below(pen, 20)
    for x in (130, 350):
        for i in range(-2, 3):
            pen.line([(x + 17 * i, 82), (x + 17 * i, 178)], (0, 0, 0, 80), 1.4)
        pen.line([(x - 66, 190), (x, 184), (x + 66, 190)], (0, 0, 0, 110), 2)
    pen.slab((214, 150, 266, 268), 10, (24, 25, 28))
    pen.line([(240, 168), (246, 132)], STEEL, 4)
    pen.disc((246, 128), 9, DARK)


def engine(pen: Pen) -> None:
    """An engine between painted wings."""
    pen.paint(_rectangle(0, 0, WIDTH, HEIGHT))
    _shade_below(pen, 0)
    pen.blend([(54, 10), (426, 10), (452, 250), (28, 250)], (40, 42, 47), (20, 21, 24))
    pen.slab((120, 206, 360, 244), 6, (54, 57, 62))
    for x in range(128, 356, 9):
        pen.line([(x, 210), (x, 240)], (30, 31, 34), 2)
    pen.slab((150, 64, 330, 200), 12, (98, 103, 110))
    for x in (158, 282):
        pen.slab((x, 72, x + 40, 192), 8, (168, 44, 40))
        for y in range(86, 190, 26):
            pen.disc((x + 20, y), 5, (36, 37, 40))
            pen.line([(x + 20, y), (240, y - 12)], (36, 37, 40), 3)
    pen.disc((240, 118), 40, (206, 211, 217))
    pen.disc((240, 118), 34, (58, 62, 68))
    pen.disc((240, 118), 12, CHROME)
    pen.slab((368, 40, 424, 92), 4, (30, 60, 110))
    pen.disc((382, 48), 5, STEEL)
    pen.disc((410, 48), 5, _NEEDLE)
    pen.slab((64, 44, 112, 98), 8, (214, 216, 208))
    pen.line(smooth([(112, 92), (132, 130), (120, 180), (150, 214)]), (16, 17, 19), 8)


def rim(pen: Pen) -> None:
    """One wheel below a painted wing."""
    pen.paint(_rectangle(0, 0, WIDTH, 214))
    pen.shade(0, 214)
    pen.line([(0, 58), (WIDTH, 58)], (255, 255, 255, 120), 2)
    pen.line([(64, 0), (72, 150)], (10, 10, 12, 130), 2)
    pen.fill(_rectangle(0, 206, WIDTH, HEIGHT), (60, 61, 65))
    pen.disc((240, 160), 124, DARK)
    wheel(pen, (240, 160), 106)


def plate(pen: Pen) -> None:
    """A riveted plate on a painted panel; its lines are left for the text."""
    pen.paint(_rectangle(0, 0, WIDTH, HEIGHT))
    _shade_below(pen, 0)
    pen.slab((52, 58, 428, 214), 10, (120, 124, 130))
    pen.blend(_rectangle(58, 64, 422, 208), (226, 229, 232), (176, 181, 187))
    for x, y in ((72, 78), (408, 78), (72, 194), (408, 194)):
        pen.disc((x, y), 6, STEEL)
        pen.disc((x - 1, y - 1), 3, CHROME)


def _rectangle(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _shade_below(pen: Pen, top: float) -> None:
    pen.shade(top, HEIGHT + 40)
