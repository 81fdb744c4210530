"""What a local store needs, looked at one by one."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tui.model import Finding, Health
from tui.stores import StoreError
from tui.stores.local.database import VERSION, is_new, look, version_of
from tui.stores.local.faults import explained

LITTLE_SPACE = 1_000_000_000
SAMPLE = 1_000
"""Image rows, the newest, whose files are looked for."""


async def examine_folder(folder: Path) -> AsyncIterator[Finding]:
    """One finding after the other about the store in `folder`; nothing in it is changed."""
    for check in (_folder, _space, _database, _objects):
        for finding in await asyncio.to_thread(_all_of, check, folder):
            yield finding


def _all_of(check: Callable[[Path], Iterator[Finding]], folder: Path) -> list[Finding]:
    found = list[Finding]()
    try:
        with explained(folder):
            found.extend(check(folder.expanduser()))
    except StoreError as error:
        found.append(Finding(check.__name__.strip("_"), Health.FAIL, str(error)))
    return found


def _folder(folder: Path) -> Iterator[Finding]:
    if not folder.exists():
        advice = "`backfill-tui import FILE` makes it, `--demo` brings one."
        yield Finding("folder", Health.WARN, f"{folder} is not there yet", advice)
    elif not folder.is_dir():
        yield Finding("folder", Health.FAIL, f"{folder} is a file", "Give a folder.")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = "Give this user the right to write to it."
        yield Finding("folder", Health.WARN, f"{folder} can only be looked at", advice)
    else:
        yield Finding("folder", Health.OK, f"{folder}")


def _space(folder: Path) -> Iterator[Finding]:
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free
    text = f"{free / 1e9:,.1f} GB free"
    little = Finding("space", Health.WARN, text, "Free some: a run ends when an image can no longer be written.")
    yield little if free < LITTLE_SPACE else Finding("space", Health.OK, text)


def _database(folder: Path) -> Iterator[Finding]:
    file = folder / "store.sqlite3"
    if not file.exists():
        return
    with closing(look(file)) as db:
        is_new(db, file)  # raises what is wrong with it
        yield _version(version_of(db))
        yield _damage(db)
        if version_of(db):
            yield _vehicles(db)


def _version(version: int) -> Finding:
    if version == VERSION:
        return Finding("schema", Health.OK, f"version {version}")
    advice = "The next start of the program brings it up to date."
    return Finding("schema", Health.WARN, f"version {version} of {VERSION}", advice)


def _damage(db: sqlite3.Connection) -> Finding:
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said == "ok":
        return Finding("integrity", Health.OK, "SQLite finds no damage")
    advice = "Restore it from a copy, or save what can be read with `sqlite3 … .recover`."
    return Finding("integrity", Health.FAIL, f"SQLite finds damage: {said}", advice)


def _vehicles(db: sqlite3.Connection) -> Finding:
    query = """
        SELECT SUM(CASE WHEN is_public THEN vehicles ELSE 0 END) AS public,
          SUM(CASE WHEN is_public AND k.organization_id = '' THEN vehicles ELSE 0 END) AS alone,
          SUM(CASE WHEN is_public THEN 0 ELSE vehicles END) AS private
        FROM image_backfill_counts c JOIN image_backfill_organizations k ON k.key = c.organization
    """
    public, alone, private = db.execute(query).fetchone()
    if not public and not private:
        return Finding("vehicles", Health.OK, "none yet", "`backfill-tui import FILE` brings some.")
    without = f", {alone:,} of them without an organization" if alone else ""
    beside = f"; {private:,} private beside them" if private else ""
    return Finding("vehicles", Health.OK, f"{public:,}{without}{beside}")


def _objects(folder: Path) -> Iterator[Finding]:
    objects, file = folder / "objects", folder / "store.sqlite3"
    if objects.is_dir() and not os.access(objects, os.W_OK | os.X_OK):
        yield Finding(
            "objects", Health.WARN, f"{objects} cannot be written", "Give this user the right to write to it."
        )
    elif file.exists():
        yield _files(file)


def _files(file: Path) -> Finding:
    query = """
        SELECT image_url FROM vehicle_images WHERE image_url LIKE 'file://%' ORDER BY rowid DESC LIMIT ?
    """
    with closing(look(file)) as db:
        urls = [url for (url,) in db.execute(query, (SAMPLE,))]
    gone = sum(not Path(unquote(urlsplit(url).path)).is_file() for url in urls)
    if gone:
        advice = "Bring the objects folder back to where it was, or restore it from a copy."
        return Finding("objects", Health.FAIL, f"{gone:,} of the {len(urls):,} newest are missing", advice)
    return Finding("objects", Health.OK, f"none of the {len(urls):,} newest is missing" if urls else "none yet")
