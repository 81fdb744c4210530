"""Driving the app in tests: wait for conditions, never for time; leave no worker behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import textual.app
import textual.pilot
from textual.app import App, ScreenStackError
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from tui.app.app import BackfillApp

PATIENCE = 15.0


def settling(app: App[None]) -> Callable[..., Awaitable[None]]:
    """What stands in for Textual's `wait_for_idle`, which sleeps 20 ms, twice for each key, until the process idles.

    It waits until the loop has done all that was ready, and what the screen puts off until it is next painted.
    """

    async def settle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
        end = time.monotonic() + max_sleep
        await _drained(min_sleep, end)
        with suppress(ScreenStackError):
            app.screen._on_timer_update()
        await _drained(0, end)

    return settle


async def _drained(pause: float, end: float) -> None:
    loop: Any = asyncio.get_running_loop()
    await asyncio.sleep(pause)
    while loop._ready and time.monotonic() < end:  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0)


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
    with pytest.MonkeyPatch.context() as patch:
        for module in (textual.app, textual.pilot):
            patch.setattr(module, "wait_for_idle", settling(app))
        async with _under_pilot(app, size) as pilot:
            yield pilot


@asynccontextmanager
async def _under_pilot(app: BackfillApp, size: tuple[int, int]) -> AsyncIterator[Pilot[None]]:
    async with app.run_test(size=size, notifications=True) as pilot:
        yield pilot
        async with asyncio.timeout(PATIENCE):
            while app.running:
                app.stop_run()
                await pilot.pause()
            for worker in [*app.workers]:
                with suppress(WorkerCancelled):
                    await worker.wait()
