"""A planned vehicle as rows of the preview, and each row as a line: pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.app import words
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, left, line_width, parts, right, shorten, spread
from tui.model import Vehicle

if TYPE_CHECKING:
    from tui.trickle.plan import PlannedVehicle

NOTE = 26
"""Cells kept for what is said about a URL."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: of a heading only the texts are set, a gap between two vehicles has none at all."""

    number: str = ""
    text: str = ""
    note: str = ""
    url: str = ""
    heading: bool = False
    taken: bool = False  # a candidate that a run would fetch

    @property
    def rests(self) -> bool:
        """Whether the cursor may stand here."""
        return bool(self.url)


GAP = Row()


@dataclass(frozen=True, slots=True)
class Totals:
    """What all vehicles planned so far come to, in images except for `vehicles`."""

    vehicles: int = 0
    to_store: int = 0
    settled: int = 0
    left_out: int = 0
    over_cap: int = 0

    def with_vehicle(self, planned: PlannedVehicle) -> Totals:
        """These totals with one vehicle more."""
        over = _over_cap(planned)
        return Totals(
            self.vehicles + 1,
            self.to_store + planned.to_store,
            self.settled + len(planned.candidates.chosen) - planned.to_store,
            self.left_out + len(planned.candidates.left_out) - over,
            self.over_cap + over,
        )


def _over_cap(planned: PlannedVehicle) -> int:
    return sum(entry.why == "over_cap" for entry in planned.candidates.left_out)


def rows(planned: PlannedVehicle, cap: int) -> Iterator[Row]:
    """A heading, the gallery in its order, one row for all that the cap cuts, and a gap."""
    yield _heading(planned.vehicle, planned.to_store)
    out = {entry.index: entry for entry in planned.candidates.left_out}
    chosen = iter(planned.candidates.chosen)
    for index in range(len(out) + len(planned.candidates.chosen)):
        entry = out.get(index)
        if entry is None:
            candidate = next(chosen)
            known = candidate.url in planned.settled
            yield _url_row(str(candidate.position + 1), candidate.url, "done before" if known else "", not known)
        elif entry.why != "over_cap":
            yield _url_row("–", entry.url, entry.words, taken=False)
    over = _over_cap(planned)
    if over:
        yield _beyond(planned, cap, over)
    yield GAP


def _heading(vehicle: Vehicle, to_store: int) -> Row:
    return Row(
        text=words.clean(vehicle.title),
        note=words.clean(vehicle.organization_name or ""),
        number=words.plural(to_store, "image"),
        heading=True,
    )


def _url_row(number: str, url: str, note: str, taken: bool) -> Row:
    return Row(number, words.clean(url).removeprefix("https://").removeprefix("http://"), note, url, taken=taken)


def _beyond(planned: PlannedVehicle, cap: int, over: int) -> Row:
    first = next(entry.url for entry in planned.candidates.left_out if entry.why == "over_cap")
    numbers = f"{cap + 1}…{cap + over}" if over > 1 else f"{cap + 1}"
    return Row(numbers, "", f"over the cap of {cap}", first)


def paint(row: Row, width: int) -> Line:
    """One row in `width` cells."""
    if row.heading:
        return _paint_heading(row, width)
    if not row.url:
        return BLANK
    number = Piece(right(row.number, 5) + "  ", Ink.ACCENT if row.taken else Ink.DIM)
    if not row.text:
        return number, Piece(row.note, Ink.DIM)
    room = width - line_width((number,)) - 1
    if row.note:
        room -= NOTE + 2
    url = _url(row.text, room, row.taken)
    if not row.note:
        return number, *url
    return number, *url, Piece(" " * (room - line_width(url) + 2)), Piece(left(row.note, NOTE), Ink.DIM)


def _paint_heading(row: Row, width: int) -> Line:
    name = shorten(row.text, max(20, width // 2))
    start = (Piece(" " + name, Ink.STRONG), Piece("   " + row.note, Ink.DIM))
    return spread(start, (Piece(row.number + " ", Ink.DIM),), width)


def _url(text: str, room: int, taken: bool) -> Line:
    """Host and path in full colour, the query string dimmed."""
    path, mark, query = shorten(text, max(8, room)).partition("?")
    return Piece(path, Ink.PLAIN if taken else Ink.DIM), Piece(mark + query, Ink.FAINT if not taken else Ink.DIM)


def totals_line(totals: Totals, cap: int, width: int) -> Line:
    """What a run would do with what is planned so far, shorter where room is short; zeros but the first stay out."""
    line = _totals(totals, "would store", ("done before", "leave out", f"cap {cap} cuts"), 3)
    if line_width(line) > width:
        line = _totals(totals, "store", ("done", "out", "over cap"), 2)
    return line


def _totals(totals: Totals, first: str, names: tuple[str, ...], gap: int) -> Line:
    told = [Piece(f"{first} {totals.to_store:,}", Ink.ACCENT)]
    counts = (totals.settled, totals.left_out, totals.over_cap)
    told += [Piece(f"{name} {count:,}", Ink.DIM) for name, count in zip(names, counts, strict=True) if count]
    return parts(told, gap)
