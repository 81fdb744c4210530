from __future__ import annotations

import hashlib
import io
import struct
import zlib
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.images.cameras import LATITUDE, XMP, camera, chunk, jpeg, pixels, png
from tests.images.photos import drawing, encoded
from tui.images.files.inspect import Facts, inspect
from tui.model import Refusal

TAKEN = datetime(2019, 7, 4, 10, 30, 45, tzinfo=UTC)
SIGNATURE = b"http://ns.adobe.com/xap/1.0/\0"
MORE = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", len(XMP), 0)
PLACELESS = XMP.replace(b"GPSLatitude", b"Pixels").replace(b"GPSLongitude", b"Lines")
SECRETS = (
    b"GPSL",
    b"47,3.123456N",
    *(number.to_bytes(4, order) for number in LATITUDE if number > 1000 for order in ("big", "little")),
)


def image_as(name: str, **options: object) -> bytes:
    return encoded(drawing(64, 48), name, **options)


def with_exif(name: str, order: str) -> bytes:
    exif = camera(order)
    if name == "JPEG":
        return jpeg(b"Exif\0\0" + exif)
    if name == "PNG":
        return png(chunk(b"eXIf", exif))
    return image_as(name, exif=exif, **({"speed": 10} if name == "AVIF" else {}))


def cleaned(data: bytes) -> tuple[Facts, bytes]:
    """What is left of a file: as long, with the same pixels, and told by its facts."""
    content = io.BytesIO(data)
    facts = inspect(content)
    left = content.getvalue()
    assert len(left) == len(data) == facts.size
    assert hashlib.sha256(left).hexdigest() == facts.sha256
    assert pixels(left) == pixels(data)
    assert inspect(io.BytesIO(left)) == facts
    return facts, left


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_is_read_and_its_place_removed(name: str, order: str) -> None:
    data = with_exif(name, order)
    facts, left = cleaned(data)
    assert (facts.orientation, facts.taken_at) == (6, TAKEN)
    with Image.open(io.BytesIO(left)) as image:
        exif = image.getexif()
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "2019:07:04 12:30:45"
    assert not any(secret in left for secret in SECRETS)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_place_that_is_to_be_kept_is(name: str) -> None:
    content = io.BytesIO(with_exif(name, "<"))
    data = content.getvalue()
    facts = inspect(content, keep_gps=True)
    assert (content.getvalue(), facts.orientation) == (data, 6)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()


def international(text: bytes, packed: bool) -> bytes:
    text = zlib.compress(text) if packed else text
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"\0\0" + text)


RAW = b"\nexif\n 100\n" + camera().hex().encode()

POINTER = b"Exif\0\0II*\0\x08\0\0\0\1\0\xbc\2\1\0" + struct.pack("<II", len(XMP), 26) + bytes(4)
GIF, GIF_XMP = image_as("GIF")[:-1], b"\x21\xff\x0bXMP DataXMP"
BLOCKS = b"\xc0" + XMP[:192] + bytes([len(XMP) - 192]) + XMP[192:]

SAID = b'{"exif:GPSLatitude":"47,3.123456N"}'
C2PA = b"JP\0\1\0\0\0\1" + b"\0\0\1\0jumb" + SAID
RESOURCE = b"Photoshop 3.0\x008BIM\x04\x22\0\0" + struct.pack(">I", len(camera())) + camera()
DEFAULT = XMP.replace(
    b'exif:GPSLatitude="47,3.123456N"', b'><GPSLatitude xmlns="http://ns.adobe.com/exif/1.0/">47,3.123456N</GPSLatitude'
).replace(b' exif:GPSLongitude="8,32.5E"/>', b"></rdf:Description>")


def segment(kind: int, payload: bytes) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">H", len(payload) + 2) + payload


def jpeg_with(*segments: bytes) -> bytes:
    return jpeg()[:2] + b"".join(segments) + jpeg()[2:]


