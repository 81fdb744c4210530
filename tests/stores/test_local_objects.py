"""Objects in their folder, and the journal of runs."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from urllib.request import urlopen

import pytest

from tui.model import (
    Phase,
    RunOptions,
    RunRecord,
    Scope,
    Tally,
)
from tui.stores.local import LocalStore


async def test_an_object_opens_under_its_url(store: LocalStore, tmp_path: Path) -> None:
    for content in (b"first", b"second, longer"):
        url = await store.put_object("v/external_import/a b.jpg", io.BytesIO(content), "image/jpeg")
    response = await asyncio.to_thread(urlopen, url)
    with response:
        assert response.read() == b"second, longer"
    assert [path.name for path in (tmp_path / "shelf" / "objects").rglob("*") if path.is_file()] == ["a b.jpg"]


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "a/../../b", "", "ü.jpg", "a\\b", "a\nb"])
async def test_an_object_stays_in_its_bucket(store: LocalStore, path: str) -> None:
    with pytest.raises(ValueError, match="not an object path"):
        await store.put_object(path, io.BytesIO(b""), "image/jpeg")


async def test_an_object_that_breaks_off_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError("cut")

    with pytest.raises(Exception, match="cut"):
        await store.put_object("v/a.jpg", Breaks(), "image/jpeg")
    assert [path for path in (tmp_path / "shelf" / "objects").rglob("*") if path.is_file()] == []


async def test_the_journal_keeps_the_latest_word_of_each_run(store: LocalStore) -> None:
    options = RunOptions(limit=7, scope=Scope(organization_ids=("a", "b"), include_private=True))
    started = RunRecord("one", "w", 1.0, 2.0, None, Phase.RUNNING, options)
    ended = RunRecord("one", "w", 1.0, 3.0, 3.0, Phase.FINISHED, options, Tally(1, 2, 3, 4, 5, {"gone": 3}), 4, 5, "x")
    later = RunRecord("two", "w", 9.0, 9.0, None, Phase.RUNNING, RunOptions())
    for record in (started, later, ended):
        await store.save_run(record)
    assert await store.runs() == (later, ended)
    assert await store.runs(limit=1) == (later,)
