"""Files that are refused by their markers and lengths alone: nothing here is decoded."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image

from tests.images.boxes import canvas, webp
from tests.images.cameras import chunk
from tests.images.photos import drawing, encoded, photos
from tests.images.scans import grey
from tui.images.files import decode
from tui.images.files.inspect import Facts, inspect
from tui.images.files.jpeg import MOST_SCANS
from tui.model import Reason, Refusal

NOISE = random.Random(7).randbytes(6000)
GIF = encoded(drawing(9, 9), "GIF")
LOSSY = photos()["lossy.webp"]


def judged(data: bytes, *, decoding: bool = False) -> Facts | Reason:
    try:
        return inspect(io.BytesIO(data), decoding=decoding)
    except Refusal as refusal:
        return refusal.reason


def described(depth: int, colour: int, compression: int = 0, filtering: int = 0, interlacing: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", 5000, 5000, depth, colour, compression, filtering, interlacing)
    parts = chunk(b"IHDR", header) + chunk(b"PLTE", bytes(3)) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("colour", range(8))
def test_a_png_has_one_of_fifteen_kinds_of_pixels(colour: int) -> None:
    sound = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}.get(colour, set())
    found = {depth for depth in range(256) if isinstance(judged(described(depth, colour)), Facts)}
    assert found == sound


@pytest.mark.parametrize("wrong", [{"compression": 1}, {"filtering": 64}, {"interlacing": 2}])
def test_a_png_is_packed_and_filtered_in_one_way(wrong: dict[str, int]) -> None:
    assert judged(described(8, 2, **wrong)) is Reason.CORRUPT
    assert isinstance(judged(described(8, 2, interlacing=1)), Facts)


@pytest.mark.parametrize("interlacing", [0, 1])
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (2, 3), (8, 2), (16, 6), (4, 0)])
@pytest.mark.parametrize("side", [1, 3, 4, 5, 9, 33])
def test_the_pixels_of_a_large_png_are_all_there_and_no_more(
    side: int, depth: int, colour: int, interlacing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MOST_MEMORY", 0)
    bits = depth * {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    rows = [side] * side if not interlacing else interlaced(side)
    size = sum(1 + (columns * bits + 7) // 8 for columns in rows)

    def seen(much: int) -> Facts | Reason:
        header = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, interlacing)
        pixels = chunk(b"PLTE", bytes(3)) + chunk(b"IDAT", zlib.compress(bytes(much)) + b"extra")
        return judged(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b""), decoding=True)

    assert isinstance(seen(size), Facts)
    assert seen(size - 1) is Reason.TRUNCATED
    assert seen(size + 1) is Reason.CORRUPT


def interlaced(side: int) -> list[int]:
    """The columns of each row of each pass of Adam7, pixel by pixel."""
    grid = ["16462646", "7" * 8, "56565656", "7" * 8, "36463646", "7" * 8, "56565656", "7" * 8]
    counts = (
        sum(grid[y % 8][x % 8] == str(number) for x in range(side)) for number in range(1, 8) for y in range(side)
    )
    return [columns for columns in counts if columns]


def test_what_follows_the_pixels_of_a_large_png_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MOST_MEMORY", 0)
    header = struct.pack(">IIBBBBB", 10, 10, 8, 0, 0, 0, 0)
    behind = 40 * chunk(b"IDAT", bytes(200_000))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(110))) + behind
    data += chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        assert isinstance(judged(data, decoding=True), Facts)
        assert tracemalloc.get_traced_memory()[1] < len(data) + 500_000
    finally:
        tracemalloc.stop()


def test_a_jpeg_has_no_more_scans_than_any_encoder_writes() -> None:
    assert isinstance(judged(grey(4, [("013f00", "0" * 16)] * (MOST_SCANS - 1)), decoding=True), Facts)
    assert judged(grey(4, [("013f00", "0" * 16)] * MOST_SCANS)) is Reason.CORRUPT


@pytest.mark.parametrize(
    "data",
    [
        webp(canvas(99), (b"EXIF", b"abcd")),
        webp(canvas(99), (b"ANIM", bytes(6)), (b"ANMF", bytes(16))),
        webp(canvas(99), (b"ALPH", b"\0" * 64)),
        webp((b"VP8L", b"\x2f" + bytes(4) + bytes(100))),
        webp((b"VP8 ", LOSSY[20:30] + bytes(len(LOSSY) - 30))),
        webp((b"VP8 ", b"\xff\xff\xff" + LOSSY[23:])),
        webp(*[(b"abcd", b"")] * 60_000, (b"VP8 ", LOSSY[20:])),
        GIF[:-1] + b"\1" * 60_000 + b"\x3b",
        GIF[:-1] + b"\x21\xfe\0" * 60_000 + b"\x3b",
        b"GIF89a" + bytes(7) + b"\x2c" + bytes(11) + b"\x3b",
    ],
)
def test_a_file_without_a_picture_is_none(data: bytes) -> None:
    assert judged(data) in (Reason.CORRUPT, Reason.TRUNCATED)


def test_a_lossy_picture_has_room_for_all_of_its_partitions() -> None:
    start = 20
    first = int.from_bytes(LOSSY[start : start + 3], "little") >> 5
    for sizes, sound in (((10, 20, 30), True), ((10, 20, 30_000), False), ((1 << 20, 0, 0), False)):
        header = even(0, 0, 0, 0, *[0] * 9, 0, 1, 0) + NOISE[: first - 8]
        tag = (len(header) << 5 | LOSSY[start] & 31).to_bytes(3, "little")
        table = b"".join(size.to_bytes(3, "little") for size in sizes)
        data = webp((b"VP8 ", tag + LOSSY[start + 3 : start + 10] + header + table + NOISE[:500]))
        assert isinstance(judged(data), Facts) is sound, sizes


def even(*flags: int) -> bytes:
    """The end of a bool encoder is wherever it is: flags of even odds, by search for the bytes that decode to them."""
    low, span = 0.0, 1.0
    for flag in flags:
        half = span * 0.5
        low, span = (low + half, half) if flag else (low, half)
    return int((low + span / 2) * 2**64).to_bytes(8)


def test_large_photos_with_a_hole_are_refused_undecoded() -> None:
    colours = Image.frombytes("RGB", (300, 225), random.Random(1).randbytes(300 * 225 * 3)).resize((2400, 1800))
    lossy = encoded(colours, "WEBP", quality=60, method=0)
    assert isinstance(judged(lossy), Facts)
    assert judged(lossy[:100] + bytes(len(lossy) - 100)) is Reason.CORRUPT
    half = len(lossy) // 2
    assert judged(lossy[:half] + bytes(len(lossy) - half)) is Reason.CORRUPT


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("method", [0, 4])
@pytest.mark.parametrize("colour", ["black", "white", "teal"])
def test_a_flat_picture_is_no_hole(colour: str, method: int, lossless: bool) -> None:
    for quality in (0, 100):
        image = Image.new("RGB", (1200, 900), colour)
        assert isinstance(judged(encoded(image, "WEBP", lossless=lossless, method=method, quality=quality)), Facts)
        image.paste(drawing(300, 200), (0, 0))
        assert isinstance(judged(encoded(image, "WEBP", lossless=lossless, method=method, quality=quality)), Facts)
    assert isinstance(judged(encoded(Image.new("RGB", (1200, 900), colour), "AVIF", speed=10)), Facts)
