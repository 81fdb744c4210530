"""What EXIF says of a photo, and EXIF without the place where it was taken (CIPA DC-008, on top of TIFF 6.0)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from tui.images.files.places import blank_xmp, names_place

HEAD = b"Exif\0\0"
"""What is ahead of the byte order mark in a JPEG."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

_ORIENTATION, _SUB_IFDS, _GPS, _XMP = 0x0112, 0x014A, 0x8825, 0x02BC
_IFDS = frozenset({0x8769, 0xA005, _SUB_IFDS})
_TAKEN, _OFFSET = 0x9003, 0x9011
_THUMBNAIL, _MAKER_NOTE, _PHOTOSHOP = 0x0201, 0x927C, 0x8649
_BYTES = frozenset({1, 2, 7})
"""Kinds of values that may be a text, in UTF-16 too."""

PHOTOSHOP_EXIF = b"8BIM\x04\x22"
"""What is ahead of EXIF among the image resources of Photoshop."""

LONGEST = 64 * 1024
"""Bytes of EXIF, more than which no segment of a JPEG can hold."""

MOST_IFDS = 20
MOST_ENTRIES = 2000
MOST_THUMBNAILS = 4
FIRST_PHOTO = datetime(1826, 1, 1, tzinfo=UTC)

_DATE = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,]\d*)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_ZONE = re.compile(r"([+-])(\d\d):?([0-5]\d)", re.ASCII)
_FARTHEST = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Exif:
    """Orientation (1 to 8, 0 where it is not told), when the photo was taken, and the EXIF without its place.

    `cleaned` is as long as what was read; None where there is nothing to take out of it. A camera that does not tell
    its time zone is taken to be in UTC.
    """

    orientation: int = 0
    taken_at: datetime | None = None
    cleaned: bytes | None = None


class _Malformed(ValueError):
    """EXIF that points outside of itself, at itself, or at too much."""


@dataclass(slots=True)
class _Entry:
    """An entry of a directory: where it is and where its value lies, how many of a kind that is and how many bytes."""

    at: int
    tag: int
    kind: int
    count: int
    value: int
    size: int


class _Tiff:
    """The directories of a TIFF, read from and written to in place."""

    def __init__(self, payload: bytes) -> None:
        self.data = bytearray(payload)
        self.order: Literal["little", "big"] = "little" if payload.startswith(b"II*\0") else "big"
        self.tables: list[tuple[int, int]] = [(0, 8)]
        self.found: dict[int, _Entry] = {}
        self.places: list[_Entry] = []
        self.texts: dict[tuple[int, int], _Entry] = {}
        self.thumbnails: set[int] = set()
        self.looked_at = 0

    def number(self, at: int, size: int) -> int:
        """An unsigned number of so many bytes."""
        if at + size > len(self.data):
            raise _Malformed
        return int.from_bytes(self.data[at : at + size], self.order)

    def entries(self, at: int) -> Iterator[_Entry]:
        """The entries of the directory at an offset."""
        for entry in range(at + 2, self._end(at), 12):
            tag, kind, many = self.number(entry, 2), self.number(entry + 2, 2), self.number(entry + 4, 4)
            size = many * _SIZES.get(kind, 0)
            yield _Entry(entry, tag, kind, many, entry + 8 if size <= 4 else self.number(entry + 8, 4), size)

    def _end(self, at: int) -> int:
        """Where the entries of a directory end."""
        end = at + 2 + 12 * self.number(at, 2)
        if end > len(self.data):
            raise _Malformed
        return end

    def walk(self) -> None:
        """Note every entry that matters, in every directory that can be reached. Raises _Malformed."""
        if bytes(self.data[:4]) not in (b"II*\0", b"MM\0*"):
            raise _Malformed
        at = self.number(4, 4)
        while at:  # the picture's own directory, and those of thumbnails; others have no link, or nothing to rely on
            self._directory(at, link=4)
            end = self._end(at)
            at = self.number(end, 4) if end + 4 <= len(self.data) else 0

    def _directory(self, at: int, link: int = 0) -> None:
        end = min(self._end(at) + link, len(self.data))
        if len(self.tables) > MOST_IFDS or any(at < stop and start < end for start, stop in self.tables):
            raise _Malformed
        self.tables.append((at, end))
        for entry in self.entries(at):
            self._look(entry, first=len(self.tables) == 2)

    def _look(self, entry: _Entry, *, first: bool) -> None:
        self.looked_at += 1
        if self.looked_at > MOST_ENTRIES or len(self.thumbnails) > MOST_THUMBNAILS:
            raise _Malformed
        if (entry.kind in _BYTES or entry.tag == _XMP) and entry.size > 4 and entry.tag != _MAKER_NOTE:
            self.texts[entry.value, entry.size] = entry
        if entry.tag == _GPS:
            self.places.append(entry)
        elif entry.tag == _THUMBNAIL:
            self.thumbnails.add(self.number(entry.value, 4))
        elif entry.tag in _IFDS:
            if entry.count > MOST_IFDS or _SIZES.get(entry.kind) != 4:
                raise _Malformed
            for index in range(entry.count):
                self._directory(self.number(entry.value + 4 * index, 4))
        elif first or entry.tag != _ORIENTATION:
            self.found.setdefault(entry.tag, entry)

    def text(self, tag: int) -> str:
        """The text of a tag, empty where there is none."""
        entry = self.found.get(tag)
        if entry is None or entry.kind != 2:
            return ""
        return self.data[entry.value : entry.value + min(entry.size, 64)].split(b"\0")[0].decode("ascii", "replace")

    def orientation(self) -> int:
        """1 to 8, else 0."""
        entry = self.found.get(_ORIENTATION)
        if entry is None or entry.kind not in (3, 4) or entry.count != 1:
            return 0
        value = self.number(entry.value, _SIZES[entry.kind])
        return value if 1 <= value <= 8 else 0

    def clear_places(self, depth: int) -> bool:
        """Take every GPS directory out, with its values and what points to it; whether there was any."""
        for entry in self.places:
            self._clear_directory(self.number(entry.value, 4))
        for entry in sorted(self.places, key=lambda place: place.at, reverse=True):
            self._drop(entry)
        changed = self._clear_texts()
        return self._clear_thumbnails(depth) or changed or bool(self.places)

    def _clear_directory(self, at: int) -> None:
        for entry in list(self.entries(at)):
            self._zero(entry.value, entry.size or 4)
        self._zero(at, self._end(at) - at)

    def _zero(self, at: int, size: int) -> None:
        if at + size > len(self.data) or any(at < end and start < at + size for start, end in self.tables):
            raise _Malformed
        self.data[at : at + size] = bytes(size)

    def _drop(self, entry: _Entry) -> None:
        """Move what follows an entry in its directory over it, the link to the next directory too."""
        at, end = next((start, end) for start, end in self.tables if start < entry.at < end)
        count = self.number(at, 2) - 1
        self.data[entry.at : end] = self.data[entry.at + 12 : end] + bytes(12)
        self.data[at : at + 2] = count.to_bytes(2, self.order)

    def _clear_texts(self) -> bool:
        """Take every text out that names a place, XMP and what Photoshop keeps among them."""
        if sum(size for _, size in self.texts) > len(self.data):
            raise _Malformed
        together = b'"'.join([b"", *(self.data[at : at + size] for at, size in self.texts)])
        if not names_place(together) and PHOTOSHOP_EXIF not in together:
            return False
        telling = [entry for entry in self.texts.values() if self._tells(entry)]
        for entry in telling:
            self._zero(entry.value, entry.size)
            if entry.tag == _XMP:
                self.data[entry.value : entry.value + entry.size] = blank_xmp(entry.size)
        return bool(telling)

    def _tells(self, entry: _Entry) -> bool:
        text = bytes(self.data[entry.value : entry.value + entry.size])
        return names_place(text) or (entry.tag == _PHOTOSHOP and PHOTOSHOP_EXIF in text)

    def _clear_thumbnails(self, depth: int) -> bool:
        """Take places out of the EXIF that a thumbnail has of its own."""
        changed = False
        for inner in {self.data.find(HEAD, at) for at in self.thumbnails} - {-1}:
            cleaned = read(bytes(self.data[inner + len(HEAD) :]), depth=depth + 1).cleaned
            self.data[inner + len(HEAD) :] = cleaned or self.data[inner + len(HEAD) :]
            changed = changed or cleaned is not None
        return changed


