from __future__ import annotations

import base64
import random
import tracemalloc

import pytest

from tui.images.files.places import blank_xmp, names_place

TELLING = [
    b'exif:GPSLatitude="47,3.123456N"',
    b'<GPSLongitude xmlns="http://ns.adobe.com/exif/1.0/">8,32.5E</GPSLongitude>',
    b'drone-dji:GpsStatus="1"',
    b'camera:lastKnownGPS="1"',
    b'geo:lat="47.05"',
    b'{"GpsInfo": {}}',
    b"Longtitude 8.5",
    b"GPSVersionID\0\2\3\0\0",
    b"GPS: 47.05, 8.54",
]
SILENT = [b"", b"a car", b"made by gpsd 3", b"c2Rmgpsd+/gpsx", blank_xmp(200), blank_xmp(3)]


@pytest.mark.parametrize("text", TELLING)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_text_tells_a_place_in_whatever_encoding(text: bytes, encoding: str) -> None:
    told = text.decode("latin-1").encode(encoding)
    assert names_place(told)
    if not text.startswith(b"GPSV"):
        assert names_place(b"X".ljust(9) + told.upper())


@pytest.mark.parametrize("text", SILENT)
def test_other_text_tells_none(text: bytes) -> None:
    assert not names_place(text)


@pytest.mark.parametrize("at", [65_536 - distance for distance in (0, 1, 5, 12, 60)])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-32-le"])
def test_a_name_is_found_wherever_it_lies(at: int, encoding: str) -> None:
    packet = b"x" * at + "a:my_dear_old_camera_GPS".encode(encoding) + b"x" * 200_000
    assert names_place(packet)


def test_a_long_packet_is_searched_in_pieces_so_that_other_threads_need_not_wait() -> None:
    depth = base64.b64encode(random.Random(1).randbytes(3_750_000))
    tracemalloc.start()
    try:
        assert not names_place(depth)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
