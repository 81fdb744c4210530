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
    """Write `content` to `path` in the bucket and give its file URL; raises ValueError for a path that leads out."""
    bucket = folder.absolute() / BUCKET
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
    with _in_its_folder(draft, lambda: open(draft, "wb", buffering=0)) as file:  # noqa: PTH123
        while piece := content.read(_PIECE):
            file.write(piece)
        # The row that names this object must not outlive it when the power fails.
        os.fsync(file.fileno())


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
