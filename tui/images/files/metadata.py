"""What the metadata in an image file say, and how the file is changed so that it does not tell where it was taken."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tui.images.files import avif, exif
from tui.images.files.exif import HEAD, PHOTOSHOP_EXIF, Exif
from tui.images.files.layout import Bytes, Layout, Span
from tui.images.files.places import OVERLAP, blank_xmp, names_place

Edit = tuple[int, bytes]
"""An offset, and the bytes that belong there: a file keeps its length, and its pixels their bytes."""

_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_EXTENDED = "extended XMP"
_HEADS = {_EXTENDED: len(_MORE_XMP) + 40, "APP11": 16, "APP13": 14}
"""Bytes ahead of each piece of what lies in several segments: here a signature, a digest, a length and an offset."""

_EXIF_HEADS = (b"exif", b"meta\0", b"ii*\0", b"mm\0*")  # in lower case
_RAMP = b"\1" + bytes(range(255, -1, -1)) + b"\0"
_TEXTS = frozenset({"tEXt", "zTXt", "iTXt"})

MOST_TEXT = 1024 * 1024
"""Bytes that the compressed texts of a file are unpacked to, to see what they say; those beyond are taken out."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Orientation (1 to 8, 0 where it is not told), when the photo was taken, and what is to be written over."""

    orientation: int
    taken_at: datetime | None
    edits: tuple[Edit, ...]


@dataclass(slots=True)
class _File:
    """A file, and how much of its texts may still be unpacked."""

    data: Bytes
    keep_gps: bool
    room: int = MOST_TEXT

    def unpacked(self, text: bytes) -> bytes | None:
        """A compressed text; None where there is no room for it, or it is none."""
        if self.room <= 0:
            return None
        try:
            plain = zlib.decompressobj().decompress(text, self.room)
        except zlib.error:
            return None
        self.room -= len(plain)
        return plain if self.room > 0 else None


def read_metadata(name: str, data: Bytes, layout: Layout, *, keep_gps: bool = False) -> Metadata:
    """The metadata of a file, with the edits that take the GPS position out of it, unless that is to be kept."""
    if not layout.spans:
        return Metadata(0, None, ())
    file = _File(data, keep_gps)
    found: list[Exif] = []
    edits: list[Edit] = []
    for span in layout.spans:
        said, changed = _READERS[name](file, span)
        found += [said] if said else []
        edits += changed
    if name == "JPEG" and not keep_gps:
        edits += _jpeg_rest(file, layout)
    orientation = next((said.orientation for said in found if said.orientation), 0)
    taken_at = next((said.taken_at for said in found if said.taken_at), None)
    return Metadata(orientation, taken_at, tuple(edits))


Reading = tuple[Exif | None, list[Edit]]


def _tiff(file: _File, start: int, end: int) -> Reading:
    payload = file.data[start:end]
    if payload.startswith(HEAD):
        start, payload = start + len(HEAD), payload[len(HEAD) :]
    said = exif.read(payload, keep_place=file.keep_gps)
    return said, [] if said.cleaned is None or file.keep_gps else [(start, said.cleaned)]


def _packet(file: _File, start: int, end: int) -> Reading:
    if file.keep_gps or not names_place(file.data, start, end):
        return None, []
    return None, [(start, blank_xmp(end - start))]


def _other(file: _File, span: Span) -> Reading:
    """What is nobody's, or some other program's."""
    if file.keep_gps or not _tells(file.data, span):
        return None, []
    return None, [(span.start, bytes(span.end - span.start))]


def _tells(data: Bytes, span: Span) -> bool:
    """Whether a part that is neither EXIF nor XMP by its name is so all the same, or names a place."""
    head = data[span.start : min(span.start + 5, span.end)].lower()
    return head.startswith(_EXIF_HEADS) or names_place(data, span.start, span.end)


def _jpeg(file: _File, span: Span) -> Reading:
    kind = _jpeg_kind(file.data, span)
    if kind == "EXIF":
        return _tiff(file, span.start, span.end)
    if kind == "XMP":
        return _packet(file, span.start + len(_XMP), span.end)
    return None, []  # what may lie in pieces is looked at together


def _jpeg_kind(data: Bytes, span: Span) -> str:
    head = data[span.start : span.start + len(_MORE_XMP)] if span.kind == "APP1" else b""
    if head.startswith(HEAD):
        return "EXIF"
    if head.startswith(_XMP):
        return "XMP"
    return _EXTENDED if head == _MORE_XMP else span.kind


