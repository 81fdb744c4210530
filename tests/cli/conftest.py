from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.crew import crew
from tests.support.web import Web, serving
from tests.support.world import listing
from tui.cli.workers import Workers
from tui.stores import Store, open_store

VEHICLES, IMAGES = 12, 2

Make = Callable[..., Workers]


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as host:
        yield host


@pytest.fixture
async def store(tmp_path: Path, web: Web) -> AsyncIterator[Store]:
    opened = await open_store(f"local:{tmp_path / 'store'}")
    await opened.intake([listing(web, number, IMAGES) for number in range(VEHICLES)])
    yield opened
    await opened.close()


@pytest.fixture
def make(tmp_path: Path, web: Web, store: Store) -> Make:
    """So many workers on the store."""

    def build(workers: int, **options: object) -> Workers:
        return crew(store, f"local:{tmp_path / 'store'}", web.port, workers, **options)

    return build
