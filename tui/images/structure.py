"""Whether a file reaches its own end, by its markers and lengths alone: what a decoder is too forgiving to ask."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping

# A marker is 0xFF and a byte; in a scan 0xFF00 is a data byte and 0xFFD0 to 0xFFD7 are restarts (ITU-T T.81, B.1.1).
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_END = 0xD9
_JPEG_BARE = frozenset({0x01, 0xD8})  # markers without a length


def is_whole(format_name: str, data: bytes) -> bool:
    """Whether `data`, which starts like a file of this format, holds all of it; bytes after its end do not matter."""
    try:
        return _WALKS[format_name](data)
    except IndexError:
        return False


def _jpeg(data: bytes) -> bool:
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        at, kind = marker.end(), data[marker.end() - 1]
        if kind == _JPEG_END:
            return True
        if kind not in _JPEG_BARE:
            at += int.from_bytes(data[at : at + 2])
    return False


def _png(data: bytes) -> bool:
    at, kind = 8, b""
    while kind != b"IEND":
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        at += size + 12
        if at > len(data) or len(kind) < 4:
            return False
    return True


def damaged_png(data: bytes) -> bool:
    """Whether a chunk that a decoder needs (upper case by name) does not match its checksum (RFC 2083, section 3.2)."""
    at, kind = 8, b""
    while kind != b"IEND":
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 8 + size
        if kind[:1].isupper() and zlib.crc32(memoryview(data)[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return True
        at = end + 4
    return False


def _gif(data: bytes) -> bool:
    """GIF89a, sections 17 to 27: blocks of sub-blocks up to a trailer."""
    at = 13 + _gif_palette(data[10])
    while (kind := data[at]) != 0x3B:
        if kind == 0x21:
            at = _after_sub_blocks(data, at + 2)
        elif kind == 0x2C:
            at = _after_sub_blocks(data, at + 11 + _gif_palette(data[at + 9]))
        else:
            at += 1
    return True


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> int:
    while size := data[at]:
        at += size + 1
    return at + 1


def _webp(data: bytes) -> bool:
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _avif(data: bytes) -> bool:
    """Boxes of ISO/IEC 14496-12, section 4.2: a size of 1 means that 64 bits of it follow, 0 that it is the last."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size == 0:
            return True
        at += max(size, 8)
    return at == len(data)


_WALKS: Mapping[str, Callable[[bytes], bool]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "WEBP": _webp,
    "AVIF": _avif,
}
