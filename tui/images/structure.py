"""Where a file reaches its own end, by its markers and lengths alone: what a decoder is too forgiving to ask."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

from tui.images import avif, jpeg
from tui.images.layout import Bytes, Layout, Span, corrupt, truncated

_WINDOW = 1024 * 1024

MOST_CHUNKS = 50_000
LONGEST_COMMENT = 128 * 1024
"""Bytes of comments in a GIF; what Pillow does with them takes time by the square of their length."""


def layout_of(format_name: str, data: Bytes) -> Layout:
    """The layout of `data`, which starts like a file of this format; bytes after its end are none of it.

    Raises Refusal: TRUNCATED where it does not hold all of the file, CORRUPT where its parts contradict each other.
    """
    try:
        return _LAYOUTS[format_name](data)
    except IndexError:
        raise truncated(format_name) from None


def _png(data: Bytes) -> Layout:
    """Chunks up to IEND; those that a decoder needs (upper case by name) have a checksum (RFC 2083, section 3.2)."""
    at = 8
    spans: list[Span] = []
    pixels: list[tuple[int, int]] = []
    kinds: list[bytes] = []
    while b"IEND" not in kinds[-1:]:
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 8 + size
        if end + 4 > len(data):
            raise truncated("PNG")
        if kind[:1].isupper() and _crc(data, at + 4, end) != int.from_bytes(data[end : end + 4]):
            raise corrupt("PNG", "with a wrong checksum")
        kinds.append(kind)
        if kind == b"IDAT":
            pixels.append((at + 8, end))
        elif kind in _PNG_METADATA:
            spans.append(Span(kind.decode(), at + 8, end))
        at = end + 4
        if len(kinds) > MOST_CHUNKS:
            raise corrupt("PNG", "with too many chunks")
    if kinds[0] != b"IHDR" or data[11] != 13 or not pixels:
        raise corrupt("PNG", "without a picture")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    memory = width * height * (4 if data[25] in (0, 2) else 8)
    return Layout(width, height, at, memory, tuple(spans), segments=tuple(pixels))


def _crc(data: Bytes, start: int, end: int) -> int:
    crc = 0
    for at in range(start, end, _WINDOW):
        crc = zlib.crc32(data[at : min(at + _WINDOW, end)], crc)
    return crc


def _gif(data: Bytes) -> Layout:
    """GIF89a, sections 17 to 27: blocks of sub-blocks up to a trailer; a first frame may be larger than the screen."""
    width, height, seen, comments, spans = _short(data, 6), _short(data, 8), False, 0, []
    at = 13 + _gif_palette(data[10])
    while (kind := data[at]) != 0x3B:
        start = at
        if kind == 0x21:
            at = _after_sub_blocks(data, at + 2)
            comments += at - start if data[start + 1] == 0xFE else 0
            if data[start + 3 : start + 14] == b"XMP DataXMP":
                spans.append(Span("XMP", start + 14, at))
        elif kind == 0x2C:
            if not seen:
                width = max(width, _short(data, at + 1) + _short(data, at + 5))
                height = max(height, _short(data, at + 3) + _short(data, at + 7))
            seen = True
            at = _after_sub_blocks(data, at + 11 + _gif_palette(data[at + 9]))
        else:
            at += 1
    if not seen or comments > LONGEST_COMMENT:
        raise corrupt("GIF", "without a picture" if not seen else "with too long a comment")
    return Layout(width, height, at + 1, 4 * width * height, tuple(spans))


def _short(data: Bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(data: Bytes, at: int) -> int:
    while size := data[at]:
        at += size + 1
    return at + 1


def _webp(data: Bytes) -> Layout:
    """RIFF chunks, padded to even lengths (RFC 9649, section 2.3)."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < end:
        raise truncated("WEBP")
    at, spans = 12, []
    sizes: dict[bytes, tuple[int, int]] = {}
    while at + 8 <= end:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        start, at = at + 8, at + 8 + length + length % 2
        if start + length > end:
            raise truncated("WEBP")
        if kind in _WEBP_SIZES:
            sizes.setdefault(kind, _WEBP_SIZES[kind](data[start : start + 10]))
        if kind in (b"EXIF", b"XMP "):
            spans.append(Span(kind.decode().strip(), start, start + length))
    if not sizes:
        raise corrupt("WEBP", "without a picture")
    if len(set(sizes.values())) > 1:  # those of an animation's frames lie deeper
        raise corrupt("WEBP", "with two sizes")
    width, height = next(iter(sizes.values()))
    return Layout(width, height, end, 12 * width * height, tuple(spans))


def _lossy(head: bytes) -> tuple[int, int]:
    """The header of a VP8 key frame (RFC 6386, section 9.1)."""
    if len(head) < 10 or head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":
        raise corrupt("WEBP", "without a key frame")
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _lossless(head: bytes) -> tuple[int, int]:
    """A signature, 14 bits for each side, one for the use of alpha and three of a version (RFC 9649, section 3.4)."""
    if len(head) < 5 or head[0] != 0x2F or head[4] >> 5:
        raise corrupt("WEBP", "without a lossless header")
    bits = int.from_bytes(head[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _canvas(head: bytes) -> tuple[int, int]:
    if len(head) < 10:
        raise corrupt("WEBP", "without a canvas")
    return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1


_WEBP_SIZES: Mapping[bytes, Callable[[bytes], tuple[int, int]]] = {
    b"VP8 ": _lossy,
    b"VP8L": _lossless,
    b"VP8X": _canvas,
}

_PNG_METADATA = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})

_LAYOUTS: Mapping[str, Callable[[Bytes], Layout]] = {
    "JPEG": jpeg.layout,
    "PNG": _png,
    "GIF": _gif,
    "WEBP": _webp,
    "AVIF": avif.layout,
}
