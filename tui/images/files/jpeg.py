"""The segments and scans of a JPEG (ITU-T T.81, annex B), held to more than a decoder asks of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tui.images.files.layout import Bytes, Layout, Span, corrupt, truncated
from tui.model import Reason, Refusal

# A marker is 0xFF and a byte; in a scan 0xFF00 is a data byte and 0xFFD0 to 0xFFD7 are restarts (B.1.1).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_IN_SCAN = re.compile(rb"\xff[^\x00\xff]")

_DHT, _SOI, _EOI, _SOS, _DRI = 0xC4, 0xD8, 0xD9, 0xDA, 0xDD
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {_DHT, 0xC8, 0xCC})
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_PROGRESSIVE = 0xC2
_BARE = frozenset({0x01, _SOI})  # markers without a length
_AFTER_SCAN = frozenset({_DHT, _EOI, _SOS, 0xDB, 0xDC, _DRI, *range(0xE0, 0xF0), 0xFE})
_RESTARTS = range(0xD0, 0xD8)
_STRANGE = {0xC3: "JPEG without loss", **dict.fromkeys(range(0xC9, 0xD0), "JPEG with arithmetic coding")}
_REMARKS = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})  # APP0 and APP14 tell a decoder what the colours are

_TELLING = {kind: f"APP{kind - 0xE0}" for kind in _REMARKS - {0xE2, 0xFE}} | {0xFE: "COM"}  # APP2 has colour profiles

MOST_SEGMENTS = 10_000
MOST_SCANS = 100
MOST_WORK = 2_000_000_000
"""Pixels that a progressive JPEG may visit, each once in every scan; a dozen scans are usual."""

LONGEST_GAPS = 64 * 1024
"""Bytes between the segments of a head; Pillow reads them one by one."""

HOLE = bytes(1024)
"""No AC scan has as many zero bytes in a row, if its encoder counts runs of empty blocks (T.81, G.1.2.2)."""


@dataclass(slots=True)
class _Frame:
    """What a frame header says: its marker, its size in pixels and each component's sampling by its id."""

    kind: int
    width: int
    height: int
    sampling: dict[int, tuple[int, int]]

    @property
    def widest(self) -> int:
        """The largest sampling factor across."""
        return max(across for across, _ in self.sampling.values())

    @property
    def tallest(self) -> int:
        """The largest sampling factor down."""
        return max(down for _, down in self.sampling.values())

    def units(self, components: bytes) -> int:
        """How many MCUs a scan of these components has (A.2)."""
        if len(components) > 1:
            return -(-self.width // (8 * self.widest)) * -(-self.height // (8 * self.tallest))
        across, down = self.sampling.get(components[0], (1, 1))
        columns, rows = -(-self.width * across // self.widest), -(-self.height * down // self.tallest)
        return -(-columns // 8) * -(-rows // 8)

    @property
    def memory(self) -> int:
        """A sequential one is decoded at an eighth; a progressive one keeps every coefficient, in 2 bytes."""
        if self.kind in _SEQUENTIAL:
            return self.width * self.height // 16
        samples = sum(across * down for across, down in self.sampling.values())
        return self.width * self.height * 2 * samples // (self.widest * self.tallest)


@dataclass(slots=True)
class _Walk:
    data: Bytes
    at: int = 2
    frame: _Frame | None = None
    interval: int = 0
    scans: int = 0
    gaps: int = 0
    segments: list[tuple[int, int]] = field(default_factory=list)
    tables: dict[int, bytes] = field(default_factory=dict)  # the AC symbols by table, shortest code first
    spans: list[Span] = field(default_factory=list)
    head: list[bytes] = field(default_factory=lambda: [b"\xff\xd8"])

    def run(self) -> int:
        """Walk to the end; the offset behind it."""
        for _ in range(MOST_SEGMENTS):
            kind, at = self._marker()
            if kind == _EOI:
                return at
            if kind in _BARE:
                self.at = at
                self.head.append(self.data[at - 2 : at])
                continue
            size = int.from_bytes(self.data[at : at + 2])
            if size < 2 or at + size > len(self.data):
                raise truncated("JPEG")
            self._segment(kind, at + 2, at + size)
        raise corrupt("JPEG", "with too many segments")

    def _marker(self) -> tuple[int, int]:
        """The next marker and the offset behind it."""
        at = self.at
        if self.data[at] == 0xFF and self.data[at + 1] in _AFTER_SCAN:
            return self.data[at + 1], at + 2
        found = _MARKER.search(self.data, at)
        if found is None:
            raise truncated("JPEG")
        kind = self.data[found.end() - 1]
        if self.scans and (kind not in _AFTER_SCAN or self._gap(found.start())):
            raise corrupt("JPEG", "with a marker where none may be")
        if not self.scans:
            self._pass_by(found.start())
        return kind, found.end()

    def _pass_by(self, start: int) -> None:
        """Leave it to the decoder what it makes of bytes between the segments of the head."""
        self.gaps += start - self.at + 1
        if self.gaps > LONGEST_GAPS:
            raise corrupt("JPEG", "with other bytes in its head")
        self.head.append(self.data[self.at : start])

    def _gap(self, start: int) -> bool:
        """Whether anything but fill bytes lies between here and there; decoders skip it, and so do we in the head."""
        return start - self.at > 0 and self.data[self.at : min(start, self.at + 64)].strip(b"\xff") != b""

    def _segment(self, kind: int, start: int, end: int) -> None:
        self.at = end
        if not self.scans and kind not in _REMARKS:
            self.head.append(self.data[start - 4 : end])
        if kind in _FRAMES:
            self._begin_frame(kind, start, end)
        elif kind == _DHT:
            self._define(self.data[start:end])
        elif kind == _DRI:
            self.interval = int.from_bytes(self.data[start : start + 2])
        elif kind in _TELLING:
            self.spans.append(Span(_TELLING[kind], start, end))
        elif kind == _SOS:
            self._scan(self.data[start:end])

    def _begin_frame(self, kind: int, start: int, end: int) -> None:
        head = self.data[start:end]
        if self.frame is not None or len(head) < 9 or not head[5] or len(head) < 6 + 3 * head[5]:
            raise corrupt("JPEG", "with a wrong frame header")
        parts = (head[at : at + 3] for at in range(6, 6 + 3 * head[5], 3))
        sampling = {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in parts}
        if (kind not in _SEQUENTIAL and kind != _PROGRESSIVE) or head[0] != 8:
            raise Refusal(Reason.UNSUPPORTED_FORMAT, _STRANGE.get(kind, "JPEG of a kind that browsers do not show"))
        self.frame = _Frame(kind, int.from_bytes(head[3:5]), int.from_bytes(head[1:3]), sampling)

    def _scan(self, head: bytes) -> None:
        if self.frame is None or len(head) < 6 or len(head) != 4 + 2 * head[0]:
            raise corrupt("JPEG", "with a wrong scan header")
        start, self.scans = self.at, self.scans + 1
        if self.scans > MOST_SCANS:
            raise corrupt("JPEG", "with too many scans")
        restarts = self._restarts()
        components = head[1 : 1 + 2 * head[0] : 2]
        # Whoever writes one more behind the last unit does no harm.
        if self.interval and self.frame.height and restarts + 1 < -(-self.frame.units(components) // self.interval):
            raise corrupt("JPEG", "with too few restart markers")
        if self.frame.kind == _PROGRESSIVE:
            if self.scans * self.frame.width * self.frame.height > MOST_WORK:
                raise corrupt("JPEG", "with too many scans")
            if head[-3] and self._counts_runs(head[2] & 15) and self.data.find(HOLE, start, self.at) >= 0:
                raise corrupt("JPEG", "with a hole in it")

    def _define(self, tables: bytes) -> None:
        """Note the symbols of AC tables (B.2.4.2)."""
        at = 0
        while at + 17 <= len(tables):
            end = at + 17 + sum(tables[at + 1 : at + 17])
            if tables[at] >> 4:
                self.tables[tables[at] & 15] = tables[at + 17 : end]
            at = end

    def _counts_runs(self, table: int) -> bool:
        """Whether zeros are no series of empty blocks: they are no end of block, or such a series is coded as one."""
        symbols = self.tables.get(table, b"")
        return symbols[:1] != b"\0" or any(symbol in symbols for symbol in range(0x10, 0xF0, 0x10))

    def _restarts(self) -> int:
        """Go to the end of the scan; the number of its restart markers, which count up in eights (B.2.1)."""
        start = self.at
        for count, found in enumerate(_IN_SCAN.finditer(self.data, start)):
            at, behind = found.span()
            self.segments.append((start, at))
            kind = self.data[behind - 1]
            if kind not in _RESTARTS:
                self.at = at
                return count
            if not self.interval or kind != _RESTARTS[count % 8]:
                raise corrupt("JPEG", "with restart markers out of order")
            start = behind
        raise truncated("JPEG")


def layout(data: Bytes) -> Layout:
    """The layout of a JPEG; raises Refusal where it does not reach its end, or has markers inside a scan.

    Between the segments ahead of the first scan other bytes may lie, as decoders skip them; behind it none may, which
    is what finds foreign bytes in the middle of a file.
    """
    walk = _Walk(data)
    end = walk.run()
    frame = walk.frame
    if frame is None or not walk.scans or not frame.width or not frame.height:
        raise corrupt("JPEG", "without a picture")
    return Layout(
        frame.width,
        frame.height,
        end,
        frame.memory,
        tuple(walk.spans),
        head=b"".join(walk.head),
        body=walk.segments[0][0],
        segments=tuple(walk.segments),
    )
