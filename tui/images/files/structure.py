"""Where a file reaches its own end, by its markers and lengths alone: what a decoder is too forgiving to ask."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping

from tui.images.files import avif, jpeg, png, webp
from tui.images.files.layout import Bytes, Layout, Span, corrupt, truncated

_WINDOW = 1024 * 1024

MOST_CHUNKS = 50_000
_GRAPHIC_CONTROL, _COMMENT = 0xF9, 0xFE
LONGEST_COMMENT = 128 * 1024
"""Bytes of comments in a GIF; what Pillow does with them takes time by the square of their length."""


def layout_of(format_name: str, data: Bytes) -> Layout:
    """The layout of `data`, which starts like a file of this format; bytes after its end are none of it.

    Raises Refusal: TRUNCATED where it does not hold all of the file, CORRUPT where its parts contradict each other.
    """
    try:
        layout = _LAYOUTS[format_name](data)
    except IndexError:
        raise truncated(format_name) from None
    if not layout.width or not layout.height:
        raise corrupt(format_name, "without a picture")
    return layout


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
        elif kind[:1].islower() and kind not in _SILENT:
            spans.append(Span(kind.decode("latin-1"), at + 8, end))
        at = end + 4
        if len(kinds) > MOST_CHUNKS:
            raise corrupt("PNG", "with too many chunks")
    if kinds[0] != b"IHDR" or data[11] != 13 or not pixels:
        raise corrupt("PNG", "without a picture")
    png.check(data[16:29])
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
    width, height, seen, comments, strays = _short(data, 6), _short(data, 8), False, 0, 0
    spans: list[Span] = []
    at = 13 + _gif_palette(data[10])
    while (kind := data[at]) != 0x3B:
        start = at
        if kind == 0x21:
            at = _after_sub_blocks(data, at + 2)
            comments += at - start if data[start + 1] == _COMMENT else 0
            spans += _gif_metadata(data, start, at)
        elif kind == 0x2C:
            if not seen:
                width = max(width, _short(data, at + 1) + _short(data, at + 5))
                height = max(height, _short(data, at + 3) + _short(data, at + 7))
            seen = True
            at = _after_sub_blocks(data, at + 11 + _gif_palette(data[at + 9]))
        else:
            at, strays = at + 1, strays + 1
        if len(spans) > MOST_CHUNKS or strays > MOST_CHUNKS:
            raise corrupt("GIF", "with too much between its pictures")
    if not seen or comments > LONGEST_COMMENT:
        raise corrupt("GIF", "without a picture" if not seen else "with too long a comment")
    return Layout(width, height, at + 1, 4 * width * height, tuple(spans))


def _gif_metadata(data: Bytes, start: int, end: int) -> Iterator[Span]:
    """The sub-blocks of a comment, or of an extension behind the block that names it."""
    named = start + 3 + data[start + 2]
    if data[start + 1] == _COMMENT:
        yield Span("comment", start + 2, end)
    elif data[start + 1] != _GRAPHIC_CONTROL and named < end:
        yield Span("XMP" if data[start + 3 : named] == b"XMP DataXMP" else "extension", named, end)


def _short(data: Bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(data: Bytes, at: int) -> int:
    while size := data[at]:
        at += size + 1
    return at + 1


_SILENT = frozenset(
    {
        *(b"acTL", b"bKGD", b"cHRM", b"cICP", b"cLLi", b"fcTL", b"fdAT", b"gAMA", b"hIST", b"iCCP", b"iDOT"),
        *(b"mDCv", b"oFFs", b"pCAL", b"pHYs", b"sBIT", b"sCAL", b"sPLT", b"sRGB", b"sTER", b"tIME", b"tRNS"),
    }
)
"""Chunks that tell nothing but how to show a picture; what is in others may tell something else."""

_LAYOUTS: Mapping[str, Callable[[Bytes], Layout]] = {
    "JPEG": jpeg.layout,
    "PNG": _png,
    "GIF": _gif,
    "WEBP": webp.layout,
    "AVIF": avif.layout,
}
