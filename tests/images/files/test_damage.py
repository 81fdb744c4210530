"""Damaged, doctored and hostile files: what `inspect` accepts, a full decode by Pillow accepts too."""

from __future__ import annotations

import io
import random
import re
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.images.cameras import XMP, camera, chunk, jpeg, png
from tests.images.photos import drawing, encoded, photos
from tests.images.scans import grey, segment
from tui.images.files import decode
from tui.images.files.inspect import Facts, inspect
from tui.images.files.jpeg import layout
from tui.model import Reason, Refusal

NAMES = sorted(photos())
SOURCES = {
    **photos(),
    "camera.jpg": jpeg(b"Exif\0\0" + camera(">"), b"http://ns.adobe.com/xap/1.0/\0" + XMP),
    "camera.png": png(chunk(b"eXIf", camera())),
}
LONGEST = 2.0
"""Seconds that no file here may take; they all take some milliseconds."""


def seen(data: bytes) -> Facts | Reason:
    try:
        return inspect(io.BytesIO(data))
    except Refusal as refusal:
        return refusal.reason


def held(data: bytes) -> Facts | Reason:
    """What `inspect` says, held against a full decode of what it leaves."""
    content = io.BytesIO(data)
    began = time.monotonic()
    try:
        facts = inspect(content)
    except Refusal as refusal:
        return refusal.reason
    finally:
        assert time.monotonic() - began < LONGEST
    with Image.open(io.BytesIO(content.getvalue())) as image:
        image.load()
    return facts


def photo(**options: object) -> bytes:
    """A JPEG with detail everywhere, so that its scan is some 60 KB long."""
    rng = random.Random(5)
    colours = Image.frombytes("RGB", (60, 40), rng.randbytes(60 * 40 * 3)).resize((600, 400))
    return encoded(colours, "JPEG", quality=98, **options)


def over(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


CHANGES: dict[str, Callable[[bytes, int, random.Random], bytes]] = {
    "noise": lambda data, at, rng: over(data, at, rng.randbytes(2048)),
    "zeros": lambda data, at, rng: over(data, at, bytes(2048)),
    "ones": lambda data, at, rng: over(data, at, b"\xff" * 2048),
    "a piece missing": lambda data, at, rng: data[:at] + data[at + 700 :],
    "a piece twice": lambda data, at, rng: data[:at] + data[at - 700 : at] + data[at:],
    "two pieces swapped": lambda data, at, rng: over(
        over(data, at, data[at + 999 : at + 1799]), at + 999, data[at : at + 800]
    ),
    "another file inside": lambda data, at, rng: over(data, at, photos()["plain.jpg"]),
}


KINDS: dict[str, dict[str, object]] = {
    "sequential": {},
    "restarts in each row": {"restart_marker_rows": 1},
    "few restarts": {"restart_marker_blocks": 700},
    "progressive": {"progressive": True},
    "progressive in full colour": {"progressive": True, "subsampling": 0},
}
# A decoder that has lost its place in the last refinement of a progressive JPEG may find it again by chance.
LEAST = {("progressive", "a piece missing"): 9, ("progressive", "two pieces swapped"): 9}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_damage_in_the_middle_of_a_photo_is_found(change: str, kind: str) -> None:
    data, rng = photo(**KINDS[kind]), random.Random(change)
    assert isinstance(held(data), Facts)
    start = data.index(b"\xff\xda") + 1000
    places = [rng.randrange(start, len(data) - 5000) for _ in range(12)]
    missed = [at for at in places if seen(CHANGES[change](data, at, rng)) not in (Reason.CORRUPT, Reason.TRUNCATED)]
    assert len(missed) <= 12 - LEAST.get((kind.partition(" in")[0], change), 12), missed


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_of_zeros_is_found_in_every_scan(kind: str) -> None:
    data = photo(**KINDS[kind])
    half = data[: len(data) // 2]
    assert isinstance(seen(half + bytes(len(data) - len(half) - 2) + b"\xff\xd9"), Reason)
    for start, end in layout(data).segments:
        if end - start > 3000:
            assert isinstance(seen(over(data, start + 700, bytes(1600))), Reason), (start, end)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", [60, 300])
def test_no_scan_may_lack_its_last_bytes(kind: str, lost: int) -> None:
    data = photo(**KINDS[kind])
    for start, end in layout(data).segments:
        cut = data[: max(start, end - lost)].rstrip(b"\xff")
        assert isinstance(seen(cut + data[end:]), Reason), (start, end)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16), (97, 33), (640, 31)])
