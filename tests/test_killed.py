"""Killed at any instant, the next run completes the work."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.mortal import start_worker
from tests.support.web import Web, jpeg, serving
from tests.support.world import assert_sound, listing, states, urls_stored
from tui.model import State
from tui.stores import Store, open_store

VEHICLES, IMAGES = 5, 4

POINTS = [
    ("after:join_run", 1),
    ("sql:INTO image_backfill_shares", 2),  # inside the transaction of a report
    ("after:save_run", 1),
    ("after:claim", 1),
    ("after:claim", 2),
    ("before:put_object", 1),
    ("rename", 2),
    ("after:put_object", 1),  # object written, row not
    ("after:put_object", 7),
    ("before:record", 3),
    ("sql:INSERT INTO vehicle_images", 2),  # inside the row's transaction
    ("after:record", 1),
    ("after:record", 4),  # rows written, mark not
    ("before:settle", 1),
    ("sql:INTO image_backfill_outcomes", 1),  # inside the mark's transaction
    ("sql:SET is_primary", 1),
    ("sql:json_set(origin_metadata", 1),
    ("sql:COMMIT", 5),
    ("after:settle", 1),  # marked, and the next vehicle under way
    ("after:settle", 5),
]


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as host:
        host.answers = {
            "v1/64": (404, b""),
            "v2/129": (200, jpeg(128)),  # the bytes of its first image
            **{f"v3/{192 + index}": (410, b"") for index in range(IMAGES)},
        }
        yield host


@pytest.fixture
async def store(tmp_path: Path, web: Web) -> AsyncIterator[Store]:
    opened = await open_store(f"local:{tmp_path / 'store'}")
    await opened.intake([listing(web, number, IMAGES) for number in range(VEHICLES)])
    yield opened
    await opened.close()


async def finish(folder: Path, web: Web) -> None:
    process = start_worker(folder, web.port)
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def assert_complete(store: Store, web: Web, folder: Path) -> None:
    """The work is done exactly once, as if nobody had ever been killed."""
    assert await states(store) == {
        "1960 Porsche 911": State.BACKFILLED,
        "1961 Porsche 911": State.BACKFILLED,
        "1962 Porsche 911": State.BACKFILLED,
        "1963 Porsche 911": State.PARKED,
        "1964 Porsche 911": State.BACKFILLED,
    }
    assert await urls_stored(store) == {
        "1960 Porsche 911": [web.url(f"v0/{n}") for n in (0, 1, 2, 3)],
        "1961 Porsche 911": [web.url(f"v1/{n}") for n in (65, 66, 67)],
        "1962 Porsche 911": [web.url(f"v2/{n}") for n in (128, 130, 131)],
        "1963 Porsche 911": [],
        "1964 Porsche 911": [web.url(f"v4/{n}") for n in (256, 257, 258, 259)],
    }
    await assert_sound(store, folder / "objects")
    assert primaries(folder) == 4


def primaries(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "store.sqlite3")) as db:
        (count,) = db.execute("SELECT COUNT(*) FROM vehicle_images WHERE is_primary").fetchone()
    return int(count)


@pytest.mark.parametrize(("point", "nth"), POINTS)
async def test_killed_at_a_point(point: str, nth: int, store: Store, web: Web, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    process = start_worker(folder, web.port, point, nth)
    async with asyncio.timeout(30):
        assert await process.wait() == -signal.SIGKILL, "the trap was never reached"
    await finish(folder, web)
    await assert_complete(store, web, folder)


@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_random_instants(seed: int, store: Store, web: Web, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    rng = random.Random(seed)
    for _ in range(3):
        process = start_worker(folder, web.port)
        asked = web.asked.total()
        enough = asked + rng.randint(1, 8)
        while process.returncode is None and web.asked.total() < enough:  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(rng.uniform(0, 0.01))  # the instant is meant to be a random one
        if process.returncode is None:
            process.kill()
        await process.wait()
    await finish(folder, web)
    await assert_complete(store, web, folder)
