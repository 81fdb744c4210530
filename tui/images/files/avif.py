"""The boxes of an AVIF (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tui.images.files import av1
from tui.images.files.layout import Bytes, Layout, Span, corrupt, has_hole, truncated

_TOP = frozenset(
    {*(b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"styp", b"sidx", b"mfra", b"wide")}
)

_BRANDS = frozenset({b"avif", b"avis", b"mif1", b"msf1"})
"""What a file may call itself first of all; not every decoder looks at what else it says it is."""

_LOOSE = {b"uuid": 16, b"free": 0, b"skip": 0}
"""Boxes of anyone's making, and the bytes of a name ahead of what is in them."""

SPLIT = "split"
"""Exif or XMP in several pieces."""
_TOLD = frozenset({"Exif", "XMP", SPLIT})
_CODED, _CODED_IN_PIECES = "av01", "av01 in pieces"

MOST_BOXES = 10_000
MOST_EXTENTS = 20_000
"""Pieces of items: a table of some bytes can name billions of empty ones."""
MOST_TOLD = 16
"""Pieces of Exif and XMP; one of each is usual."""

_PIXELS = 4096
"""Pixels for each zero byte in a row; AV1 hardly ever writes more than 40 of them."""

_Place = tuple[int, int, str]
"""Where a piece of an item starts and ends, and what it is."""


def _boxes(data: Bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each box and where its payload lies (section 4.2).

    A size of 1 means that 64 bits of it follow, 0 that it reaches to the end.
    """
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return
        size, kind, head = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16]), 16
        size = size or end - at
        yield kind, at + head, at + max(size, head)
        at += max(size, head)
    raise corrupt("AVIF", "with too many boxes")


def _child(data: Bytes, kind: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the payload of the first box of a kind lies; an empty place where there is none."""
    return next(((a, b) for found, a, b in _boxes(data, start, end) if found == kind and b <= end), (0, 0))


def layout(data: Bytes) -> Layout:
    """The layout of an AVIF; what follows its last known box does not belong to it."""
    if data[8:12] not in _BRANDS:
        raise corrupt("AVIF", "of an unknown brand")
    parts = list(_parts(data))
    metas = [(start + 4, stop) for kind, start, stop in parts if kind == b"meta"]
    if not metas:
        raise truncated("AVIF")
    if len(metas) > 1:
        raise corrupt("AVIF", "with two tables of items")
    (meta,) = metas
    end = parts[-1][2]
    width, height = _size(data, *meta)
    places = _pieces(data, *meta, end)
    _check_pixels(data, places, width * height)
    holders = [(start, stop) for kind, start, stop in parts if kind == b"mdat"]
    spans = _metadata(places, [*holders, _child(data, b"idat", *meta)])
    spans += [
        Span(kind.decode(), min(start + _LOOSE[kind], stop), stop) for kind, start, stop in parts if kind in _LOOSE
    ]
    tracks = any(kind == b"moov" for kind, _, _ in parts)
    memory = av1.WORST.memory if tracks else _memory(data, places)
    pictures = tuple((at, stop) for at, stop, kind in places if kind == _CODED)
    return Layout(width, height, end, int(width * height * memory), tuple(spans), segments=pictures)


def _parts(data: Bytes) -> Iterator[tuple[bytes, int, int]]:
    for kind, start, stop in _boxes(data, 0, len(data)):
        if kind not in _TOP:
            return
        if stop > len(data):
            raise truncated("AVIF")
        yield kind, start, stop


def _memory(data: Bytes, places: list[_Place]) -> float:
    """Bytes that a decoder takes for each pixel: of two alike may one be the transparency, or both tiles of a grid."""
    alike: Counter[av1.Sequence] = Counter()
    for at, stop, kind in places:
        if kind == _CODED:
            alike.update(av1.sequences(data, at, stop))
        elif kind == _CODED_IN_PIECES:
            alike[av1.WORST] += 1
    return sum(min(many, 2) * sequence.memory for sequence, many in alike.items())


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


def _pieces(data: Bytes, start: int, end: int, limit: int) -> list[_Place]:
    """Where all items lie, each place once, from the first byte to the last; none may reach over the limit."""
    kinds = dict(_items(data, *_child(data, b"iinf", start, end)))
    inside, _ = _child(data, b"idat", start, end)
    items: dict[int, set[tuple[int, int]]] = {}
    for number, (item, at, stop) in enumerate(_places(data, *_child(data, b"iloc", start, end), inside)):
        if stop > limit:
            raise truncated("AVIF")
        if number >= MOST_EXTENTS:
            raise corrupt("AVIF", "with too many pieces")
        if stop > at:
            items.setdefault(item, set()).add((at, stop))
    places = {(*piece, _kind(kinds.get(item, ""), len(pieces))) for item, pieces in items.items() for piece in pieces}
    if sum(stop - at for at, stop, _ in places) > len(data):
        raise corrupt("AVIF", "with items that lie over each other")
    return sorted(places)


def _kind(kind: str, pieces: int) -> str:
    """What is in several pieces is not read."""
    if pieces > 1:
        return SPLIT if kind in _TOLD else _CODED_IN_PIECES if kind == _CODED else kind
    return kind


def _check_pixels(data: Bytes, places: list[_Place], pixels: int) -> None:
    coded = [(at, stop) for at, stop, kind in places if kind in (_CODED, _CODED_IN_PIECES)]
    if not coded:
        raise corrupt("AVIF", "without a picture")
    if any(has_hole(data, at, stop, pixels // _PIXELS) for at, stop in coded):
        raise corrupt("AVIF", "with a hole in it")


def _metadata(places: list[_Place], holders: list[tuple[int, int]]) -> list[Span]:
    """The pieces that are Exif or XMP and may be written over: they lie where items do, and over no other one."""
    spans = [Span(kind, at, stop) for at, stop, kind in places if kind in _TOLD]
    if len(spans) > MOST_TOLD:
        raise corrupt("AVIF", "with too much metadata")
    for span in spans:
        held = any(start <= span.start and span.end <= end for start, end in holders)
        if not held or sum(at < span.end and span.start < stop for at, stop, _ in places) > 1:
            raise corrupt("AVIF", "with metadata where none may be")
    return spans


def _items(data: Bytes, start: int, end: int) -> Iterator[tuple[int, str]]:
    """The id of each item and what it is (8.11.6)."""
    if end == 0:
        return
    head = start + (6 if data[start] == 0 else 8)
    for kind, at, stop in _boxes(data, head, end):
        if kind == b"infe" and data[at] >= 2:
            wide = 4 if data[at] > 2 else 2
            item, what = int.from_bytes(data[at + 4 : at + 4 + wide]), data[at + 6 + wide : at + 10 + wide]
            described = what == b"mime" and b"rdf+xml" in data[at + 10 + wide : stop]
            yield item, "XMP" if described else what.decode("latin-1")


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
        method = fields.take(2) & 15 if version else 0
        if method > 1:
            raise corrupt("AVIF", "with an item inside of another one")
        fields.take(2)
        origin = fields.take(base) + (idat if method else 0)
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
