import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
from PIL import Image, ImageChops

from tui.demo import build_world
from tui.demo.art import SIZE, VIEWS, draw, picture
from tui.demo.cars import HOSTILE_TITLE, Car
from tui.demo.catalogue import Body
from tui.demo.galleries import Encoding
from tui.demo.pen import HEIGHT, smooth

CARS = [vehicle.car for vehicle in build_world().vehicles]


def a_car(body: Body) -> Car:
    return next(car for car in CARS if car.body is body)


def pictures_differ(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is not None


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_file_is_what_it_is_called(encoding: Encoding) -> None:
    data = draw(CARS[0], 1, 12, encoding)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.format == encoding.value.upper()
        assert image.size == SIZE
        assert Image.MIME[image.format] == encoding.mime_type


@pytest.mark.parametrize("encoding", list(Encoding))
def test_the_same_photo_has_the_same_bytes(encoding: Encoding) -> None:
    assert draw(CARS[3], 2, 9, encoding) == draw(CARS[3], 2, 9, encoding)


def sample() -> Iterator[tuple[Car, int]]:
    yield from ((a_car(Body.WAGON), number) for number in range(1, len(VIEWS) + 2))
    yield from ((a_car(body), number) for body in Body for number in (1, 2, 3))


def test_every_view_and_every_body_can_be_drawn_and_decoded() -> None:
    for car, number in sample():
        with Image.open(io.BytesIO(draw(car, number, 31, Encoding.JPEG))) as image:
            image.load()


def test_no_two_photos_of_a_car_are_the_same() -> None:
    files = [draw(a_car(Body.WAGON), number, 28, Encoding.JPEG) for number in range(1, 29)]
    assert len(set(files)) == len(files)


def test_two_cars_differ_in_paint_and_title() -> None:
    one, other = islice((car for car in CARS if car.body is Body.COUPE), 2)
    assert pictures_differ(picture(one, 1, 5), picture(other, 1, 5))


def test_the_paint_is_on_the_car_and_the_caption_below_it() -> None:
    car = a_car(Body.SEDAN)
    shown = picture(car, 1, 5)
    assert shown.getpixel((10, HEIGHT + 1)) == car.paint
    assert pictures_differ(
        shown.crop((0, HEIGHT + 4, 480, 320)), Image.new("RGB", (480, 320 - HEIGHT - 4), (19, 21, 25))
    )


def test_a_hostile_title_is_only_text() -> None:
    car = next(car for car in CARS if car.title == HOSTILE_TITLE)
    assert draw(car, 1, 5, Encoding.JPEG).startswith(b"\xff\xd8")


def test_a_title_that_is_too_long_is_cut() -> None:
    long = replace(CARS[0], title="W" * 300)
    margin = picture(long, 1, 5).crop((466, HEIGHT + 4, 480, HEIGHT + 32))
    assert margin.getcolors() == [(14 * 28, (19, 21, 25))]


def test_a_corner_makes_no_loop() -> None:
    curve = smooth([(0, 0), (10, 0), (10, 0), (10, 10)])
    assert all(-1 <= x <= 11 and -2 <= y <= 11 for x, y in curve)
