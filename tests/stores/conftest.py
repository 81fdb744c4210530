from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tui.stores.local import LocalStore


@dataclass
class Clock:
    """A clock that moves when told to."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[LocalStore]:
    store = await LocalStore.open(tmp_path / "shelf", clock=clock)
    yield store
    await store.close()


@pytest.fixture
def hand(store: LocalStore, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The store's file as a person with the sqlite3 shell has it open: no pragma of ours, no function of ours."""
    db = sqlite3.connect(tmp_path / "shelf" / "store.sqlite3", isolation_level=None, timeout=10)
    yield db
    db.close()
