"""The chunks of a WebP (RFC 9649) and what the headers of its pictures say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tui.images.files import vp8
from tui.images.files.layout import Bytes, Layout, Span, corrupt, has_hole, truncated

_FRAME, _FRAME_HEAD = b"ANMF", 16

MOST_CHUNKS = 50_000

_Chunk = tuple[bytes, int, int]
"""The kind of a chunk, and where its payload starts and ends."""


def layout(data: Bytes) -> Layout:
    """The layout of a WebP; raises Refusal where a part is missing or contradicts another."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < end:
        raise truncated("WEBP")
    outer = list(_chunks(data, 12, end))
    chunks = [chunk for one in outer for chunk in _with_inner(data, one)]
    sizes = {_SIZES[kind](data[start : start + 10]) for kind, start, _ in outer if kind in _SIZES}
    pictures = [chunk for chunk in chunks if chunk[0] in _HOLES]
    if not sizes or not pictures:
        raise corrupt("WEBP", "without a picture")
    if len(sizes) > 1:  # those of an animation's frames lie deeper
        raise corrupt("WEBP", "with two sizes")
    width, height = sizes.pop()
    for picture in pictures:
        _check(data, picture, width * height)
    spans = (Span(kind.decode("latin-1").strip(), at, stop) for kind, at, stop in chunks if kind not in _SILENT)
    memory = max(_MEMORY.get(kind, 0) for kind, _, _ in chunks) * width * height
    return Layout(width, height, end, memory, tuple(spans))


def _chunks(data: Bytes, at: int, end: int) -> Iterator[_Chunk]:
    """Chunks are padded to even lengths (section 2.3)."""
    for _ in range(MOST_CHUNKS):
        if at + 8 > end:
            return
        start, length = at + 8, int.from_bytes(data[at + 4 : at + 8], "little")
        if start + length > end:
            raise truncated("WEBP")
        yield data[at : at + 4], start, start + length
        at = start + length + length % 2
    raise corrupt("WEBP", "with too many chunks")


def _with_inner(data: Bytes, chunk: _Chunk) -> Iterator[_Chunk]:
    """A chunk and, of an animation's frame, the chunks in it (section 2.7.1.1)."""
    yield chunk
    if chunk[0] == _FRAME:
        yield from _chunks(data, chunk[1] + _FRAME_HEAD, chunk[2])


def _check(data: Bytes, picture: _Chunk, pixels: int) -> None:
    kind, start, end = picture
    head = data[start : start + 10]
    _SIZES[kind](head)
    if kind == b"VP8 " and not vp8.is_whole(data, start, end):
        raise corrupt("WEBP", "with too little in its picture")
    if has_hole(data, start + len(head), end, pixels // _HOLES[kind]):
        raise corrupt("WEBP", "with a hole in it")


def _lossy(head: bytes) -> tuple[int, int]:
    """The header of a VP8 key frame (RFC 6386, section 9.1)."""
    if len(head) < 10 or head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":
        raise corrupt("WEBP", "without a key frame")
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _lossless(head: bytes) -> tuple[int, int]:
    """A signature, 14 bits for each side, one for the use of alpha and three of a version (section 3.4)."""
    if len(head) < 5 or head[0] != 0x2F or head[4] >> 5:
        raise corrupt("WEBP", "without a lossless header")
    bits = int.from_bytes(head[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _canvas(head: bytes) -> tuple[int, int]:
    if len(head) < 10:
        raise corrupt("WEBP", "without a canvas")
    return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1


_SIZES: Mapping[bytes, Callable[[bytes], tuple[int, int]]] = {
    b"VP8 ": _lossy,
    b"VP8L": _lossless,
    b"VP8X": _canvas,
}

_HOLES: Mapping[bytes, int] = {b"VP8 ": 128, b"VP8L": 2}
"""Pixels for each zero byte in a row. Where they are all alike libwebp writes one for 357 or more, or 4 or more."""

_MEMORY: Mapping[bytes, int] = {b"VP8L": 4, b"ALPH": 5}
"""Bytes that libwebp holds of each pixel; nothing beside these but some rows where it scales while it decodes."""

_SILENT = frozenset({*_SIZES, _FRAME, b"ALPH", b"ANIM", b"ICCP"})
"""Chunks that a decoder needs; what is in others may tell something else."""
