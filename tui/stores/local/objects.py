"""Objects in a folder: written whole under a name, or not at all."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path
from typing import BinaryIO

from tui.model import BUCKET

_ABANDONED_AFTER = 3600.0


def put(folder: Path, path: str, content: BinaryIO) -> str:
    """Write `content` to `path` in the bucket and give its file URL; raises ValueError for a path that leads out."""
    target = folder / BUCKET / _checked(path)
    incoming = folder / BUCKET / ".incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = incoming / uuid.uuid4().hex
    try:
        with draft.open("wb") as file:
            shutil.copyfileobj(content, file, 256 * 1024)
            file.flush()
            # The row that names this object must not outlive it when the power fails.
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return target.absolute().as_uri()


def _checked(path: str) -> str:
    parts = path.split("/")
    if not path.isascii() or not path.isprintable() or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"not an object path: {path!r}")
    return path


def clear_abandoned(folder: Path) -> None:
    """Remove what killed writers left half-written; the drafts of living ones are younger."""
    incoming = folder / BUCKET / ".incoming"
    if incoming.is_dir():
        for draft in incoming.iterdir():
            if time.time() - draft.stat().st_mtime > _ABANDONED_AFTER:
                draft.unlink(missing_ok=True)
