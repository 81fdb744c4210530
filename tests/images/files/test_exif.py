from __future__ import annotations

import struct
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.images.cameras import LATITUDE, XMP, Entry, Writer, camera
from tests.images.photos import drawing, encoded
from tui.images.files import exif
from tui.images.files.exif import Exif, read

NOW = datetime(2024, 1, 1, tzinfo=UTC)
ORDERS = st.sampled_from("<>")


def told(payload: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(payload)
    return exif


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("thumbnail", [b"", encoded(drawing(16, 12), "JPEG")])
def test_the_place_goes_and_the_rest_stays(order: str, thumbnail: bytes) -> None:
    payload = camera(order, thumbnail=thumbnail)
    said = read(payload, now=NOW)
    assert (said.orientation, said.taken_at) == (6, datetime(2019, 7, 4, 10, 30, 45, tzinfo=UTC))
    assert said.cleaned is not None
    assert len(said.cleaned) == len(payload)
    for number in LATITUDE:
        if number > 1000:
            assert number.to_bytes(4, "little" if order == "<" else "big") not in said.cleaned
    before, after = told(payload), told(said.cleaned)
    assert before.get_ifd(ExifTags.IFD.GPSInfo)
    assert not after.get_ifd(ExifTags.IFD.GPSInfo)
    assert ExifTags.IFD.GPSInfo not in after
    assert (after[0x010F], after[0x0112]) == ("Maker", 6)
    assert after.get_ifd(ExifTags.IFD.Exif) == before.get_ifd(ExifTags.IFD.Exif)
    if thumbnail:
        assert said.cleaned.endswith(thumbnail)
        assert after.get_ifd(ExifTags.IFD.IFD1) == before.get_ifd(ExifTags.IFD.IFD1) != {}


def test_exif_without_a_place_stays_as_it_is() -> None:
    said = read(camera(gps=False), now=NOW)
    assert (said.orientation, said.cleaned) == (6, None)


def test_the_place_stays_where_it_is_wanted() -> None:
    assert read(camera(), keep_place=True, now=NOW).cleaned is None
    assert read(b"II*\0 nonsense", keep_place=True, now=NOW).cleaned is None


def test_a_place_in_the_exif_of_the_thumbnail_goes_too() -> None:
    inner = b"\xff\xd8\xff\xe1\1\0Exif\0\0" + camera("<")
    payload = camera(">", gps=False, thumbnail=inner)
    cleaned = read(payload, now=NOW).cleaned
    assert cleaned is not None
    assert LATITUDE[0].to_bytes(4, "little") not in cleaned
    nested = camera(thumbnail=inner + camera(thumbnail=inner))
    for _ in range(200):
        nested = camera(thumbnail=b"Exif\0\0" + nested)
    cleaned = read(nested, now=NOW).cleaned
    assert cleaned is not None
    assert LATITUDE[0].to_bytes(4, "little") not in cleaned


def tiff(*entries: Entry, second: tuple[Entry, ...] = ()) -> bytes:
    """EXIF of one or two directories."""
    out = Writer("<")
    out.directory(list(entries))
    if second:
        link = 10 + 12 * len(entries)
        out.out[link : link + 4] = len(out.out).to_bytes(4, "little")
        out.directory(list(second))
    return bytes(out.out)


def text(tag: int, value: bytes, kind: int = 2) -> Entry:
    return tag, kind, len(value), value


TOLD = b"GPSLatitude: 47,3.123456N"
PHOTOSHOP = b"8BIM\x04\x22\0\0" + struct.pack(">I", len(camera())) + camera()


@pytest.mark.parametrize(
    "payload",
    [
        tiff(text(0x010E, TOLD)),
        tiff(text(0x9286, b"ASCII\0\0\0" + TOLD, 7)),
        tiff(text(0x9C9C, TOLD.decode().encode("utf-16-le"), 1)),
        tiff(text(0x010F, b"Maker\0"), second=(text(0x02BC, XMP, 1),)),
        tiff(text(0x8649, PHOTOSHOP, 7)),
    ],
)
def test_a_place_in_the_texts_of_exif_goes_too(payload: bytes) -> None:
    cleaned = read(payload, now=NOW).cleaned
    assert cleaned is not None
    assert len(cleaned) == len(payload)
    assert b"47,3.123456N" not in cleaned.replace(b"\0", b"")
    assert LATITUDE[0].to_bytes(4, "little") not in cleaned
    assert told(cleaned).keys() == told(payload).keys()


def test_texts_that_tell_no_place_stay_and_so_do_maker_notes() -> None:
    entries = text(0x010E, b"a red car"), text(0x9286, b"ASCII\0\0\0hello", 7), text(0x927C, TOLD, 7)
    assert read(tiff(*entries), now=NOW).cleaned is None


@pytest.mark.parametrize("many", [20, 400])
@pytest.mark.parametrize("apart", [0, 1])
def test_thumbnails_are_looked_into_a_few_times_only(many: int, apart: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read_by_exif, reads = exif.read, 0

    def counted(payload: bytes, *, depth: int) -> Exif:
        nonlocal reads
        reads += 1
        return read_by_exif(payload, depth=depth)

    monkeypatch.setattr(exif, "read", counted)
    where = 10 + 12 * many
    nested = tiff(*((0x0201, 4, 1, struct.pack("<I", where + apart * at)) for at in range(many)))
    payload = nested + (b"Exif\0\0" + nested) * 3
    read(payload, now=NOW)
    assert reads <= 20


@pytest.mark.parametrize(
    "payload",
    [
        camera() + bytes(64 * 1024),
        tiff((0x0112, 3, 1, b"\6\0"), *((0xC000, 3, 1, b"\0\0") for _ in range(2500))),
        tiff((0x0112, 3, 1, b"\6\0"), *((0x010E, 2, 900 + at, b"x" * 900) for at in range(60))),
    ],
)
def test_of_exif_that_is_too_much_the_orientation_is_left(payload: bytes) -> None:
    said = read(payload, now=NOW)
    assert said.orientation == 6
    assert said.cleaned is not None
    assert len(said.cleaned) == len(payload)
    assert dict(told(said.cleaned)) == {0x0112: 6}


@pytest.mark.parametrize(
    ("taken", "zone", "moment"),
    [
        (b"2019:07:04 12:30:45", b"+02:00", "2019-07-04T10:30:45+00:00"),
        (b"2019:07:04 12:30:45", b"-07:00", "2019-07-04T19:30:45+00:00"),
        (b"2019:07:04 12:30:45", None, "2019-07-04T12:30:45+00:00"),
        (b"2019:07:04 12:30:45", b"   :  ", "2019-07-04T12:30:45+00:00"),
        (b"2019-07-04T12:30:45", None, "2019-07-04T12:30:45+00:00"),
        (b"2019:07:04 12:30:45", b"+14:00", "2019-07-03T22:30:45+00:00"),
        (b"2019:07:04 12:30:45", b"+14:30", "2019-07-04T12:30:45+00:00"),
        (b"2019:07:04 12:30:45", b"+99:99", "2019-07-04T12:30:45+00:00"),
        (b"2019:07:04 12:30:45.123", b"+02:00", "2019-07-04T10:30:45+00:00"),
        (b"2019-07-04T12:30:45Z", b"+02:00", "2019-07-04T12:30:45+00:00"),
        (b"2019-07-04T12:30:45.5+0200", None, "2019-07-04T10:30:45+00:00"),
        (b"2019:07:04 12:30:45 or so", None, None),
        (b"0000:00:00 00:00:00", None, None),
        (b"    :  :     :  :  ", None, None),
        (b"2019:02:30 12:30:45", None, None),
        (b"2019:07:04 24:30:45", None, None),
        (b"2024:07:04 12:30:45", None, None),
        (b"0001:01:01 00:00:00", b"+02:00", None),
        (b"\xff\xfe", None, None),
    ],
)
def test_a_time_is_believed_only_if_it_is_one(taken: bytes, zone: bytes | None, moment: str | None) -> None:
    found = read(camera(taken=taken, zone=zone), now=NOW).taken_at
    assert (found and found.isoformat()) == moment


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_no_orientation_but_the_eight(orientation: int) -> None:
    assert read(camera(orientation=orientation), now=NOW).orientation == 0


@pytest.mark.parametrize("order", "<>")
def test_of_malformed_exif_the_orientation_is_left(order: str) -> None:
    payload = camera(order)[:-40]
    said = read(payload, now=NOW)
    assert said.orientation == 6
    assert said.cleaned is not None
    assert dict(told(said.cleaned)) == {0x0112: 6}
    assert len(said.cleaned) == len(payload)


@given(ORDERS, st.data())
@settings(max_examples=200)
def test_no_exif_is_too_broken_and_none_keeps_a_place(order: str, draw: st.DataObject) -> None:
    payload = bytearray(camera(order, thumbnail=b"Exif\0\0" + camera(order)))
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(payload) - 1))
        piece = draw.draw(st.binary(min_size=1, max_size=4))
        payload[at : at + len(piece)] = piece
    payload = payload[: draw.draw(st.integers(0, len(payload)) | st.just(len(payload)))]
    said = read(bytes(payload), now=NOW)
    if said.cleaned is not None:
        assert len(said.cleaned) == len(payload)
    left = said.cleaned if said.cleaned is not None else bytes(payload)
    with suppress(
        SyntaxError, struct.error, ValueError, KeyError, UserWarning
    ):  # whoever reads it finds no place either
        assert not told(left).get_ifd(ExifTags.IFD.GPSInfo)
