"""The entropy-coded segments of a JPEG (ITU-T T.81, B.1.1.5), given to their decoder one by one.

libjpeg takes a segment that is too short or too long for its part of the picture, and only warns, which Pillow does not
pass on. Yet a decoder that waits for more bytes shows what it waits for: inside of a segment it takes none before it
has enough of them for several code words, behind one it takes whatever is not a marker. So a segment is given without
its last bytes, which must not suffice, and then with some padding, which must.
"""

from __future__ import annotations

from typing import Protocol

from tui.images.files.layout import Bytes, Layout, corrupt, truncated
from tui.model import Reason, Refusal

Segment = tuple[int, int]
"""Where an entropy-coded segment starts and ends."""

_SPARE = 4
"""Bytes that may be left over at the end of a segment."""

_PADDING = 512
"""Bytes of zeros or ones that some cameras leave at the end of a segment."""

_AHEAD = 8 * b"\xff\0"
"""A decoder looks at up to 8 bytes more than it needs. No code word is all ones (C.2), so few of them fit in there."""

_MOST_CHECKED = 256
"""Segments that are looked at one by one: of more of them, which are short then, every second or third or …"""

_STEP = 256 * 1024


class Decoder(Protocol):
    """What Pillow's decoders have: they take bytes and tell how many they took, or less than 0 and an error."""

    def decode(self, data: bytes, /) -> tuple[int, int]:
        """Take bytes, as many as can be used."""


def decode(decoder: Decoder, data: Bytes, layout: Layout) -> None:
    """Have a whole JPEG decoded; raises Refusal: TRUNCATED where a segment is too short, CORRUPT where too long."""
    feed = _Feed(decoder)
    feed.give(layout.head)
    at = layout.body
    for start, end in layout.segments[:: 1 + len(layout.segments) // _MOST_CHECKED]:
        most = _most(data, start, end)
        feed.run(data, at, most)
        at = _behind_byte(data, most, end)
        if feed.waits_for_marker(data[most:at]) and most > start:
            raise corrupt("JPEG", "with too much in its scan")
        feed.give(data[at:end] + _AHEAD)
        if not feed.waits_for_marker(b"\xff\0"):
            raise Refusal(Reason.TRUNCATED, "JPEG with too little in its scan")
        at = end
    feed.run(data, at, layout.end)
    if not feed.ended:
        raise truncated("JPEG")


class _Feed:
    """A decoder, and what it did not take yet."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._rest = b""
        self.ended = False

    def give(self, piece: bytes) -> None:
        """Offer some bytes behind those that it did not take."""
        if self.ended:
            return
        offered = self._rest + piece
        taken, error = self._decoder.decode(offered)
        self.ended = taken < 0
        if error < 0:
            raise corrupt("JPEG", "that does not decode")
        self._rest = b"" if self.ended else offered[taken:]

    def run(self, data: Bytes, start: int, end: int) -> None:
        """Offer a part of a file."""
        for at in range(start, end, _STEP):
            self.give(data[at : min(at + _STEP, end)])

    def waits_for_marker(self, piece: bytes) -> bool:
        """Whether it took all there was and takes one more byte: it needs no more of this segment then."""
        inside = bool(self._rest)
        self.give(piece)
        return not inside and not self._rest


def _most(data: Bytes, start: int, end: int) -> int:
    """Where the last bytes of a segment begin without which it must not suffice; not inside of a stuffed byte."""
    tail = data[max(start, end - _PADDING) : end]
    padding = len(tail) - len(tail.rstrip(tail[-1:])) if tail[-1:] in (b"\0", b"\xff") else 0
    most = end - 1 - _SPARE - (padding if padding < _PADDING else 0)
    while most > start and data[most - 1] == 0xFF:
        most -= 1
    return max(most, start)


def _behind_byte(data: Bytes, at: int, end: int) -> int:
    """Where the next byte ends, with the zero that is stuffed in behind it."""
    while at < end and data[at] == 0xFF:
        at += 1
    return min(at + 1, end)
