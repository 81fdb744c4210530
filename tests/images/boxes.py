"""AVIFs and WebPs put together box by box as no encoder at hand writes them; nothing in them decodes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Extent = tuple[int, int]
"""An offset into the payload of mdat, which may be less than 0, and a length."""


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", 8 + len(payload)) + kind + payload


def avif(mdat: bytes, items: Sequence[tuple[bytes, Sequence[Extent]]], side: int = 64) -> bytes:
    """An AVIF of items, each with its kind (`av01`, `Exif`, or `mime` for XMP) and where it lies."""
    infes = b""
    for number, (kind, _) in enumerate(items, 1):
        described = b"application/rdf+xml\0" if kind == b"mime" else b""
        infes += box(b"infe", struct.pack(">BBHHH", 2, 0, 0, number, 0) + kind + b"\0" + described)
    size = box(b"iprp", box(b"ipco", box(b"ispe", struct.pack(">III", 0, side, side))))

    def meta(origin: int) -> bytes:
        table = struct.pack(">IBBH", 0, 0x44, 0, len(items))
        for number, (_, extents) in enumerate(items, 1):
            table += struct.pack(">HHH", number, 0, len(extents))
            table += b"".join(struct.pack(">II", origin + at, length) for at, length in extents)
        return box(
            b"meta", bytes(4) + box(b"iinf", struct.pack(">IH", 0, len(items)) + infes) + box(b"iloc", table) + size
        )

    head = box(b"ftyp", b"avif\0\0\0\0avifmif1")
    return head + meta(len(head) + len(meta(1 << 20)) + 8) + box(b"mdat", mdat)


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def canvas(side: int) -> tuple[bytes, bytes]:
    return b"VP8X", bytes(4) + 2 * (side - 1).to_bytes(3, "little")
