"""JPEGs of one grey tone, put together segment by segment as no encoder at hand writes them (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def segment(kind: int, payload: bytes) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">H", len(payload) + 2) + payload


def table(place: int, *symbols: int) -> bytes:
    """A Huffman table: codes of 1, 2, 3 … bits, the shortest of them all zeros."""
    return segment(0xC4, bytes([place, *(1 for _ in symbols)]).ljust(17, b"\0") + bytes(symbols))


def packed(bits: str) -> bytes:
    """Bits with the padding behind and the zeros that are stuffed in."""
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def grey(
    blocks: int, scans: Sequence[tuple[str, str]], *, frame: int = 0xC2, precision: int = 8, symbol: int = 0
) -> bytes:
    """A JPEG of so many blocks in each direction: a DC scan, then others by their header in hex and their bits.

    `symbol` is the only one of its AC table, and its code a single zero.
    """
    side = 8 * blocks
    size = struct.pack(">BHHB", precision, side, side, 1)
    head = segment(0xDB, b"\0" + b"\1" * 64) + segment(frame, size + b"\1\x11\0")
    tables = table(0x00, 0) + table(0x10, symbol)
    parts = [("000000", "0" * blocks * blocks), *scans]
    body = b"".join(segment(0xDA, b"\1\1\0" + bytes.fromhex(header)) + packed(bits) for header, bits in parts)
    return b"\xff\xd8" + head + tables + body + b"\xff\xd9"
