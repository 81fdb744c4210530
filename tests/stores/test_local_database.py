"""A connection at its desk: writes that go together."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tui.stores import StoreError
from tui.stores.local.database import Desk, writing


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "desk.sqlite3", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)")
    yield connection
    connection.close()


def note(db: sqlite3.Connection, text: str | None) -> str:
    with writing(db):
        db.execute("INSERT INTO notes VALUES (?)", (text,))
    return f"noted {text}"


def notes(connection: sqlite3.Connection) -> set[str]:
    return {text for (text,) in connection.execute("SELECT text FROM notes")}


async def together(desk: Desk, *texts: str | None) -> list[str | BaseException]:
    """What became of notes that were asked for while the desk was busy."""
    gate = threading.Event()
    busy = asyncio.ensure_future(desk.run(lambda _: gate.wait()))
    writes = asyncio.gather(*(desk.together(note, text) for text in texts), return_exceptions=True)
    await asyncio.sleep(0)  # each has been asked for now
    gate.set()
    await busy
    return await writes


async def test_writes_that_wait_go_in_one_transaction(connection: sqlite3.Connection, tmp_path: Path) -> None:
    desk, committed = Desk(connection, tmp_path), list[str]()
    connection.set_trace_callback(committed.append)
    assert await together(desk, "a", "b", "c") == ["noted a", "noted b", "noted c"]
    assert committed.count("COMMIT") == 1
    connection.set_trace_callback(None)
    assert notes(connection) == {"a", "b", "c"}
    await desk.close()


async def test_a_write_that_fails_costs_the_others_nothing(connection: sqlite3.Connection, tmp_path: Path) -> None:
    desk = Desk(connection, tmp_path)
    first, wrong, repeated, last = await together(desk, "a", None, "a", "b")
    assert (first, last) == ("noted a", "noted b")
    assert isinstance(wrong, StoreError)
    assert isinstance(repeated, StoreError)
    assert notes(connection) == {"a", "b"}
    await desk.close()


async def test_a_write_alone_is_committed_when_it_is_answered(connection: sqlite3.Connection, tmp_path: Path) -> None:
    desk = Desk(connection, tmp_path)
    assert await desk.together(note, "alone") == "noted alone"
    assert not connection.in_transaction
    await desk.close()


async def test_a_closed_desk_takes_no_write(connection: sqlite3.Connection, tmp_path: Path) -> None:
    desk = Desk(connection, tmp_path)
    await desk.close()
    with pytest.raises(StoreError, match="is closed"):
        await desk.together(note, "late")
