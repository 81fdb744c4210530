"""A doctor's findings as rows of a list: pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tui.app import words
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, left, wrapped
from tui.model import Finding, Health

_SIGNS = {
    Health.OK: ("✓", Ink.GOOD),
    Health.WARN: ("!", Ink.WARN),
    Health.FAIL: ("✕", Ink.BAD),
}
SUBJECT_MOST = 22
SUBJECT_SHARE = 4


class Row(NamedTuple):
    """One line; the cursor rests on the first one of a finding."""

    line: Line
    finding: Finding | None = None


def rows(findings: Sequence[Finding], looking: bool, notice: str, width: int) -> list[Row]:
    """Every finding with its advice under it, that there are more to come, and what the store wants to be known."""
    room = min(SUBJECT_MOST, max(10, width // SUBJECT_SHARE), max((len(f.subject) for f in findings), default=10))
    found = [row for finding in findings for row in _finding(finding, room, width)]
    if looking:
        found.append(Row((Piece("   looking …", Ink.DIM),)))
    elif notice:
        found += [
            Row(BLANK),
            *(Row((Piece(f"   {line}", Ink.DIM),)) for line in wrapped(words.clean(notice), width - 4)),
        ]
    return found


def _finding(finding: Finding, room: int, width: int) -> list[Row]:
    glyph, ink = _SIGNS[finding.health]
    indent = room + 12
    told = wrapped(words.clean(finding.text), max(20, width - indent - 1)) or [""]
    head = (
        Piece(f" {glyph} {left(finding.health.value, 6)}", ink),
        Piece(left(words.clean(finding.subject), room) + "   ", Ink.PLAIN),
    )
    plain = Ink.DIM if finding.health is Health.OK else Ink.PLAIN
    lines = [Row((*head, Piece(told[0], plain)), finding)]
    lines += [Row((Piece(" " * indent + line, plain),)) for line in told[1:]]
    return [*lines, *_advice(finding, indent, width)]


def _advice(finding: Finding, indent: int, width: int) -> list[Row]:
    told = wrapped(words.clean(finding.advice), max(20, width - indent - 3))
    marks = ["→ ", *["  "] * len(told)]
    return [
        Row((Piece(" " * indent + mark, Ink.ACCENT), Piece(line, Ink.DIM)))
        for mark, line in zip(marks, told, strict=False)
    ]


def summary(findings: Sequence[Finding], looking: bool) -> Line:
    """`9 ok · 1 warn · 1 fail`."""
    counts = Counter(finding.health for finding in findings)
    told = [Piece(f"{counts[health]:,} {health.value}", ink) for health, (_, ink) in _SIGNS.items() if counts[health]]
    if looking:
        told.append(Piece("looking …", Ink.DIM))
    return tuple(
        piece for n, told_piece in enumerate(told) for piece in ((Piece(" · ", Ink.DIM),) * (n > 0) + (told_piece,))
    )