def webp_with(kind: bytes, payload: bytes) -> bytes:
    data = image_as("WEBP", exif=camera(gps=False)) + kind + struct.pack("<I", len(payload)) + payload
    data += b"\0" * (len(payload) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def avif_with(kind: bytes, payload: bytes) -> bytes:
    return image_as("AVIF", speed=10) + struct.pack(">I", len(payload) + 8) + kind + payload


ELSEWHERE = {
    "a manifest in a JPEG": jpeg_with(segment(0xEB, C2PA)),
    "a manifest in pieces in a JPEG": jpeg_with(segment(0xEB, C2PA[:30]), segment(0xEB, C2PA[:16] + C2PA[30:])),
    "a comment of a JPEG": jpeg_with(segment(0xFE, b"GPSLatitude=47,3.123456N")),
    "Kodak's EXIF in a JPEG": jpeg_with(segment(0xE3, b"Meta\0\0" + camera())),
    "EXIF in another segment of a JPEG": jpeg_with(segment(0xE3, b"Exif\0\0" + camera())),
    "Photoshop's EXIF in a JPEG": jpeg_with(segment(0xED, RESOURCE)),
    "Photoshop's EXIF in pieces": jpeg_with(segment(0xED, RESOURCE[:80]), segment(0xED, RESOURCE[:14] + RESOURCE[80:])),
    "XMP of a JPEG without a prefix": jpeg(SIGNATURE + DEFAULT),
    "a manifest in a PNG": png(chunk(b"caBX", C2PA)),
    "EXIF of old in a PNG": png(chunk(b"exIf", camera())),
    "a text of a PNG": png(chunk(b"tEXt", b"Latitude\x0047,3.123456N")),
    "a manifest in a WebP": webp_with(b"C2PA", C2PA),
    "EXIF under a wrong name in a WebP": webp_with(b"EXIf", camera()),
    "XMP in a box of an AVIF": avif_with(
        b"uuid", b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac" + XMP
    ),
    "what an AVIF has no use for": avif_with(b"free", SAID),
    "a comment of a GIF": GIF + b"\x21\xfe" + b"\x05exif:" + bytes([len(SAID) - 7]) + SAID[7:] + b"\0\x3b",
    "another extension of a GIF": GIF + b"\x21\xff\x0bwhatever1.0" + bytes([len(SAID)]) + SAID + b"\0\x3b",
}

PLACES = ELSEWHERE | {
    "XMP of a JPEG": jpeg(SIGNATURE + XMP),
    "UTF-16 XMP of a JPEG": jpeg(SIGNATURE + XMP.decode().encode("utf-16-le")),
    "extended XMP of a JPEG": jpeg(MORE + XMP[:150], MORE + XMP[150:]),
    "XMP in the EXIF of a JPEG": image_as("JPEG", exif=POINTER + XMP),
    "malformed EXIF of a JPEG": jpeg(b"Exif\0\0" + camera()[:-30]),
    "EXIF under a wrong name": jpeg(b"EXIF\0\0" + camera()),
    "two times EXIF": jpeg(b"Exif\0\0" + camera("<"), b"Exif\0\0" + camera(">")),
    "XMP of a PNG": png(international(XMP, packed=False)),
    "packed XMP of a PNG": png(international(XMP, packed=True)),
    "broken XMP of a PNG": png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0x\x9c no zlib")),
    "EXIF as text in a PNG": png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(RAW))),
    "a property of a PNG": png(chunk(b"tEXt", b"exif:GPSLatitude\x0047,3.123456N")),
    "EXIF behind a PNG's pixels": png()[:-12] + chunk(b"eXIf", camera(">")) + png()[-12:],
    "XMP of a WebP": image_as("WEBP", xmp=XMP),
    "XMP of an AVIF": image_as("AVIF", xmp=XMP, speed=10),
    "XMP of a GIF": GIF + GIF_XMP + XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0\x3b",
    "XMP of a GIF in blocks": GIF + GIF_XMP + BLOCKS + b"\0\x3b",
}


