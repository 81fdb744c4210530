"""`run --workers` on a store of the tests; also run as a process of its own so that it can be killed.

python -m tests.support.crew STORE PORT WORKERS
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.web import HOST, Web
from tui.cli.workers import Workers
from tui.model import Snapshot
from tui.settings import load_settings
from tui.stores import Store, open_store
from tui.trickle.session import Session


def crew(store: Store, url: str, port: int, workers: int, **options: object) -> Workers:
    """Workers on an open store, whose images are at a port of this machine."""
    flags = {"store": url, "pace": "unlimited", **{key: str(value) for key, value in options.items()}}
    settings = load_settings(flags)
    session = Session(store, settings, "test", exempt={HOST: ("127.0.0.1", port)})
    return Workers(session, flags, settings.options(), workers)


async def until(condition: Callable[[], Any], within: float = 30.0) -> None:
    """Wait for something that other processes do."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is awaited is other processes' doing
            await asyncio.sleep(0.01)


@asynccontextmanager
async def under_way(work: Workers, web: Web, holding: int) -> AsyncIterator[asyncio.Task[Snapshot]]:
    """Workers that wait for the answers to so many requests; none of them is left in the end."""
    web.hold.clear()
    task = asyncio.create_task(work.run())
    try:
        await until(lambda: web.holding >= holding or task.done())
        yield task
    finally:
        web.hold.set()
        work.cut()
        await asyncio.gather(task, return_exceptions=True)


def said(work: Workers, words: str) -> list[str]:
    """The lines of the log that hold these words."""
    return [line.text for line in work.snapshot().log if words in line.text]


async def main(url: str, port: str, workers: str) -> None:
    store = await open_store(url)
    await crew(store, url, int(port), int(workers), batch_size=2).run()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