@pytest.mark.parametrize("colour", ["black", "white", "teal"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_flat_picture_is_whole_however_few_bits_it_has(size: tuple[int, int], colour: str, mode: str) -> None:
    image = Image.new("RGB", size, colour).convert(mode)
    for options in ({"optimize": True}, {"progressive": True}, {"restart_marker_blocks": 2}, {"quality": 100}):
        assert isinstance(held(encoded(image, "JPEG", **options)), Facts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [b"\0" * 40, b"\xff" * 40, b"\x55" * 4, b"\xff\0", b"\0\xff"])
def test_padding_at_the_end_of_a_scan_does_no_harm(padding: bytes, kind: str) -> None:
    data = photo(**KINDS[kind])
    for _, end in layout(data).segments:
        assert isinstance(seen(data[:end] + padding + data[end:]), Facts), end
    assert isinstance(seen(re.sub(rb"(?=\xff\xd9|\xff\xda|\xff[\xd0-\xd7])", b"\xff\xff", data)), Facts)


@pytest.mark.parametrize("blocks", [1, 2, 7])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_photo_may_have_a_thousand_restarts(blocks: int, progressive: bool) -> None:
    data = photo(restart_marker_blocks=blocks, progressive=progressive)
    assert isinstance(held(data), Facts)
    start, end = layout(data).segments[0]
    assert isinstance(seen(data[:start] + data[start:end] * 2 + data[end:]), Reason)


@pytest.mark.parametrize("blocks", [1, 3, 40, 130])
def test_zeros_are_no_hole_where_an_encoder_writes_each_empty_block(blocks: int) -> None:
    empty = "0" * blocks * blocks
    data = grey(blocks, [("010500", empty), ("063f01", empty), ("063f10", empty), ("000010", empty)])
    assert isinstance(held(data), Facts)
    assert seen(grey(blocks, [("013f00", empty + "01" * 60)])) is Reason.CORRUPT
    if blocks > 10:
        assert seen(grey(blocks, [("013f00", empty[:-200])])) is Reason.TRUNCATED


def test_a_run_of_empty_blocks_takes_few_bits() -> None:
    run = "0" + "0" * 14 + "0" * 15  # a symbol that stands for 16,384 blocks or more, twice
    assert isinstance(held(grey(181, [("013f00", run)], symbol=0xE0)), Facts)
    assert seen(grey(182, [("013f00", run)], symbol=0xE0)) is Reason.TRUNCATED
    assert seen(grey(181, [("013f00", run + "01" * 60)], symbol=0xE0)) is Reason.CORRUPT


def test_many_scans_of_many_pixels_do_not_keep_us_long() -> None:
    run = "0" + "0" * 14
    data = grey(500, [("013f00", 15 * run + run[:1] + "1" * 14)] * 5000, symbol=0xE0)
    assert held(data) is Reason.CORRUPT


@pytest.mark.parametrize("frame", [0xC3, 0xC5, 0xC9, 0xCA])
def test_a_jpeg_that_browsers_do_not_show_is_refused_by_name(frame: int) -> None:
    assert seen(grey(4, [], frame=frame)) is Reason.UNSUPPORTED_FORMAT
    assert seen(grey(4, [], precision=12)) is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_is_looked_at(mode: str) -> None:
    image = drawing(90, 70).convert("L").convert("I").point(lambda value: value * 257).convert("I;16")
    facts = seen(encoded(image if mode == "I;16" else drawing(90, 70).convert(mode), "PNG"))
    assert isinstance(facts, Facts)
    assert facts.preview is not None
    assert len(facts.preview.rgb) == 3 * facts.preview.width * facts.preview.height


TRAILERS = {
    "a ZIP": b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18),
    "a page": b"<html><script>alert(1)</script></html>",
    "another picture": photos()["plain.jpg"],
    "a video": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
    "a line end": b"\r\n",
    "zeros": bytes(4096),
}


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("name", ["plain.jpg", "progressive.jpg", "plain.png", "plain.gif", "lossy.webp", "plain.avif"])
def test_what_follows_a_picture_is_cut_off(name: str, trailer: str) -> None:
    if (name, trailer) == ("plain.avif", "a video"):
        return  # boxes of the same kind of file
    data = photos()[name]
    content = io.BytesIO(data + TRAILERS[trailer])
    facts = inspect(content)
    assert facts == inspect(io.BytesIO(data))
    assert content.read() == data


@pytest.mark.parametrize("head", [b"<html>", b"PK\x03\x04", b"%PDF-1.4\n", b"\0", b"\n"])
def test_a_picture_inside_of_something_else_is_none(head: bytes) -> None:
    assert seen(head + photos()["plain.jpg"]) is Reason.NOT_AN_IMAGE


def flat_png(width: int, height: int) -> bytes:
    """A true PNG of any size in some KB."""
    pack = zlib.compressobj(9)
    rows = b"".join(pack.compress(bytes(3 * width + 1)) for _ in range(height)) + pack.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def resized(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header claims another size."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return over(data, at + 5, struct.pack(">HH", height, width))


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (flat_png(6000, 6000), Facts),
        (resized(photos()["progressive.jpg"], 65_000, 900), Reason.TOO_MANY_PIXELS),
        (resized(photos()["plain.jpg"], 65_000, 900), Reason.TRUNCATED),
        (resized(photos()["plain.jpg"], 65_535, 65_535), Reason.TOO_MANY_PIXELS),
    ],
)
def test_a_bomb_takes_no_memory(data: bytes, verdict: object) -> None:
    tracemalloc.start()
    try:
        found = seen(data)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert found is verdict or (verdict is Facts and isinstance(found, Facts))