def _jpeg_rest(file: _File, layout: Layout) -> Iterator[Edit]:
    """Take out all segments of a kind of which any tells a place, as what they hold may go on from one to the next.

    Extended XMP keeps the heads of its segments (XMP specification, part 3, section 1.1.3.1).
    """
    rest: dict[str, list[Span]] = {}
    for span in layout.spans:
        kind = _jpeg_kind(file.data, span)
        if kind not in ("EXIF", "XMP"):
            rest.setdefault(kind, []).append(span)
    for kind, spans in rest.items():
        if any(_tells(file.data, span) for span in spans) or _tell_together(file.data, kind, spans):
            kept, filler = (_HEADS[kind], b" ") if kind == _EXTENDED else (0, b"\0")
            yield from ((at, filler * (span.end - at)) for span in spans if (at := span.start + kept) < span.end)


def _tell_together(data: Bytes, kind: str, spans: list[Span]) -> bool:
    """Whether EXIF is in what Photoshop keeps, or a name that begins in one segment and ends in the next."""
    if kind == "APP13" and any(PHOTOSHOP_EXIF in data[span.start : span.end] for span in spans):
        return True
    head = _HEADS.get(kind, 0)
    seams = (
        data[max(one.start, one.end - OVERLAP) : one.end] + data[two.start : two.end][head : head + OVERLAP]
        for one, two in pairwise(spans)
    )
    return any(map(names_place, seams))


def _png(file: _File, span: Span) -> Reading:
    """Chunks have a checksum of their kind and payload behind them."""
    if span.kind == "eXIf":
        said, edits = _tiff(file, span.start, span.end)
    elif span.kind in _TEXTS:
        said, edits = _png_text(file, span)
    else:
        said, edits = _other(file, span)
    if edits:
        at, piece = edits[0]
        crc = zlib.crc32(piece, zlib.crc32(file.data[span.start - 4 : at]))
        crc = zlib.crc32(file.data[at + len(piece) : span.end], crc)
        edits.append((span.end, crc.to_bytes(4)))
    return said, edits


def _png_text(file: _File, span: Span) -> Reading:
    if file.keep_gps or not _text_tells(file, span):
        return None, []
    size = span.end - span.start
    return None, [(span.start - 4, b"tEXt" + b"Comment\0".ljust(size)[:size])]


def _text_tells(file: _File, span: Span) -> bool:
    """Whether a text chunk, compressed or not, may tell the place; EXIF as text is no one's but ImageMagick's."""
    payload = file.data[span.start : span.end]
    keyword, _, text = payload.partition(b"\0")
    if keyword.startswith(b"Raw profile type ") or names_place(payload):
        return True
    if span.kind == "iTXt" and text[:1] == b"\1":
        text = text[1:].replace(b"\0", b"", 1).partition(b"\0")[2].partition(b"\0")[2]
    elif span.kind == "zTXt":
        text = text[1:]
    else:
        return False
    plain = file.unpacked(text)
    return plain is None or names_place(plain)


def _webp(file: _File, span: Span) -> Reading:
    if span.kind == "EXIF":
        return _tiff(file, span.start, span.end)
    return _packet(file, span.start, span.end) if span.kind == "XMP" else _other(file, span)


def _gif(file: _File, span: Span) -> Reading:
    """XMP is its own sub-blocks: whatever byte of it is taken for a length leads into the 258 bytes that follow it."""
    data, text = file.data, span.end - len(_RAMP)
    if span.kind == "XMP" and text >= span.start and data[text : span.end] == _RAMP:
        return _packet(file, span.start, text)
    blocks, at = [], span.start
    while size := data[at]:
        blocks.append((at + 1, at + 1 + size))
        at += size + 1
    said = b"".join(data[start:end] for start, end in blocks)
    if file.keep_gps or not (names_place(said) or names_place(data, span.start, span.end)):
        return None, []
    return None, [(start, b" " * (end - start)) for start, end in blocks]


def _avif(file: _File, span: Span) -> Reading:
    if span.kind == "XMP":
        return _packet(file, span.start, span.end)
    return _item(file, span) if span.kind in ("Exif", avif.SPLIT) else _other(file, span)


def _item(file: _File, span: Span) -> Reading:
    """An Exif item starts with the distance to its byte order mark, which `Exif` may precede (23008-12, A.2.1)."""
    away, size = int.from_bytes(file.data[span.start : span.start + 4]), span.end - span.start
    if span.kind == avif.SPLIT or size < 4:
        return None, [] if file.keep_gps else [(span.start, bytes(size))]
    if away > len(HEAD):
        return None, [] if file.keep_gps else [(span.start, bytes(4) + exif.blank(size - 4))]
    said, edits = _tiff(file, span.start + 4 + away, span.end)
    # What is to be seen is turned by the boxes irot and imir, whatever EXIF says (23008-12, 6.5.10).
    return Exif(0, said.taken_at) if said else None, edits


_READERS = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp, "AVIF": _avif}
