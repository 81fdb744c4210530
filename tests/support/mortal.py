"""A worker that ends itself with SIGKILL at a chosen point, or works to the end; run as a process of its own.

A point is `before:METHOD` or `after:METHOD` of the store, `sql:TEXT` (before a statement that holds TEXT, inside its
transaction) or `rename` (an object's draft is written, its name is not); `nth` counts from 1 how often it is reached.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.forked import Forked
from tests.support.web import HOST
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Pace
from tui.model import RunOptions
from tui.stores import Store, open_store
from tui.trickle.run import Trickle


class Countdown:
    """Dies when it has been told `nth` times."""

    def __init__(self, nth: int) -> None:
        self._left = nth

    def tick(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(store: Any, point: str, nth: int) -> None:
    """Set the trap."""
    countdown = Countdown(nth)
    kind, _, what = point.partition(":")
    if kind == "sql":
        store._writer._connection.set_trace_callback(lambda sql: countdown.tick() if what in sql else None)
    elif kind == "rename":
        rename = os.replace

        def replace(draft: str, target: str) -> None:
            countdown.tick()
            rename(draft, target)

        os.replace = replace  # type: ignore[assignment]
    else:
        setattr(store, what, _trapped(getattr(store, what), countdown, before=kind == "before"))


def _trapped(method: Callable[..., Any], countdown: Countdown, *, before: bool) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        if before:
            countdown.tick()
        result = await method(*args, **kwargs)
        if not before:
            countdown.tick()
        return result

    return call


async def work(store: Store, port: int) -> None:
    """Run until nothing is left."""
    images = Images(Pace(PROFILES["unlimited"]), guard=Guard(exempt={HOST: ("127.0.0.1", port)}))
    await Trickle(store, images, RunOptions(batch_size=2, pace="unlimited")).run()


def start_worker(folder: Path, port: int, point: str = "", nth: int = 1) -> Forked:
    """This worker on the store in `folder`, in a process of its own."""
    return Forked(main, f"local:{folder}", port, point, nth)


def main(url: str, port: int, point: str, nth: int) -> int:
    asyncio.run(work_on(url, port, point, nth))
    return 0


async def work_on(url: str, port: int, point: str, nth: int) -> None:
    store = await open_store(url)
    if point:
        arm(store, point, nth)
    await work(store, port)
    await store.close()
