"""The boxes of an AVIF (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tui.images.layout import Bytes, Layout, Span, corrupt, truncated

_TOP = frozenset(
    {*(b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"styp", b"sidx", b"mfra", b"wide")}
)

MAX_EXTENTS = 100_000
"""Pieces of items that are looked at: a table of some bytes can name billions of empty ones."""


def _boxes(data: Bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each box and where its payload lies (section 4.2).

    A size of 1 means that 64 bits of it follow, 0 that it reaches to the end.
    """
    while at + 8 <= end:
        size, kind, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        size = size or end - at
        yield kind, at + head, at + max(size, head)
        at += max(size, head)


def _child(data: Bytes, kind: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the payload of the first box of a kind lies; an empty place where there is none."""
    return next(((a, b) for found, a, b in _boxes(data, start, end) if found == kind and b <= end), (0, 0))


def layout(data: Bytes) -> Layout:
    """The layout of an AVIF; what follows its last known box does not belong to it."""
    end, meta = 0, (0, 0)
    for kind, start, stop in _boxes(data, 0, len(data)):
        if kind not in _TOP:
            break
        if stop > len(data):
            raise truncated("AVIF")
        end = stop
        if kind == b"meta":
            meta = start + 4, stop
    if not meta[1]:
        raise truncated("AVIF")
    width, height = _size(data, *meta)
    return Layout(width, height, end, width * height * 8, tuple(_metadata(data, *meta)))


def _size(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """The largest of the sizes that items have: those of thumbnails and tiles are smaller (23008-12, 6.5.3)."""
    shared = _child(data, b"ipco", *_child(data, b"iprp", start, end))
    sizes = [
        (int.from_bytes(data[at + 4 : at + 8]), int.from_bytes(data[at + 8 : at + 12]))
        for kind, at, _ in _boxes(data, *shared)
        if kind == b"ispe"
    ]
    if not sizes:
        raise corrupt("AVIF", "without a size")
    return max(sizes)


def _metadata(data: Bytes, start: int, end: int) -> Iterator[Span]:
    kinds = dict(_items(data, *_child(data, b"iinf", start, end)))
    inside, _ = _child(data, b"idat", start, end)
    for item, at, stop in islice(_places(data, *_child(data, b"iloc", start, end), inside), MAX_EXTENTS):
        if stop > len(data):
            raise truncated("AVIF")
        if item in kinds:
            yield Span(kinds[item], at, stop)


def _items(data: Bytes, start: int, end: int) -> Iterator[tuple[int, str]]:
    """The ids of the items that are Exif or XMP (8.11.6)."""
    if end == 0:
        return
    head = start + (6 if data[start] == 0 else 8)
    for kind, at, stop in _boxes(data, head, end):
        if kind == b"infe" and data[at] >= 2:
            wide = 4 if data[at] > 2 else 2
            item, what = int.from_bytes(data[at + 4 : at + 4 + wide]), data[at + 6 + wide : at + 10 + wide]
            if what == b"Exif":
                yield item, "Exif"
            elif what == b"mime" and b"rdf+xml" in data[at + 10 + wide : stop]:
                yield item, "XMP"


def _places(data: Bytes, start: int, end: int, idat: int) -> Iterator[tuple[int, int, int]]:
    """Where in the file each item lies, extent by extent; some count from the payload of idat (8.11.3)."""
    if end == 0:
        return
    version, sizes = data[start], data[start + 4 : start + 6]
    fields = _Fields(data, start + 6)
    offset, length, base, index = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15
    wide = 4 if version == 2 else 2
    for _ in range(fields.take(wide)):
        item = fields.take(wide)
        inside = bool(version and fields.take(2) & 15)
        fields.take(2)
        origin = fields.take(base) + (idat if inside else 0)
        for _ in range(fields.take(2)):
            if version:
                fields.take(index)
            at = origin + fields.take(offset)
            size = fields.take(length)
            yield item, at, at + size


class _Fields:
    """Numbers of so many bytes, one after the other."""

    def __init__(self, data: Bytes, at: int) -> None:
        self._data = data
        self._at = at

    def take(self, size: int) -> int:
        self._at += size
        if self._at > len(self._data):
            raise truncated("AVIF")
        return int.from_bytes(self._data[self._at - size : self._at])
