"""A worker that ends itself with SIGKILL at a chosen point, or works to the end; run as a process of its own.

    python -m tests.support.mortal STORE PORT [POINT NTH]

POINT is `before:METHOD` or `after:METHOD` of the store, `sql:TEXT` (before a statement that holds TEXT, inside its
transaction) or `rename` (an object's draft is written, its name is not); NTH counts from 1.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


async def start_worker(folder: Path, port: int, *trap: str) -> asyncio.subprocess.Process:
    """This worker on the store in `folder`, in a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.mortal", f"local:{folder}", str(port), *trap
    )


async def main(url: str, port: str, point: str = "", nth: str = "1") -> None:
    store = await open_store(url)
    if point:
        arm(store, point, int(nth))
    await work(store, int(port))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
