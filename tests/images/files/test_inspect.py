from __future__ import annotations

import hashlib
import io
import struct
import zlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.images.photos import drawing, encoded, photos
from tui.images.files import decode
from tui.images.files.inspect import MAX_PIXELS, inspect
from tui.model import Reason, Refusal

MIME_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
}
NAMES = st.sampled_from(sorted(photos()))


def refusal_of(data: bytes, max_pixels: int = MAX_PIXELS) -> Refusal:
    with pytest.raises(Refusal) as caught:
        inspect(io.BytesIO(data), max_pixels)
    return caught.value


@pytest.mark.parametrize("name", sorted(photos()))
def test_a_whole_image_is_accepted_for_what_its_bytes_are(name: str) -> None:
    content = io.BytesIO(photos()[name])
    content.seek(7)
    facts = inspect(content)
    extension = name.rpartition(".")[2]
    size = (3, 2) if name == "tiny.jpg" else (200, 120)
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    told = (facts.mime_type, facts.extension, facts.width, facts.height, facts.size, facts.sha256)
    assert told == (MIME_TYPES[extension], extension, *size, len(photos()[name]), digest)
    assert content.tell() == 0


@pytest.mark.parametrize("name", ["tiny.jpg", "tiny.png", "tiny.gif", "tiny.webp"])
def test_no_cut_of_a_small_file_is_accepted(name: str) -> None:
    data = encoded(drawing(3, 2), {"jpg": "JPEG"}.get(name[5:], name[5:].upper()))
    for length in range(len(data)):
        refusal_of(data[:length])


@given(NAMES, st.floats(0, 1, exclude_max=True))
@settings(max_examples=400)
def test_no_cut_of_any_file_is_accepted(name: str, share: float) -> None:
    data = photos()[name]
    reason = refusal_of(data[: int(len(data) * share)]).reason
    assert reason in (Reason.TRUNCATED, Reason.NOT_AN_IMAGE, Reason.CORRUPT, Reason.EMPTY_BODY)


@given(NAMES.filter(lambda name: "avif" not in name), st.integers(1, 40))
def test_not_even_the_last_bytes_may_be_missing(name: str, missing: int) -> None:
    assert refusal_of(photos()[name][:-missing]).reason is Reason.TRUNCATED


@given(NAMES.filter(lambda name: "avif" not in name), st.binary(min_size=1, max_size=50))
def test_bytes_after_the_end_do_not_matter(name: str, tail: bytes) -> None:
    inspect(io.BytesIO(photos()[name] + tail))


@given(NAMES, st.floats(0, 1, exclude_max=True))
@settings(max_examples=200)
def test_the_structure_alone_finds_every_cut(name: str, share: float) -> None:
    data = photos()[name]
    with pytest.raises(Refusal):
        inspect(io.BytesIO(data[: int(len(data) * share)]), decoding=False)
    whole = inspect(io.BytesIO(data))
    assert inspect(io.BytesIO(data), decoding=False) == replace(whole, perceptual_hash="", preview=None)


@given(NAMES, st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=30)), min_size=1, max_size=4))
@settings(max_examples=400)
def test_whatever_is_written_over_a_file_it_is_accepted_or_refused(
    name: str, changes: list[tuple[float, bytes]]
) -> None:
    data = bytearray(photos()[name])
    for place, piece in changes:
        at = int(len(data) * place)
        data[at : at + len(piece)] = piece
    with suppress(Refusal):
        inspect(io.BytesIO(data))


@pytest.mark.parametrize("name", ["plain.jpg", "progressive.jpg", "plain.png", "lossless.webp", "plain.gif"])
def test_a_file_whose_second_half_is_zeros_is_refused(name: str) -> None:
    data = photos()[name]
    half = len(data) // 2
    refusal_of(data[:half] + bytes(len(data) - half))


@pytest.mark.parametrize("position", range(0, 100, 7))
def test_a_changed_byte_in_the_pixels_of_a_png_is_noticed(position: int) -> None:
    data = bytearray(photos()["plain.png"])
    at = data.index(b"IDAT") + 4 + position
    data[at] ^= 0x10
    assert refusal_of(bytes(data)).reason is Reason.CORRUPT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_BODY),
        (b" \r\n", Reason.EMPTY_BODY),
        (b"<!DOCTYPE html><html><svg></svg></html>", Reason.NOT_AN_IMAGE),
        (b"\xef\xbb\xbf\n<html>not found</html>", Reason.NOT_AN_IMAGE),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", Reason.NOT_AN_IMAGE),
        (b'{"error": "not found"}', Reason.NOT_AN_IMAGE),
        (b"BM is how this text begins", Reason.NOT_AN_IMAGE),
        (b"%PDF-1.7", Reason.NOT_AN_IMAGE),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42", Reason.NOT_AN_IMAGE),
        (b"RIFF\x04\x00\x00\x00WAVE", Reason.NOT_AN_IMAGE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.UNSUPPORTED_FORMAT),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<svg/>", Reason.UNSUPPORTED_FORMAT),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", Reason.UNSUPPORTED_FORMAT),
        (b"\x00\x00\x01\x00\x01\x00", Reason.UNSUPPORTED_FORMAT),
        (b"\xff\x0a\x00", Reason.UNSUPPORTED_FORMAT),
        (encoded(drawing(9, 9), "TIFF"), Reason.UNSUPPORTED_FORMAT),
        (encoded(drawing(9, 9), "BMP"), Reason.UNSUPPORTED_FORMAT),
        (b"\xff\xd8\xff\xd9", Reason.CORRUPT),
        (b"\x89PNG\r\n\x1a\n", Reason.TRUNCATED),
    ],
)
def test_what_is_no_storable_image_is_refused_by_its_bytes(data: bytes, reason: Reason) -> None:
    assert refusal_of(data).reason is reason


def png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8_001, 8_000), (12_000, 10_000), (200_000, 100_000)])
def test_a_pixel_bomb_is_refused_before_it_goes_off(width: int, height: int) -> None:
    assert refusal_of(png(width, height, bytes(1000))).reason is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize("name", ["plain.jpg", "plain.png", "lossy.webp", "plain.gif", "plain.avif"])
def test_the_pixel_limit_holds_for_every_format(name: str) -> None:
    refusal = refusal_of(photos()[name], max_pixels=200 * 120 - 1)
    assert (refusal.reason, refusal.detail) == (Reason.TOO_MANY_PIXELS, "200x120")
    inspect(io.BytesIO(photos()[name]), max_pixels=200 * 120)


def test_a_file_that_is_large_itself_leaves_no_room_for_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    data = photos()["plain.png"]
    assert inspect(io.BytesIO(data)).perceptual_hash
    monkeypatch.setattr(decode, "MOST_MEMORY", len(data) + 200 * 120)
    facts = inspect(io.BytesIO(data))
    assert (facts.width, facts.height, facts.perceptual_hash) == (200, 120, "")


@given(
    st.binary(max_size=200) | st.builds(lambda a, b: a + b, st.sampled_from([b"\xff\xd8\xff", b"GIF89a"]), st.binary())
)
def test_no_bytes_are_too_strange_to_inspect(data: bytes) -> None:
    refusal_of(data)
