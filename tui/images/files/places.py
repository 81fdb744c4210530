"""Words that tell where a photo was taken, in XMP and in whatever other text a file has."""

from __future__ import annotations

import re

from tui.images.files.layout import Bytes

_WINDOW = 64 * 1024
"""Bytes that are searched at once: other threads wait for the end of each search."""
OVERLAP = 256
"""Bytes of the next window that are searched with this one: no name is longer, not even in UTF-32."""

_WORDS = (b"latitude", b"longitude", b"longtitude", b"geo:l")
# In base64 these three letters alone are anywhere. So they stand behind a mark or ahead of one, or begin a known name.
_MARKED = (b"<gps", b'"gps', b"'gps")
_NAMED = re.compile(rb":[\w.-]{0,24}gps")
_BEGINNING = re.compile(rb"""gps(?:[\s:="'_]|pos|coord|loc|info)""")

_NO_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


def names_place(data: Bytes, start: int = 0, end: int | None = None) -> bool:
    """Whether XMP or any other text (in UTF-8, UTF-16 or UTF-32) may tell where a photo was taken."""
    end = len(data) if end is None else end
    if data[start : min(start + 16, end)].replace(b"\0", b"").lower().startswith(b"gps"):
        return True
    return any(_named(data[at : min(at + _WINDOW + OVERLAP, end)]) for at in range(start, end, _WINDOW))


def _named(window: bytes) -> bool:
    text = window.replace(b"\0", b"").lower()
    if any(word in text for word in _WORDS):
        return True
    if b"gps" not in text:
        return False
    return any(mark in text for mark in _MARKED) or any(form.search(text) for form in (_NAMED, _BEGINNING))


def blank_xmp(size: int) -> bytes:
    """An XMP packet of this size that says nothing."""
    return (_NO_XMP if len(_NO_XMP) <= size else b"").ljust(size)
