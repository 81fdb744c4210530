from __future__ import annotations

import hashlib
import io
import struct
import zlib
from datetime import UTC, datetime

import pytest
from PIL import ExifTags, Image

from tests.images.cameras import LATITUDE, XMP, camera, chunk, jpeg, pixels, png
from tests.images.photos import drawing, encoded
from tui.images.inspect import Facts, inspect

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

PLACES = {
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
        png(international(PLACELESS, packed=True), chunk(b"tEXt", b"Author\0somebody")),
    ],
)
def test_metadata_that_tell_no_place_stay(data: bytes) -> None:
    assert cleaned(data)[1] == data


def test_the_orientation_of_an_avif_is_that_of_its_boxes() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    assert cleaned(image_as("AVIF", exif=exif, speed=10))[0].orientation == 8
