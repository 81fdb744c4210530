"""What the header of a PNG says (RFC 2083, section 4.1.1)."""

from __future__ import annotations

from tui.images.files.layout import corrupt

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Where in 8x8 pixels each pass starts, across and down, and the steps it takes (section 2.6)."""


def check(header: bytes) -> None:
    """Raise Refusal, CORRUPT, where a header has what no PNG may have, with which decoders do not bear."""
    depth, colour, compression, filtering, interlacing = header[8:13]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlacing > 1:
        raise corrupt("PNG", "with a wrong header")


def unpacked(header: bytes) -> int:
    """Bytes of the pixels with a filter ahead of each row, before they are packed."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    bits = header[8] * _SAMPLES[header[9]]
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    sides = ((-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes)
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sides if columns > 0)
