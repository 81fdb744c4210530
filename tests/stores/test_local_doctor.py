"""What the doctor says of a local store."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stores.shelf import claim_one, image, listing
from tui.model import Finding, Health
from tui.stores.local import LocalStore, examine_folder
from tui.stores.local.doctor import LITTLE_SPACE

OK, WARN, FAIL = Health.OK, Health.WARN, Health.FAIL


async def examined(folder: Path) -> dict[str, Finding]:
    return {finding.subject: finding async for finding in examine_folder(folder)}


@pytest.fixture
async def shelf(tmp_path: Path) -> Path:
    store = await LocalStore.open(tmp_path / "shelf")
    await store.intake([listing("Porsche"), listing("Volvo", organization=None)])
    lease = await claim_one(store)
    stored = image(lease)
    with (tmp_path / "photo").open("w+b") as photo:
        url = await store.put_object(stored.storage_path, photo, "image/jpeg")
    await store.record(lease, replace(stored, image_url=url))
    await store.close()
    return tmp_path / "shelf"


async def test_all_is_well(shelf: Path) -> None:
    found = await examined(shelf)
    assert {finding.health for finding in found.values()} == {OK}
    assert found["folder"].text == str(shelf)
    assert found["schema"].text == "version 2"
    assert found["vehicles"].text == "2, 1 of them without an organization"
    assert found["objects"].text == "none of the 1 newest is missing"
    assert not any(finding.advice for finding in found.values())


async def test_private_vehicles_are_counted_beside_the_others(shelf: Path) -> None:
    store = await LocalStore.open(shelf)
    await store.intake([replace(listing("Saab"), is_public=False), replace(listing("Lada"), is_public=False)])
    public = (await store.counts()).vehicles
    await store.close()
    assert public == 2
    assert (await examined(shelf))["vehicles"].text == "2, 1 of them without an organization; 2 private beside them"


async def test_looking_changes_nothing(tmp_path: Path) -> None:
    found = await examined(tmp_path / "none")
    assert (found["folder"].health, set(found)) == (WARN, {"folder", "space"})
    assert "import" in found["folder"].advice
    assert not (tmp_path / "none").exists()


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (await examined(tmp_path / "file"))["folder"].health is FAIL


async def test_another_programs_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.sqlite3")) as db:
        db.execute("CREATE TABLE theirs (x)")
    found = (await examined(tmp_path))["database"]
    assert found.health is FAIL
    assert "another program's database" in found.text


async def test_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3").write_text("just some text " * 100)
    found = (await examined(tmp_path))["database"]
    assert found.health is FAIL
    assert "not an SQLite database" in found.text


async def test_an_older_version_is_brought_up_to_date_later(shelf: Path) -> None:
    with closing(sqlite3.connect(shelf / "store.sqlite3")) as db:
        db.execute("PRAGMA user_version = 1")
    found = (await examined(shelf))["schema"]
    assert (found.health, found.text) == (WARN, "version 1 of 2")


async def test_damage(tmp_path: Path) -> None:
    store = await LocalStore.open(tmp_path)
    await store.intake([listing(f"car {number}") for number in range(2000)])
    await store.close()
    file = tmp_path / "store.sqlite3"
    await asyncio.to_thread(_spoil, file)
    found = await examined(tmp_path)
    said = [found[subject] for subject in ("integrity", "database") if subject in found]
    assert said[0].health is FAIL
    assert "damage" in said[0].text


def _spoil(file: Path) -> None:
    with file.open("r+b") as content:
        content.seek(file.stat().st_size // 2)
        content.write(b"\xff" * (file.stat().st_size // 4))


async def test_objects_that_went_away(shelf: Path) -> None:
    await asyncio.to_thread(shutil.rmtree, shelf / "objects")
    found = (await examined(shelf))["objects"]
    assert (found.health, found.text) == (FAIL, "1 of the 1 newest are missing")


async def test_little_space(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(LITTLE_SPACE - 1))
    found = (await examined(shelf))["space"]
    assert (found.health, found.text) == (WARN, "1.0 GB free")