@pytest.mark.parametrize("name", PLACES)
def test_no_place_is_left(name: str) -> None:
    _, left = cleaned(PLACES[name])
    assert not any(secret in left.replace(b"\0", b"") for secret in SECRETS[:2])
    assert not any(secret in left for secret in SECRETS)
    assert RAW[20:200] not in left
    with Image.open(io.BytesIO(left)) as image:
        image.load()
        assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize(
    "data",
    [
        jpeg(SIGNATURE + PLACELESS, b"Exif\0\0" + camera(gps=False), b"something else"),
        jpeg_with(
            segment(0xEB, b"JP" + bytes(40)),
            segment(0xFE, b"a red car"),
            segment(0xED, RESOURCE[:18] + b"\4\4" + bytes(6)),
        ),
        webp_with(b"C2PA", b"JP" + bytes(40)),
        GIF + b"\x21\xfe\x09a red car\0\x3b",
        png(international(PLACELESS, packed=True), chunk(b"tEXt", b"Author\0somebody")),
    ],
)
def test_metadata_that_tell_no_place_stay(data: bytes) -> None:
    assert cleaned(data)[1] == data


def test_the_orientation_of_an_avif_is_that_of_its_boxes() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    assert cleaned(image_as("AVIF", exif=exif, speed=10))[0].orientation == 8


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_whatever_tells_a_place_stays_where_it_is_wanted(name: str) -> None:
    content = io.BytesIO(ELSEWHERE[name])
    inspect(content, keep_gps=True)
    assert content.getvalue() == ELSEWHERE[name]


def test_the_texts_of_a_png_are_unpacked_to_a_megabyte_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 1_000_000, 9))
    data, unpacked = png(text * 100), 0

    class Counted:
        def __init__(self) -> None:
            self._inner = decompressobj()

        def decompress(self, packed: bytes, most: int) -> bytes:
            nonlocal unpacked
            plain = self._inner.decompress(packed, most)
            unpacked += len(plain)
            return plain

    decompressobj, content = zlib.decompressobj, io.BytesIO(data)
    monkeypatch.setattr(zlib, "decompressobj", Counted)
    inspect(content, decoding=False)
    left = content.getvalue()
    assert unpacked <= 1024 * 1024
    assert (left.count(b"zTXt"), left.count(b"Comment\0")) == (1, 99)


@pytest.mark.parametrize("away", [7, 100, 10**9])
def test_exif_that_an_avif_does_not_point_to_is_taken_out_once(away: int) -> None:
    data = with_exif("AVIF", "<")
    start = data.index(b"Exif\0\0II*\0") - 4
    content = io.BytesIO(data[:start] + struct.pack(">I", away) + data[start + 4 :])
    inspect(content, decoding=False)
    left = content.getvalue()
    assert not any(secret in left for secret in SECRETS)
    inspect(content, decoding=False)
    assert content.getvalue() == left


SOURCES = PLACES | {
    f"EXIF of a {name}, {order}": with_exif(name, order) for name in ("JPEG", "PNG", "WEBP", "AVIF") for order in "<>"
}


@given(st.sampled_from(sorted(SOURCES)), st.data())
@settings(max_examples=300)
def test_what_is_stored_of_a_broken_file_would_be_stored_again(name: str, draw: st.DataObject) -> None:
    data = bytearray(SOURCES[name])
    for _ in range(draw.draw(st.integers(1, 3))):
        at = int(len(data) * draw.draw(st.floats(0, 1)) ** 2)
        piece = draw.draw(
            st.sampled_from([b"\0", b"\1", b"\xff", b"\0\0\0\4", bytes(data[at // 2 :][:12])]) | st.binary(max_size=4)
        )
        data[at : at + draw.draw(st.sampled_from([len(piece), 0, 9]))] = piece
    content = io.BytesIO(bytes(data))
    with suppress(Refusal):
        facts = inspect(content, decoding=False)
        left = content.getvalue()
        assert inspect(content, decoding=False) == facts
        assert content.getvalue() == left
