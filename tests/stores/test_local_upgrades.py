"""A store of an older version opens as one of this version, with everything in it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.shelf import listing
from tui.model import Phase, RunOptions, RunRecord, Scope, Tally
from tui.stores import StoreError
from tui.stores.local import LocalStore
from tui.stores.local.upgrades import UPGRADES

FIRST = """
DROP TABLE image_backfill_shares;
DROP TABLE image_backfill_runs;
CREATE TABLE image_backfill_runs (
  run_id TEXT NOT NULL PRIMARY KEY,
  worker TEXT NOT NULL,
  started_at REAL NOT NULL,
  seen_at REAL NOT NULL,
  ended_at REAL,
  phase TEXT NOT NULL,
  options TEXT NOT NULL,
  tally TEXT NOT NULL,
  vehicles_done INTEGER NOT NULL DEFAULT 0,
  vehicles_total INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX image_backfill_runs_started ON image_backfill_runs (started_at);
CREATE INDEX image_backfill_jobs_worker ON image_backfill_jobs (worker) WHERE worker IS NOT NULL;
INSERT INTO image_backfill_runs VALUES
  ('20260131-084107-3f9a', 'here:1', 10.0, 20.0, 20.0, 'finished',
   '{"batch_size": 10, "max_images": 20, "limit": 7, "pace": "normal", "dry_run": false,
     "scope": {"organization_ids": ["b", "a"], "vehicle_ids": [], "include_private": false}}',
   '{"stored": 3, "duplicate": 0, "refused": 1, "deferred": 0, "bytes": 99, "refusals": {"gone": 1}}', 2, 5, ''),
  ('20260131-094107-1b2c', 'here:2', 30.0, 40.0, NULL, 'running',
   '{"batch_size": 1, "max_images": 2, "limit": 3, "pace": "fast", "dry_run": false,
     "scope": {"organization_ids": [], "vehicle_ids": [], "include_private": true}}',
   '{"stored": 0, "duplicate": 0, "refused": 0, "deferred": 0, "bytes": 0, "refusals": {}}', 0, 0, 'the disk is full.');
PRAGMA user_version = 1;
"""

FINISHED = RunRecord(
    run_id="20260131-084107-3f9a",
    worker="here:1",
    started_at=10.0,
    seen_at=20.0,
    ended_at=20.0,
    phase=Phase.FINISHED,
    options=RunOptions(limit=7, scope=Scope(organization_ids=("b", "a"))),
    tally=Tally(stored=3, refused=1, bytes=99, refusals={"gone": 1}),
    vehicles_done=2,
    vehicles_total=5,
)
KILLED = RunRecord(
    run_id="20260131-094107-1b2c",
    worker="here:2",
    started_at=30.0,
    seen_at=40.0,
    ended_at=None,
    phase=Phase.RUNNING,
    options=RunOptions(1, 2, 3, "fast", Scope(include_private=True)),
    error="the disk is full.",
)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A folder with a store of the first version."""

    async def make() -> None:
        store = await LocalStore.open(tmp_path)
        await store.intake([listing("Porsche"), listing("Volvo")])
        await store.close()

    asyncio.run(make())
    with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as db:
        db.executescript(FIRST)
    return tmp_path


def schema(folder: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(folder / "store.sqlite3")) as db:
        version = db.execute("PRAGMA user_version").fetchall()
        return version + sorted(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall(), key=str)


async def test_the_journal_comes_along(first: Path) -> None:
    store = await LocalStore.open(first)
    assert await store.runs() == (KILLED, FINISHED)
    assert (await store.counts()).ready == 2
    await store.close()


async def test_what_is_written_from_now_on_joins_what_was_there(first: Path) -> None:
    store = await LocalStore.open(first, clock=lambda: 41.0)
    newcomer = RunRecord("new", "here:3", 41.0, 41.0, None, Phase.STARTING, KILLED.options)
    assert await store.join_run(newcomer) == KILLED.run_id
    await store.close()


async def test_an_upgraded_store_is_like_a_new_one(first: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    new = tmp_path_factory.mktemp("new")
    for folder in (first, new):
        await (await LocalStore.open(folder)).close()
    assert schema(first) == schema(new)


async def test_two_that_upgrade_at_once(first: Path) -> None:
    stores = await asyncio.gather(*(LocalStore.open(first) for _ in range(3)))
    for store in stores:
        assert len(await store.runs()) == 2
        await store.close()


async def test_an_upgrade_that_fails_leaves_the_store_as_it_was(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(db: sqlite3.Connection) -> None:
        UPGRADES[1](db)
        db.execute("SELECT * FROM nowhere")

    before = schema(first)
    with monkeypatch.context() as patch:
        patch.setattr("tui.stores.local.database.UPGRADES", {1: fails})
        with pytest.raises(StoreError):
            await LocalStore.open(first)
    assert schema(first) == before
    store = await LocalStore.open(first)
    assert len(await store.runs()) == 2
    await store.close()


async def test_one_that_is_only_to_be_looked_at_stays_as_it_is(first: Path) -> None:
    before = schema(first)
    with pytest.raises(StoreError, match="older version"):
        await LocalStore.open(first, read_only=True)
    assert schema(first) == before
