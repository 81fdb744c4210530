"""Damage in an AVIF that libavif bears, and what encoders write."""

from __future__ import annotations

import random

import pytest

from tests.images.files.test_damage import CHANGES, over, seen
from tests.images.files.test_libavif import decodes, shot
from tests.images.photos import drawing, encoded, photos
from tui.images.files import dav1d
from tui.images.files.avif import layout
from tui.images.files.inspect import Facts
from tui.model import Reason, Refusal

pytestmark = pytest.mark.skipif(dav1d._LIBRARY is None, reason="this Pillow hides its dav1d")


@pytest.mark.parametrize("change", ["noise", "ones", "two pieces swapped"])
def test_damage_in_the_middle_of_a_photo_is_found(change: str) -> None:
    data, rng = shot(), random.Random(change)
    start = data.index(b"mdat") + 1000
    copies = [CHANGES[change](data, rng.randrange(start, len(data) - 5000), rng) for _ in range(12)]
    assert all(seen(copy) is Reason.CORRUPT for copy in copies)
    assert any(decodes(copy) for copy in copies)


@pytest.mark.parametrize("quality", [1, 50, 100])
@pytest.mark.parametrize("options", [{}, {"tile_rows": 2, "tile_cols": 2}, {"range": "limited"}, {"speed": 6}])
def test_what_an_encoder_writes_uses_up_its_bytes(options: dict[str, object], quality: int) -> None:
    image = drawing(700, 500)
    assert isinstance(seen(encoded(image, "AVIF", quality=quality, **{"speed": 10, **options})), Facts)


def test_a_file_of_many_pictures_does_not_keep_us_long() -> None:
    data = photos()["plain.avif"]
    ((start, end),) = layout(data).segments
    broken = over(data, start, b"\xff" * (end - start))
    dav1d.prove(data + broken, [(start, end)] * dav1d.MOST_PICTURES + [(len(data) + start, len(data) + end)], 24_000)
    with pytest.raises(Refusal):
        dav1d.prove(data + broken, [(len(data) + start, len(data) + end)], 24_000)


def test_a_file_of_many_specks_does_not_keep_us_long_either() -> None:
    data = encoded(drawing(1, 1), "AVIF")
    ((start, end),) = layout(data).segments
    specks = data[start:end] * dav1d.MOST_PICTURES
    broken = specks + b"\xff" * 32
    dav1d.prove(broken, [(0, len(broken))], dav1d.LEAST_PIXELS)
    with pytest.raises(Refusal):
        dav1d.prove(broken, [(0, len(broken))], 2 * dav1d.LEAST_PIXELS)


def test_no_picture_is_larger_than_it_says() -> None:
    data = photos()["plain.avif"]
    with pytest.raises(Refusal):
        dav1d.prove(data, layout(data).segments, 23_999)
