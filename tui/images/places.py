"""Words that tell where a photo was taken, in XMP and in whatever other text a file has."""

from __future__ import annotations

import re

_WINDOW = 64 * 1024
"""Bytes that are searched at once: other threads wait for the end of each search."""
_OVERLAP = 256
"""Bytes of the next window that are searched with this one: no name is longer, not even in UTF-32."""

_WORDS = (b"latitude", b"longitude", b"longtitude", b"geo:l")
# In base64 these three letters alone are anywhere. So they stand behind a mark or ahead of one, or begin a known name.
_GPS = re.compile(rb""":[\w.-]{0,24}gps|["'<]gps|gps[\s:="'_]|gpspos|gpscoord|gpsloc|gpsinfo""")

_NO_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


def names_place(packet: bytes) -> bool:
    """Whether XMP or any other text (in UTF-8, UTF-16 or UTF-32) may tell where a photo was taken."""
    if packet[:16].replace(b"\0", b"").lower().startswith(b"gps"):
        return True
    return any(_named(packet[at : at + _WINDOW + _OVERLAP]) for at in range(0, len(packet), _WINDOW))


def _named(window: bytes) -> bool:
    text = window.replace(b"\0", b"").lower()
    return any(word in text for word in _WORDS) or (b"gps" in text and _GPS.search(text) is not None)


def blank_xmp(size: int) -> bytes:
    """An XMP packet of this size that says nothing."""
    return (_NO_XMP if len(_NO_XMP) <= size else b"").ljust(size)
