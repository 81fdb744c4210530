"""The partitions of a VP8 key frame, which is what a lossy WebP holds (RFC 6386)."""

from __future__ import annotations

from tui.images.files.layout import Bytes

_HEAD = 10  # a frame tag, a start code, width and height (section 9.1)
_MOST_READ = 64  # bytes of the first partition's header, which has some 50 bits of even odds and 20 optional numbers


class _Flags:
    """A bool decoder for values that are as likely 0 as 1 (section 7.3)."""

    def __init__(self, data: bytes) -> None:
        self._data = data.ljust(2, b"\0")
        self._value, self._range, self._at, self._shifted = int.from_bytes(self._data[:2]), 255, 2, 0

    def take(self, bits: int) -> int:
        """A number of so many bits."""
        number = 0
        for _ in range(bits):
            number = number << 1 | self._flag()
        return number

    def skip_optional(self, many: int, bits: int) -> None:
        """Pass by numbers of so many bits, each behind a flag that tells whether it is there."""
        for _ in range(many):
            if self._flag():
                self.take(bits)

    def _flag(self) -> int:
        split = 1 + (self._range - 1 >> 1)
        flag = self._value >= split << 8
        self._value -= split << 8 if flag else 0
        self._range = self._range - split if flag else split
        while self._range < 128:
            self._range <<= 1
            self._value <<= 1
            self._shifted += 1
            if self._shifted % 8 == 0:
                self._value |= self._data[self._at] if self._at < len(self._data) else 0
                self._at += 1
        return int(flag)


def _partitions(data: bytes) -> int:
    """How many partitions of coefficients follow the first one, by what that starts with (section 9.2 to 9.6)."""
    flags = _Flags(data)
    flags.take(2)  # colour space, clamping
    if flags.take(1):
        maps, values = flags.take(1), flags.take(1)
        if values:
            flags.take(1)
            flags.skip_optional(4, 8)
            flags.skip_optional(4, 7)
        if maps:
            flags.skip_optional(3, 8)
    flags.take(10)  # the loop filter's kind, level and sharpness
    if flags.take(1) and flags.take(1):
        flags.skip_optional(8, 7)
    return 1 << flags.take(2)


def is_whole(data: Bytes, start: int, end: int) -> bool:
    """Whether there is room for every partition that a key frame says it has; the last one has what is left."""
    first = start + _HEAD
    table = first + (int.from_bytes(data[start : start + 3], "little") >> 5)
    if table >= end:
        return False
    others = _partitions(data[first : min(first + _MOST_READ, table)]) - 1
    sizes = (int.from_bytes(data[at : at + 3], "little") for at in range(table, table + 3 * others, 3))
    return table + 3 * others + sum(sizes) < end
