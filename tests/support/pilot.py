"""Driving the app in tests: wait for conditions, never for time; leave no worker behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from textual.app import App
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from tui.app.app import BackfillApp

PATIENCE = 15.0


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Let the app work until a condition holds; fails with what the screen shows instead."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"never came true; the screen shows\n{shown(pilot.app)}"
        await pilot.pause()
        await asyncio.sleep(0.01)
    await pilot.pause()


def shown(app: App[None]) -> str:
    """The screen as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@asynccontextmanager
async def driven(app: BackfillApp, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """The app under a pilot; at the end a run is cut and all workers end before the app does."""
    async with app.run_test(size=size, notifications=True) as pilot:
        yield pilot
        while app.running:
            app.stop_run()
            await pilot.pause()
        for worker in [*app.workers]:
            with suppress(WorkerCancelled):
                await worker.wait()
