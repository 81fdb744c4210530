"""The whole program from its command line: the demo's run ends as the demo's own table says, image by image."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tui.demo import build_world
from tui.demo.world import World

NEEDING = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND v.origin_metadata->>'image_urls' IS NOT NULL
AND (SELECT COUNT(*) FROM vehicle_images vi WHERE vi.vehicle_id = v.id) = 0
"""
BACKFILLED = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND (v.origin_metadata->>'images_backfilled') = true
"""


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def command(folder: Path, *words: str) -> dict[str, Any]:
    """What a command with --json answered; its exit code must be 0."""
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", *words, f"--demo={folder}", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "BACKFILL_CONFIG": str(folder.parent / "config.toml")},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "store.sqlite3")) as db:
        return db.execute(query).fetchall()


def assert_status_agrees(folder: Path) -> dict[str, Any]:
    status = command(folder, "status")
    assert [(status["vehicles_needing_backfill"],)] == ask(folder, NEEDING)
    assert [(status["vehicles_backfilled"],)] == ask(folder, BACKFILLED)
    assert status["vehicles_needing_backfill"] == sum(status[part] for part in ("ready", "parked", "empty", "marked"))
    return status


@pytest.mark.long
def test_a_demo_run_ends_as_its_table_says(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (tmp_path / "config.toml").touch()
    expected = world.expected()

    before = assert_status_agrees(folder)
    first = command(folder, "run", "--limit", "60", "--pace", "unlimited")
    between = assert_status_agrees(folder)
    assert between["vehicles_needing_backfill"] < before["vehicles_needing_backfill"]
    second = command(folder, "run", "--limit", "10000", "--pace", "unlimited")
    after = assert_status_agrees(folder)
    assert (after["ready"], after["partial"]) == (0, 0)

    images = Counter(first["images"]) + Counter(second["images"])
    totals = expected.totals
    assert images == Counter(stored=totals.stored, duplicate=totals.duplicate, refused=totals.refused)
    assert Counter(first["refusals"]) + Counter(second["refusals"]) == Counter(totals.refusals)
    assert first["processed"] + second["processed"] == totals.vehicles
    assert_images_agree(folder, world)

    again = command(folder, "run", "--limit", "10000", "--pace", "unlimited")
    assert (again["processed"], again["total_images_inserted"], again["results"]) == (0, 0, [])
    assert again["elapsed_s"] < 5


def assert_images_agree(folder: Path, world: World) -> None:
    """Each source URL has ended as the table says, each vehicle stands where it should."""
    expected = world.expected()
    rows = Counter(
        url for (url,) in ask(folder, "SELECT source_url FROM vehicle_images WHERE source = 'external_import'")
    )
    stored = {url for url, fate in expected.images.items() if fate.result == "stored"}
    assert set(rows) == stored | expected.already
    assert max(rows.values()) == 1
    others = ask(folder, "SELECT source_url, result, reason FROM image_backfill_outcomes WHERE result <> 'stored'")
    assert {url: (result, reason) for url, result, reason in others} == {
        url: (fate.result, fate.reason) for url, fate in expected.images.items() if fate.result != "stored"
    }
    marked = {vin for (vin,) in ask(folder, "SELECT vin FROM vehicles WHERE origin_metadata->>'images_backfilled'")}
    assert marked == {vin for vin, state in expected.states.items() if state == "backfilled"}
