"""Lines of a file that may be huge, compressed, badly encoded or not text at all."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tui.model import Problem

LONGEST_LINE = 10 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, counted from 1; `fault` says why its text cannot be used."""

    number: int
    text: str
    fault: str = ""


def require_file(path: Path) -> None:
    """Raise `Problem` where there is nothing to read, before anything is made for what would have been read."""
    if not path.exists():
        raise unreadable(path, FileNotFoundError())
    if path.is_dir():
        raise unreadable(path, IsADirectoryError())


class LineFile:
    """The lines of a file, read as they are asked for; `fraction` says how far. Close it when done.

    Raises `Problem` when the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._size = max(path.stat().st_size, 1)
            self._raw = path.open("rb")
            compressed = self._raw.peek(2).startswith(b"\x1f\x8b")  # a pipe cannot be read twice
        except OSError as error:
            raise unreadable(path, error) from error
        self._content: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=self._raw)) if compressed else self._raw

    @property
    def fraction(self) -> float:
        """How much of the file has been read, from 0 to 1; of a pipe, 0 until its end."""
        if self._raw.closed:
            return 1.0
        return min(self._raw.tell() / self._size, 1.0) if self._raw.seekable() else 0.0

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._content.close()
        self._raw.close()

    def __iter__(self) -> Iterator[Line]:
        number = 0
        while raw := self._readline():
            number += 1
            if number == 1:
                raw = raw.removeprefix(_BOM)
            if len(raw) > LONGEST_LINE:
                self._skip_line(raw)
                yield Line(number, "", f"the line is longer than {LONGEST_LINE // 1024 // 1024} MB")
            else:
                yield _decoded(number, raw)

    def _readline(self) -> bytes:
        try:
            return self._content.readline(LONGEST_LINE + 1)
        except (OSError, EOFError) as error:
            raise unreadable(self.path, error) from error

    def _skip_line(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._readline()


def _decoded(number: int, raw: bytes) -> Line:
    try:
        return Line(number, raw.decode())
    except UnicodeDecodeError as error:
        return Line(number, raw.decode(errors="replace"), f"not UTF-8 at byte {error.start + 1} of the line")


def unreadable(path: Path, error: OSError | EOFError) -> Problem:
    """Why a file cannot be read, in one sentence."""
    if isinstance(error, FileNotFoundError):
        return Problem(f"There is no file {path}.")
    if isinstance(error, IsADirectoryError):
        return Problem(f"{path} is a folder: give a CSV, TSV or JSONL file.")
    if isinstance(error, (EOFError, gzip.BadGzipFile)):
        return Problem(f"{path} is not a whole gzip file: get it again.")
    return Problem(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.")
