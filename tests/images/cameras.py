"""EXIF as cameras write it, in both byte orders, and files of every format that carry it."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from tests.images.photos import drawing, encoded

NORTH = b"\x00\x00\x00\x2f"
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="47,3.123456N" exif:GPSLongitude="8,32.5E"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
LATITUDE = (4747, 100, 3333, 1000, 5151, 7)
"""Numbers that are in a file's bytes only as long as its place is."""

Entry = tuple[int, int, int, bytes]


class Writer:
    """A TIFF in one byte order, directory after directory."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.mark = b"II*\0" if order == "<" else b"MM\0*"
        self.out = bytearray(self.mark + self.pack("I", 8))

    def pack(self, kinds: str, *values: int) -> bytes:
        return struct.pack(self.order + kinds, *values)

    def directory(self, entries: list[Entry], following: int = 0) -> int:
        """Append a directory with its values behind it; its offset. A value of None is filled in later."""
        at = len(self.out)
        behind, table = at + 2 + 12 * len(entries) + 4, b""
        values = b""
        for tag, kind, count, value in entries:
            table += self.pack("HHI", tag, kind, count)
            if len(value) <= 4:
                table += value.ljust(4, b"\0")
            else:
                table += self.pack("I", behind + len(values))
                values += value + b"\0" * (len(value) % 2)
        self.out += self.pack("H", len(entries)) + table + self.pack("I", following) + values
        return at


def camera(
    order: str = "<",
    *,
    orientation: int = 6,
    taken: bytes = b"2019:07:04 12:30:45",
    zone: bytes | None = b"+02:00",
    gps: bool = True,
    thumbnail: bytes = b"",
) -> bytes:
    """EXIF with an orientation, a maker, a time, a place and a thumbnail, from its byte order mark on."""
    tiff = Writer(order)
    pack = tiff.pack
    places = [
        (0x0001, 2, 2, b"N\0"),
        (0x0002, 5, 3, pack("6I", *LATITUDE)),
        (0x0003, 2, 2, b"E\0"),
        (0x0004, 5, 3, pack("6I", *LATITUDE)),
        (0x001D, 2, 11, b"2019:07:04\0"),
    ]
    entries = [(0x010F, 2, 6, b"Maker\0"), (0x0112, 3, 1, pack("H", orientation))]
    entries += [(0x8769, 4, 1, b"\0\0\0\0")] + ([(0x8825, 4, 1, b"\0\0\0\0")] if gps else [])
    tiff.directory(entries)
    times = [(0x9003, 2, len(taken) + 1, taken + b"\0")]
    times += [(0x9011, 2, len(zone) + 1, zone + b"\0")] if zone else []
    tiff.out[8 + 2 + 24 + 8 : 8 + 2 + 24 + 12] = pack("I", tiff.directory(times))
    if gps:
        tiff.out[8 + 2 + 36 + 8 : 8 + 2 + 36 + 12] = pack("I", tiff.directory(places))
    if thumbnail:
        where = len(tiff.out) + 2 + 24 + 4
        link = 8 + 2 + 12 * len(entries)
        tiff.out[link : link + 4] = pack("I", len(tiff.out))
        tiff.directory([(0x0201, 4, 1, pack("I", where)), (0x0202, 4, 1, pack("I", len(thumbnail)))])
        tiff.out += thumbnail
    return bytes(tiff.out)


def jpeg(*segments: bytes, image: Image.Image | None = None) -> bytes:
    """A photo with these APP1 payloads."""
    data = encoded(image or drawing(64, 48), "JPEG")
    return data[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", len(s) + 2) + s for s in segments) + data[2:]


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(*chunks: bytes) -> bytes:
    """A picture with these chunks behind its header."""
    data = encoded(drawing(64, 48), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()
