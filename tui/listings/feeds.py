"""Feeds of vehicles, streamed: JSON lines, CSV and TSV, with the columns of Google's vehicle-listings feed."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tui.listings.columns import KNOWN, column, listing_from
from tui.listings.lines import Line, LineFile
from tui.model import Listing, Problem

_DELIMITERS = {".csv": ",;", ".tsv": "\t", ".tab": "\t"}
_JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
_MOST_BRACKETS = 200
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class BadLine:
    """A record that was left out: its line, counted from 1, and why."""

    line: int
    reason: str


class Feed(Iterator["Listing | BadLine"]):
    """The records of a feed, in order, in constant memory. Close it when done; `fraction` says how far it is read."""

    def __init__(self, file: LineFile, records: Iterator[Listing | BadLine]) -> None:
        self._file = file
        self._records = records

    @property
    def fraction(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self._file.fraction

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def __next__(self) -> Listing | BadLine:
        try:
            return next(self._records)
        except BaseException:
            self._file.close()
            raise


def read_feed(path: Path, organization: str | None = None) -> Feed:
    """The listings of a file, and the lines that hold none, as they are asked for; blank lines are passed over.

    `organization` is the one of records that name none. The format is told by the file's name (`.jsonl`, `.csv`,
    `.tsv`, each also with `.gz`), else by its first line. Raises `Problem` when the file cannot be read, is empty
    or has no column that is known here.
    """
    file = LineFile(path)
    try:
        return Feed(file, _records(file, organization))
    except BaseException:
        file.close()
        raise


def _records(file: LineFile, organization: str | None) -> Iterator[Listing | BadLine]:
    lines = iter(file)
    first = next((line for line in lines if line.fault or line.text.strip()), None)
    if first is None:
        raise Problem(f"{file.path} is empty.")
    _refuse_other_formats(file.path, first)
    suffix = _suffix(file.path)
    if suffix in _JSON_LINES or (suffix not in _DELIMITERS and first.text.lstrip().startswith(("{", "["))):
        return _json_lines(chain([first], lines), file.path, first, organization)
    return _table(lines, first, _DELIMITERS.get(suffix, ",\t;|"), file.path, organization)


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _refuse_other_formats(path: Path, first: Line) -> None:
    if first.text.startswith("\ufffd\ufffd") and "\0" in first.text:
        raise Problem(f"{path} is UTF-16: save it as UTF-8.")
    if first.text.startswith("PK\x03\x04"):
        raise Problem(f"{path} is a zip archive or a spreadsheet: save it as CSV.")
    if first.text.lstrip().startswith("<"):
        raise Problem(f"{path} is XML or HTML: give a CSV, TSV or JSONL file.")


class _Again(Iterator[Line]):
    """Lines, some of which are given back to be read again; `taken` are those given since it was last cleared."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._waiting = deque[Line]()
        self.taken: list[Line] = []

    def __next__(self) -> Line:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Give back all that was taken but its first line."""
        self._waiting.extendleft(reversed(self.taken[1:]))


def _json_lines(
    lines: Iterator[Line], path: Path, first: Line, organization: str | None
) -> Iterator[Listing | BadLine]:
    if first.text.lstrip().startswith("["):
        raise Problem(f"{path} is one JSON array: write one object per line, e.g. with `jq -c '.[]'`.")
    return (_json_record(line, organization) for line in lines if line.fault or line.text.strip())


def _json_record(line: Line, organization: str | None) -> Listing | BadLine:
    if line.fault:
        return BadLine(line.number, line.fault)
    try:
        content = json.loads(line.text, parse_constant=_no_number, parse_float=_float)
    except json.JSONDecodeError as error:
        return BadLine(line.number, f"not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return BadLine(line.number, f"not usable JSON: {error}")
    if not isinstance(content, dict):
        return BadLine(line.number, "not a JSON object")
    if line.text.count("[") + line.text.count("{") > _MOST_BRACKETS and _depth(content) > _DEEPEST:
        return BadLine(line.number, f"nested deeper than {_DEEPEST} levels")
    if "\\u" in line.text:
        content = _without_surrogates(content)
    return _listing(line.number, [(column(name), value) for name, value in content.items()], organization)


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


def _float(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _no_number(digits)


def _depth(value: object, depth: int = 1) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_depth(child, depth + 1) for child in children), default=depth) if depth <= _DEEPEST else depth


def _without_surrogates(value: object) -> dict[str, object]:
    # Half of a surrogate pair, escaped, is valid JSON and no text: no database takes it.
    text = json.dumps(value, ensure_ascii=False).encode(errors="replace").decode()
    cleaned: dict[str, object] = json.loads(text)
    return cleaned


def _listing(number: int, cells: Sequence[tuple[str, object]], organization: str | None) -> Listing | BadLine:
    return listing_from(cells, organization) or BadLine(number, "nothing in it tells of a vehicle")


def _table(
    lines: Iterator[Line], first: Line, delimiters: str, path: Path, organization: str | None
) -> Iterator[Listing | BadLine]:
    delimiter, header = max(
        ((mark, _cells(first.text, mark)) for mark in delimiters), key=lambda read: len(KNOWN.intersection(read[1]))
    )
    if not KNOWN.intersection(header):
        known = "vin, link, year, make, model, image_link or image_urls"
        raise Problem(f"{path} has no column known here in its first line: name at least one of {known}.")
    return _Rows(_Again(lines), header, delimiter, organization)


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return [column(cell) for cell in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:  # a carriage return inside the line, say: whatever this is, it is no header
        return []


class _Rows(Iterator["Listing | BadLine"]):
    """Rows of a table. A quote that is never closed costs its own line, not the rest of the file."""

    def __init__(self, lines: _Again, header: list[str], delimiter: str, organization: str | None) -> None:
        self._lines = lines
        self._header = header
        self._delimiter = delimiter
        self._organization = organization
        self._reader = self._new_reader()

    def _new_reader(self) -> Iterator[list[str]]:
        return iter(csv.reader((line.text for line in self._lines), delimiter=self._delimiter))

    def __next__(self) -> Listing | BadLine:
        while True:
            self._lines.taken.clear()
            try:
                row = next(self._reader)
            except csv.Error:
                return self._bad("a quote is never closed, a line ends in the middle, or a cell is longer than 128 KB")
            if any(cell.strip() for cell in row) or any(line.fault for line in self._lines.taken):
                return self._record(row)

    def _record(self, row: list[str]) -> Listing | BadLine:
        taken, header = self._lines.taken, self._header
        if fault := next((line.fault for line in taken if line.fault), ""):
            return self._bad(fault)
        if len(taken) > 1 and self._is_open():
            return self._bad("a quote is never closed")
        if any(cell.strip() for cell in row[len(header) :]):
            return self._bad(f"{len(row)} cells under {len(header)} columns")
        return _listing(taken[0].number, list(zip(header, row, strict=False)), self._organization)

    def _is_open(self) -> bool:
        # At the end of the file the reader accepts a cell whose quote is still open; were there one more line, it
        # would take that as well.
        more = iter(["one more"])
        lines = itertools.chain((line.text for line in self._lines.taken), more)
        next(csv.reader(lines, delimiter=self._delimiter), None)
        return next(more, None) is None

    def _bad(self, reason: str) -> BadLine:
        taken = self._lines.taken
        bad = next((line for line in taken if line.fault), taken[0])
        if bad is taken[0]:
            self._lines.give_back()
        self._reader = self._new_reader()
        return BadLine(bad.number, reason)
