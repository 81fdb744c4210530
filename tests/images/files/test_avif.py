"""The items of an AVIF, by its boxes alone: nothing here is decoded."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest

from tests.images.boxes import Extent, avif, box
from tests.images.cameras import XMP, camera
from tests.images.files.test_structure import judged
from tests.images.photos import photos
from tui.images.files.inspect import Facts, inspect
from tui.model import Reason

NOISE = random.Random(7).randbytes(6000)


@pytest.mark.parametrize("name", ["plain.avif", "alpha.avif"])
def test_an_avif_that_is_all_zeros_is_refused(name: str) -> None:
    data = photos()[name]
    start = data.index(b"mdat") + 4
    assert judged(data[:start] + bytes(len(data) - start)) is Reason.CORRUPT


PICTURE = (b"av01", [(0, 3000)])
LYING: dict[str, tuple[Sequence[tuple[bytes, Sequence[Extent]]], bytes]] = {
    "XMP over the tables": ([PICTURE, (b"mime", [(-200, 150)])], b""),
    "XMP over mdat's own head": ([PICTURE, (b"mime", [(-8, 500)])], b""),
    "XMP over the picture": ([PICTURE, (b"mime", [(2900, 500)])], b""),
    "Exif ahead of the picture and over it": ([(b"Exif", [(0, 500)]), (b"av01", [(499, 3000)])], b""),
    "XMP over Exif": ([PICTURE, (b"Exif", [(3000, 500)]), (b"mime", [(3100, 50)])], b""),
    "the same piece as picture and XMP": ([PICTURE, (b"mime", [(0, 3000)])], b""),
    "XMP in a box that is none of mdat": ([PICTURE, (b"mime", [(6010, 90)])], box(b"free", bytes(200))),
    "an item of more than the file": ([PICTURE, (b"mime", [(at, 2000) for at in range(3000, 4000)])], b""),
    "pictures of more than the file": ([(b"av01", [(0, 3000 + at)]) for at in range(100)], b""),
    "much metadata": ([PICTURE, *((b"mime", [(3000 + 9 * at, 9)]) for at in range(100))], b""),
    "many pieces": ([PICTURE, (b"abcd", [(0, 1)] * 50_000)], b""),
    "an item behind the last box": ([PICTURE, (b"mime", [(5900, 150)])], b"\0\0\0\x10hide" + bytes(60)),
    "no picture": ([(b"Exif", [(0, 500)])], b""),
    "two tables": ([PICTURE], avif(NOISE, [PICTURE])[24:]),
    "many boxes": ([PICTURE], box(b"free", b"") * 20_000),
}


@pytest.mark.parametrize("name", LYING)
def test_the_items_of_an_avif_lie_where_they_may(name: str) -> None:
    items, behind = LYING[name]
    assert judged(avif(NOISE, items) + behind) is (Reason.TRUNCATED if "behind" in name else Reason.CORRUPT)


def test_items_beside_each_other_are_sound() -> None:
    items = [PICTURE, (b"av01", [(0, 3000)]), (b"Exif", [(3000, 200)]), (b"mime", [(3200, 300)])]
    assert isinstance(judged(avif(NOISE, items)), Facts)


def test_metadata_in_pieces_are_taken_out_and_each_piece_but_once() -> None:
    exif = bytes(4) + camera()
    mdat = NOISE[:3000] + XMP + exif
    at = 3000 + len(XMP)
    pieces = [(3000, 150), (3150, len(XMP) - 150)]
    data = avif(mdat, [PICTURE, (b"mime", pieces * 5000), (b"Exif", [(at, 100), (at + 100, len(exif) - 100)])])
    content = io.BytesIO(data)
    inspect(content, decoding=False)
    assert content.getvalue() == data[: -len(XMP) - len(exif)] + bytes(len(XMP) + len(exif))
