"""What the sequence headers of an AV1 picture say of the memory that its pixels take (AV1 specification, 5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui.images.files.layout import Bytes

_SEQUENCE_HEADER = 1  # obu_type
_LONGEST = 256
"""Bytes that are read of a sequence header; one of 32 operating points is no longer."""
MOST_OBUS = 32

_SRGB = 1, 13, 0
"""Primaries, transfer and matrix that mean RGB, and say so in place of the subsampling."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Bytes of samples for each pixel of a decoded picture, and whether grain is drawn on a copy of it."""

    samples: float
    grain: bool

    @property
    def memory(self) -> float:
        """Bytes for each pixel that dav1d takes for one, as measured; a fifth is what it knows of blocks."""
        return 1.2 * self.samples + 0.3 + (self.samples if self.grain else 0)


WORST = Sequence(6, grain=True)
"""Twelve bits in full colour."""


def sequences(data: Bytes, start: int, end: int) -> Iterator[Sequence]:
    """Each sequence header in a run of OBUs (5.3); the worst for what cannot be read."""
    for _ in range(MOST_OBUS):
        if start >= end:
            return
        kind, at = data[start] >> 3 & 15, start + (2 if data[start] & 4 else 1)
        size, at = _leb128(data, at) if data[start] & 2 else (end - at, at)
        if kind == _SEQUENCE_HEADER:
            yield _sequence(data[at : min(at + size, at + _LONGEST)])
        start = at + size
    yield WORST


def _leb128(data: Bytes, at: int) -> tuple[int, int]:
    """A number of up to 8 times 7 bits (4.10.5), and where it ends."""
    number = 0
    for place in range(8):
        number |= (data[at + place] & 127) << 7 * place
        if data[at + place] < 128:
            return number, at + place + 1
    return number, at + 8


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._bits, self._left = int.from_bytes(data), 8 * len(data)

    def take(self, many: int = 1) -> int:
        if many > self._left:
            raise EOFError
        self._left -= many
        return self._bits >> self._left & (1 << many) - 1


def _sequence(data: bytes) -> Sequence:
    bits = _Bits(data)
    try:
        profile, _, reduced = bits.take(3), bits.take(), bits.take()
        if reduced:
            bits.take(5)
        else:
            _skip_timing_and_operating_points(bits)
        wide, high = bits.take(4) + 1, bits.take(4) + 1
        bits.take(wide + high)
        if not reduced and bits.take():  # frame ids
            bits.take(7)
        bits.take(3)
        if not reduced:
            _skip_tools(bits)
        bits.take(3)
        return Sequence(_samples(bits, profile), grain=bool(bits.take()))
    except EOFError:
        return WORST


def _skip_timing_and_operating_points(bits: _Bits) -> None:
    delay = 0
    if bits.take():
        bits.take(64)
        if bits.take():
            _skip_uvlc(bits)
        if bits.take():
            delay = bits.take(5) + 1
            bits.take(42)
    displays = bits.take()
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take()
        if delay and bits.take():
            bits.take(2 * delay + 1)
        if displays and bits.take():
            bits.take(4)


def _skip_uvlc(bits: _Bits) -> None:
    zeros = 0
    while not bits.take():
        zeros += 1
    bits.take(zeros if zeros < 32 else 0)


def _skip_tools(bits: _Bits) -> None:
    bits.take(4)
    ordered = bits.take()
    if ordered:
        bits.take(2)
    if (bits.take() or bits.take()) and not bits.take():  # screen content, integer motion vectors
        bits.take()
    if ordered:
        bits.take(3)


def _samples(bits: _Bits, profile: int) -> float:
    """The colour configuration (5.5.2)."""
    deep = bits.take()
    deepest = profile == 2 and deep and bits.take()
    grey = profile != 1 and bits.take()
    described = tuple(bits.take(8) for _ in range(3)) if bits.take() else ()
    if grey:
        bits.take()
        return 1 + deep
    if described == _SRGB:
        samples = 3.0
    else:
        bits.take()
        across = profile == 0 or (profile == 2 and (bits.take() if deepest else 1))
        down = across and (profile == 0 or (deepest and bits.take()))
        samples = 1.5 if down else 2.0 if across else 3.0
        if down:
            bits.take(2)
    bits.take()
    return samples * (1 + deep)
