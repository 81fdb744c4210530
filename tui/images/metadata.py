"""What the metadata in an image file say, and how the file is changed so that it does not tell where it was taken."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tui.images import exif
from tui.images.exif import HEAD, Exif
from tui.images.layout import Bytes, Layout, Span
from tui.images.places import blank_xmp, names_place

Edit = tuple[int, bytes]
"""An offset, and the bytes that belong there: a file keeps its length, and its pixels their bytes."""

_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_MORE_XMP_HEAD = len(_MORE_XMP) + 40  # a digest, a length and an offset

MOST_TEXT = 1024 * 1024
"""Bytes that a compressed text is unpacked to, to see what it says; a longer one is taken out."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Orientation (1 to 8, 0 where it is not told), when the photo was taken, and what is to be written over."""

    orientation: int
    taken_at: datetime | None
    edits: tuple[Edit, ...]


def read_metadata(name: str, data: Bytes, layout: Layout, *, keep_gps: bool = False) -> Metadata:
    """The metadata of a file, with the edits that take the GPS position out of it, unless that is to be kept."""
    if not layout.spans:
        return Metadata(0, None, ())
    found: list[Exif] = []
    edits: list[Edit] = []
    for span in layout.spans:
        said, changed = _READERS[name](data, span, keep_gps)
        found += [said] if said else []
        edits += changed
    if not keep_gps:
        edits += _extended(data, layout)
    orientation = next((said.orientation for said in found if said.orientation), 0)
    taken_at = next((said.taken_at for said in found if said.taken_at), None)
    return Metadata(orientation, taken_at, tuple(edits))


Reading = tuple[Exif | None, list[Edit]]


def _tiff(data: Bytes, start: int, end: int, keep_gps: bool) -> Reading:
    payload = data[start:end]
    if payload.startswith(HEAD):
        start, payload = start + len(HEAD), payload[len(HEAD) :]
    said = exif.read(payload, keep_place=keep_gps)
    return said, [] if said.cleaned is None or keep_gps else [(start, said.cleaned)]


def _packet(data: Bytes, start: int, end: int, keep_gps: bool) -> Reading:
    if keep_gps or not names_place(data[start:end]):
        return None, []
    return None, [(start, blank_xmp(end - start))]


def _jpeg(data: Bytes, span: Span, keep_gps: bool) -> Reading:
    head = data[span.start : span.start + 40]
    if head.startswith(HEAD):
        return _tiff(data, span.start, span.end, keep_gps)
    if head.startswith(_MORE_XMP):
        return None, []  # all of its segments are looked at together
    if head.startswith(_XMP):
        return _packet(data, span.start + len(_XMP), span.end, keep_gps)
    if keep_gps or not (head[:4].lower() == b"exif" or names_place(data[span.start : span.end])):
        return None, []
    return None, [(span.start, bytes(span.end - span.start))]


def _extended(data: Bytes, layout: Layout) -> Iterator[Edit]:
    """Extended XMP lies in pieces of a packet in as many segments (XMP specification, part 3, section 1.1.3.1)."""
    places = [
        (span.start + _MORE_XMP_HEAD, span.end)
        for span in layout.spans
        if span.kind == "APP1" and data[span.start : span.start + len(_MORE_XMP)] == _MORE_XMP
    ]
    if names_place(b"".join(data[start:end] for start, end in places)):
        for start, end in places:
            yield start, b" " * max(end - start, 0)


def _png(data: Bytes, span: Span, keep_gps: bool) -> Reading:
    """Chunks have a checksum of their kind and payload behind them."""
    if span.kind == "eXIf":
        said, edits = _tiff(data, span.start, span.end, keep_gps)
    elif keep_gps or not _text_tells(span.kind, data[span.start : span.end]):
        return None, []
    else:
        size = span.end - span.start
        said, edits = None, [(span.start - 4, b"tEXt" + b"Comment\0".ljust(size)[:size])]
    if edits:
        start, piece = edits[0]
        chunk = data[span.start - 4 : start] + piece
        edits = [(span.start - 4, chunk + zlib.crc32(chunk).to_bytes(4))]
    return said, edits


def _text_tells(kind: str, payload: bytes) -> bool:
    """Whether a text chunk, compressed or not, may tell the place; EXIF as text is no one's but ImageMagick's."""
    keyword, _, text = payload.partition(b"\0")
    if keyword.startswith(b"Raw profile type ") or names_place(payload):
        return True
    if kind == "iTXt" and text[:1] == b"\1":
        text = text[1:].replace(b"\0", b"", 1).partition(b"\0")[2].partition(b"\0")[2]
    elif kind == "zTXt":
        text = text[1:]
    else:
        return False
    try:
        plain = zlib.decompressobj().decompress(text, MOST_TEXT)
    except zlib.error:
        return True
    return len(plain) >= MOST_TEXT or names_place(plain)


def _chunk(data: Bytes, span: Span, keep_gps: bool) -> Reading:
    """A chunk of WebP, or a block of GIF."""
    read = _tiff if span.kind == "EXIF" else _packet
    return read(data, span.start, span.end, keep_gps)


def _gif(data: Bytes, span: Span, keep_gps: bool) -> Reading:
    """XMP is its own sub-blocks: whatever byte of it is taken for a length leads into the 258 bytes that follow it."""
    if data[span.end - 258 : span.end - 256] == b"\1\xff":
        return _packet(data, span.start, span.end - 258, keep_gps)
    if keep_gps or not names_place(data[span.start : span.end]):
        return None, []
    edits, at = [], span.start
    while size := data[at]:
        edits.append((at + 1, b" " * size))
        at += size + 1
    return None, edits


def _avif(data: Bytes, span: Span, keep_gps: bool) -> Reading:
    """An Exif item starts with the distance to its byte order mark (23008-12, A.2.1)."""
    if span.kind == "XMP":
        return _packet(data, span.start, span.end, keep_gps)
    start = span.start + 4 + int.from_bytes(data[span.start : span.start + 4])
    if start > span.end:
        return None, [] if keep_gps else [(span.start, bytes(span.end - span.start))]
    said, edits = _tiff(data, start, span.end, keep_gps)
    # What is to be seen is turned by the boxes irot and imir, whatever EXIF says (23008-12, 6.5.10).
    return Exif(0, said.taken_at) if said else None, edits


_READERS = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _chunk, "AVIF": _avif}