def read(payload: bytes, *, keep_place: bool = False, now: datetime | None = None, depth: int = 0) -> Exif:
    """What EXIF says, from its byte order mark on. Where it is malformed, nothing but the orientation is left of it."""
    tiff = _Tiff(payload[:LONGEST])
    try:
        if depth > 1:
            raise _Malformed
        tiff.walk()
        if len(payload) > LONGEST:
            raise _Malformed
        taken_at = _moment(tiff.text(_TAKEN), tiff.text(_OFFSET), now or datetime.now(UTC))
        orientation = tiff.orientation()
        changed = not keep_place and tiff.clear_places(depth)
    except _Malformed:
        orientation = _orientation_of(tiff)
        return Exif(orientation, cleaned=None if keep_place else blank(len(payload), orientation))
    return Exif(orientation, taken_at, bytes(tiff.data) if changed else None)


def _orientation_of(tiff: _Tiff) -> int:
    try:
        return tiff.orientation()
    except _Malformed:
        return 0


def blank(size: int, orientation: int = 0) -> bytes:
    """EXIF of this size, from its byte order mark on, that tells the orientation at most."""
    entry = b"\x12\x01\3\0\1\0\0\0" + bytes([orientation, 0, 0, 0]) if orientation else b""
    tiff = b"II*\0\x08\0\0\0" + bytes([len(entry) // 12, 0]) + entry + bytes(4)
    return tiff.ljust(size, b"\0") if len(tiff) <= size else bytes(size)


def _moment(text: str, zone: str, now: datetime) -> datetime | None:
    """A time that a camera wrote, in seconds; None for none, for nonsense and for the future."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    *numbers, own_zone = found.groups()
    try:
        moment = datetime(*map(int, numbers), tzinfo=UTC) - _offset(own_zone or zone.strip())  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_PHOTO <= moment < now + timedelta(days=1) else None


def _offset(zone: str) -> timedelta:
    """How far a zone is ahead of UTC; nothing where it is none that there is."""
    found = _ZONE.fullmatch(zone)
    if found is None:
        return timedelta()
    away = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timedelta() if away > _FARTHEST else -away if found[1] == "-" else away
