"""The folder of a demo: whose it is, and which world is in it."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tui.demo.world import World
from tui.model import Problem

_MARKER = "demo.json"
_LOCK = "demo.lock"


def is_seeded(folder: Path, world: World) -> bool:
    """Whether the world is in the folder, whole.

    Raises Problem when the folder holds something else, or the demo of another seed or version.
    """
    marker = _read(folder / _MARKER)
    if marker is None:
        if folder.is_dir() and not all(entry.name.startswith("demo.") for entry in folder.iterdir()):
            raise Problem(f"The folder {folder} is not empty and holds no demo: name another one.")
        return False
    if marker.get("world") != world.fingerprint:
        raise Problem(f"The demo in {folder} was made with another seed or version: name another folder.")
    return marker.get("seeded") is True


def mark(folder: Path, world: World, *, seeded: bool) -> None:
    """Remember which world is in the folder, and whether it is whole."""
    draft = folder / f"{_MARKER}.new"
    draft.write_text(json.dumps({"seed": world.seed, "world": world.fingerprint, "seeded": seeded}) + "\n", "utf-8")
    draft.replace(folder / _MARKER)


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
    """The folder for one process at a time; a killed one lets go."""
    with (folder / _LOCK).open("a") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield


def _read(marker: Path) -> dict[str, object] | None:
    try:
        content = json.loads(marker.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Problem(f"The demo's {marker} cannot be read ({error}): name another folder.") from error
    return content if isinstance(content, dict) else {}
