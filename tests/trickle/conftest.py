from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.web import Web, serving
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Pace
from tui.model import RunOptions
from tui.stores import Store, open_store
from tui.trickle.run import Trickle

MakeTrickle = Callable[..., Trickle]


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as host:
        yield host


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"local:{tmp_path / 'store'}")
    yield opened
    await opened.close()


@pytest.fixture
def make(store: Store, web: Web) -> MakeTrickle:
    """A run over the store and the host; keyword arguments are run options."""

    def build(
        pace: str = "unlimited",
        attempts: int = 2,
        clock: Callable[[], float] = time.time,
        bandwidth: int = 0,
        **options: object,
    ) -> Trickle:
        images = Images(Pace(PROFILES[pace]), guard=Guard(exempt=web.exempt), attempts=attempts, bandwidth=bandwidth)
        chosen = RunOptions(pace=pace, bandwidth=bandwidth, **options)  # type: ignore[arg-type]
        return Trickle(store, images, chosen, clock=clock)

    return build
