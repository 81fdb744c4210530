"""Objects in a folder: written whole under a name, or not at all."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import quote

from tui.model import BUCKET

R = TypeVar("R")

_ABANDONED_AFTER = 3600.0
_INCOMING = ".incoming"
_PIECE = 256 * 1024


def put(folder: Path, path: str, content: BinaryIO) -> str:
    """Write `content` to `path` in the bucket and give its file URL; raises ValueError for a path that leads out.

    `folder` is absolute.
    """
    bucket = f"{folder}/{BUCKET}"
    target = f"{bucket}/{_checked(path)}"
    draft = f"{bucket}/{_INCOMING}/{uuid.uuid4().hex}"
    try:
        _write(draft, content)
        _in_its_folder(target, lambda: os.replace(draft, target))  # noqa: PTH105 - paths are text here, for their cost
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)  # noqa: PTH108
        raise
    return f"file://{quote(os.fsencode(target))}"


def _write(draft: str, content: BinaryIO) -> None:
    # A file object would cost as much as the writing does: other threads wait for its turns.
    number = _in_its_folder(draft, lambda: os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        while piece := content.read(_PIECE):
            left = memoryview(piece)
            while left:
                left = left[os.write(number, left) :]
        # The row that names this object must not outlive it when the power fails.
        os.fsync(number)
    finally:
        os.close(number)


def _in_its_folder(path: str, act: Callable[[], R]) -> R:
    """Do what needs the folder of `path`, which is nearly always there."""
    try:
        return act()
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        return act()


def _checked(path: str) -> str:
    parts = path.split("/")
    if not path.isascii() or not path.isprintable() or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"not an object path: {path!r}")
    return path


def clear_abandoned(folder: Path) -> None:
    """Remove what killed writers left half-written; the drafts of living ones are younger."""
    incoming = folder / BUCKET / _INCOMING
    if incoming.is_dir():
        for draft in incoming.iterdir():
            if time.time() - draft.stat().st_mtime > _ABANDONED_AFTER:
                draft.unlink(missing_ok=True)
