"""Where the parts of an image file lie: what every look at its structure gives."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

from tui.model import Reason, Refusal

Bytes = bytes | mmap.mmap
"""The bytes of a file, in memory or mapped; a slice of them is a copy."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part by its kind in the format's own words (`APP1`, `eXIf`, `EXIF`), and where its payload lies."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """An image file by its markers and lengths: pixels as the file has them, and the offset behind its last byte.

    `memory` is about how many bytes a decoder needs for its pixels. `spans` are the parts that may hold metadata.
    A decoder of a JPEG needs `head` and what there is from the offset `body` on. `segments` are where each of its
    entropy-coded ones starts and ends, of a PNG the payload of each IDAT, and of an AVIF each picture in one piece.
    """

    width: int
    height: int
    end: int
    memory: int
    spans: tuple[Span, ...] = ()
    head: bytes = b""
    body: int = 0
    segments: tuple[tuple[int, int], ...] = ()


def truncated(name: str) -> Refusal:
    """The refusal of a file that ends before it should."""
    return Refusal(Reason.TRUNCATED, f"{name} without its end")


def corrupt(name: str, why: str) -> Refusal:
    """The refusal of a file whose parts contradict each other."""
    return Refusal(Reason.CORRUPT, f"{name} {why}")


LEAST_HOLE = 4096


def has_hole(data: Bytes, start: int, end: int, most: int) -> bool:
    """Whether coded pixels are nothing but zeros, or have twice as many zero bytes in a row as there are at `most`."""
    zeros = bytes(min(max(LEAST_HOLE, most), end - start))
    step = len(zeros)
    return step >= 32 and any(data[at : at + step] == zeros for at in range(start, end - step + 1, step))
