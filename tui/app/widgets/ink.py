"""Lines as values: pieces of text with an ink each, measured in cells. The theme says what an ink looks like."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"
LEAST = 12
"""Cells of a name that tell it from others."""

_SPARKS = "▁▂▃▄▅▆▇█"


class Ink(StrEnum):
    """What a piece of text means; `canvas` paints it in the theme's tones."""

    PLAIN = "plain"
    STRONG = "strong"
    DIM = "dim"
    FAINT = "faint"
    ACCENT = "accent"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ON_RED = "on red"
    ON_AMBER = "on amber"
    ON_GREEN = "on green"
    ON_BLUE = "on blue"
    ON_VIOLET = "on violet"

    __hash__ = str.__hash__  # that of an enum is not made for a look-up per piece

    @property
    def opaque(self) -> bool:
        """Whether it has a ground of its own, which no cursor may cover."""
        return self.value.startswith("on ")


class Piece(NamedTuple):
    """A run of text in one ink, free of control characters."""

    text: str
    ink: Ink = Ink.PLAIN


Line = tuple[Piece, ...]

BLANK: Line = ()


def chip(text: str, color: str) -> Piece:
    """A text on the colour of a profile (one of `COLORS`); quiet and bare without one."""
    return Piece(text, Ink.DIM) if color == "none" else Piece(f" {text} ", Ink(f"on {color}"))


def cells(text: str) -> int:
    """Cells that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def line_width(line: Line) -> int:
    """Cells that a line takes."""
    return sum([cells(text) for text, _ in line])


def cut(text: str, width: int) -> str:
    """Text in at most `width` cells, with an ellipsis where something is missing at the end."""
    if cells(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def left(text: str, width: int) -> str:
    """Text in exactly `width` cells, aligned left."""
    text = cut(text, width)
    return text + " " * (width - cells(text))


def right(text: str, width: int) -> str:
    """Text in exactly `width` cells, aligned right."""
    text = cut(text, width)
    return " " * (width - cells(text)) + text


def shorten(text: str, width: int) -> str:
    """Text in at most `width` cells, with an ellipsis in its middle: both ends of a URL say something."""
    if cells(text) <= width:
        return text
    if width < 3:
        return cut(text, width)
    head = (width - 1) // 2
    return set_cell_size(text, head).rstrip() + ELLIPSIS + _tail(text, width - 1 - head)


def _tail(text: str, width: int) -> str:
    taken, start = 0, len(text)
    while start and taken + cells(text[start - 1]) <= width:
        start -= 1
        taken += cells(text[start])
    return text[start:]


def squeeze(text: str, width: int) -> str:
    """Text in at most `width` cells at the cost of its longest word: a log line keeps its verdict and loses URL."""
    over = cells(text) - width
    if over <= 0:
        return text
    longest = max(text.split(" "), key=cell_len)
    return cut(text.replace(longest, shorten(longest, max(12, cells(longest) - over)), 1), width)


def wrapped(text: str, width: int) -> list[str]:
    """Text in lines of at most `width` cells, broken between words where that can be."""
    lines = [""]
    for word in text.split():
        while cells(word) > width:
            head = set_cell_size(word, width).rstrip()
            lines, word = [*lines, head], word[len(head) :]
        longer = f"{lines[-1]} {word}".lstrip()
        if cells(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [line for line in lines if line]


def clip(line: Line, width: int) -> Line:
    """A line in at most `width` cells."""
    if line_width(line) <= width:
        return line
    kept: list[Piece] = []
    room = width
    for piece in line:
        size = cells(piece.text)
        if size > room:
            kept.append(Piece(cut(piece.text, room), piece.ink))
            break
        kept.append(piece)
        room -= size
    return tuple(kept)


def yielding(line: Line, width: int) -> Line:
    """A line in at most `width` cells at the cost of its first piece, as long as something is left of that."""
    over = line_width(line) - width
    if over <= 0 or not line:
        return line
    first, *rest = line
    return clip((Piece(cut(first.text, max(LEAST, cells(first.text) - over)), first.ink), *rest), width)


def spread(start: Line, end: Line, width: int) -> Line:
    """`start` at the left and `end` at the right edge; what does not fit is taken from `start`."""
    room = width - line_width(end)
    if room < 2:
        return clip(start, width)
    start = clip(start, room - 1)
    return (*start, Piece(" " * (room - line_width(start))), *end)


def parts(pieces: Sequence[Piece], gap: int = 3) -> Line:
    """Pieces in a row with a gap between them."""
    line: list[Piece] = []
    for piece in pieces:
        if line:
            line.append(Piece(" " * gap))
        line.append(piece)
    return tuple(line)


def bar(done: int, total: int, width: int) -> Line:
    """A progress bar of `width` cells in half-cell steps; full only when everything is done."""
    halves = 0 if total <= 0 else min(2 * width, 2 * width * done // total)
    full, half = divmod(halves, 2)
    return Piece("━" * full + "╸" * half, Ink.ACCENT), Piece("─" * (width - full - half), Ink.FAINT)


def spark(values: Sequence[float], width: int) -> str:
    """The last `width` values as a line of small bars that share one scale."""
    shown = values[-width:] if width > 0 else ()
    top = max(shown, default=0.0)
    if top <= 0:
        return _SPARKS[0] * len(shown)
    return "".join(_SPARKS[round(value / top * (len(_SPARKS) - 1))] for value in shown)