def test_a_large_file_on_disk_is_not_read_into_memory(tmp_path: Path) -> None:
    plain = photos()["plain.jpg"]
    comment = b"\xff\xfe" + struct.pack(">H", 65_535) + bytes(65_533)
    path = tmp_path / "large.jpg"
    path.write_bytes(plain[:2] + comment * 300 + plain[2:] + b"PK\x03\x04")
    with path.open("r+b") as content:
        tracemalloc.start()
        try:
            facts = inspect(content)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(content.read()) == facts.size == path.stat().st_size
    assert peak < 8_000_000 < facts.size


@pytest.mark.parametrize("change", [lambda data: data.replace(b"\xff\xd2", b"\xff\xd3"), lambda data: data[:-99]])
def test_a_large_file_on_disk_is_refused_like_a_small_one(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    plain = photo(restart_marker_rows=1)
    damaged = change(plain[:2] + b"".join(segment(0xFE, bytes(65_533)) for _ in range(20)) + plain[2:])
    path = tmp_path / "large.jpg"
    path.write_bytes(damaged)
    with path.open("r+b") as content, pytest.raises(Refusal) as caught:
        inspect(content)
    assert caught.value.reason is seen(damaged)


def test_a_large_png_on_disk_is_decoded_from_there(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(encoded(Image.frombytes("RGB", (1400, 1400), random.Random(3).randbytes(5_880_000)), "PNG"))
    with path.open("r+b") as content:
        tracemalloc.start()
        try:
            assert inspect(content).perceptual_hash
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("limit", [10**9, 10_000])
def test_no_png_may_lack_a_piece_however_large_it_is(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MOST_MEMORY", limit)
    rows = b"".join(b"\0" + random.Random(row).randbytes(400) for row in range(400))
    pixels = zlib.compress(rows, 0)
    pieces = [chunk(b"IDAT", pixels[at : at + 50_000]) for at in range(0, len(pixels), 50_000)]
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 400, 400, 8, 0, 0, 0, 0))
    assert isinstance(seen(head + b"".join(pieces) + chunk(b"IEND", b"")), Facts)
    for number in range(len(pieces)):
        damaged = head + b"".join(pieces[:number] + pieces[number + 1 :]) + chunk(b"IEND", b"")
        assert seen(damaged) in (Reason.TRUNCATED, Reason.CORRUPT), number


def test_no_large_png_is_unpacked_beyond_its_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MOST_MEMORY", 10_000)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 400, 400, 8, 0, 0, 0, 0))
    bomb = chunk(b"IDAT", zlib.compress(bytes(20_000_000)))
    assert held(head + bomb + chunk(b"IEND", b"")) is Reason.CORRUPT


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=250)
def test_no_mutation_is_accepted_that_a_full_decode_refuses(name: str, draw: st.DataObject) -> None:
    data = photos()[name]
    place = st.integers(0, len(data)) | st.integers(0, min(len(data), 700))
    for _ in range(draw.draw(st.integers(1, 3))):
        at, until = sorted((draw.draw(place), draw.draw(place)))
        piece = draw.draw(st.binary(max_size=12) | st.just(data[at:until]) | st.just(bytes(until - at)))
        data = data[:at] + piece + data[draw.draw(st.sampled_from([at, until, at + len(piece)])) :]
    held(data)


EDITS: tuple[Callable[[bytes, int, int, random.Random], bytes], ...] = (
    lambda data, at, size, rng: over(data, at, rng.randbytes(size)),
    lambda data, at, size, rng: over(data, at, bytes(size)),
    lambda data, at, size, rng: over(data, at, b"\xff" * size),
    lambda data, at, size, rng: data[:at] + data[at + size :],
    lambda data, at, size, rng: data[:at] + data[max(0, at - size) : at] + data[at:],
    lambda data, at, size, rng: over(data, at, bytes([data[at] ^ 1 << rng.randrange(8)])) if at < len(data) else data,
    lambda data, at, size, rng: data + rng.randbytes(size),
    lambda data, at, size, rng: data[:at],
)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_no_series_of_edits_is_accepted_that_a_full_decode_refuses(name: str) -> None:
    rng = random.Random(name)
    for _ in range(120):
        data = SOURCES[name]
        for _ in range(rng.randrange(1, 4)):
            at = int(len(data) * rng.random() ** rng.choice((1, 3)))
            data = rng.choice(EDITS)(data, at, rng.choice((1, 2, 4, 16, 200)), rng)
        held(data)


@pytest.mark.parametrize(
    "boxes",
    [
        b"\0\0\0\x10iloc\1\0\0\0\0\0\xff\xff" + b"\0\1\0\0\0\0\xff\xff" * 40,
        b"\0\0\0\x01iinf" + b"\xff" * 8,
        b"\0\0\0\x08iprp",
    ],
)
def test_no_table_of_an_avif_keeps_us_long(boxes: bytes) -> None:
    meta = bytes(4) + boxes
    data = b"\0\0\0\x14ftypavif\0\0\0\0avif" + struct.pack(">I", 8 + len(meta)) + b"meta" + meta
    assert held(data) in (Reason.CORRUPT, Reason.TRUNCATED)
