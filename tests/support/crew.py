"""`run --workers` on a store of the tests, run as a process of its own so that it can be killed.

python -m tests.support.crew STORE PORT WORKERS
"""

from __future__ import annotations

import asyncio
import sys

from tests.support.web import HOST
from tui.cli.workers import Workers
from tui.settings import load_settings
from tui.stores import Store, open_store
from tui.trickle.session import Session


def crew(store: Store, url: str, port: int, workers: int, **options: object) -> Workers:
    """Workers on an open store, whose images are at a port of this machine."""
    flags = {"store": url, "pace": "unlimited", **{key: str(value) for key, value in options.items()}}
    settings = load_settings(flags)
    session = Session(store, settings, "test", exempt={HOST: ("127.0.0.1", port)})
    return Workers(session, flags, settings.options(), workers)


async def main(url: str, port: str, workers: str) -> None:
    store = await open_store(url)
    await crew(store, url, int(port), int(workers), batch_size=2).run()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
