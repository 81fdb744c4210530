"""From the command line into the app, and what stays on the terminal after it."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from tui.app.app import BackfillApp
from tui.app.doors import Doors, Opening
from tui.cli.parser import Arguments
from tui.model import Finding, Problem
from tui.settings import Profile, Secret, Settings, load_settings
from tui.stores import examine

if TYPE_CHECKING:
    from tui.trickle.session import Session


def open_face(arguments: Arguments) -> int:
    """Run the app to its end; raises Problem where there is no terminal for it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Problem("the app needs a terminal; `backfill-tui run` does the same work without one.")
    app = BackfillApp(_doors(arguments), _opening(arguments), arguments.settings.options())
    app.run()
    if app.exit_summary:
        print(app.exit_summary)  # noqa: T201
    return app.return_code or 0


_ENGINE = (
    *("tui.cli.sessions", "tui.images.obtain", "anyio._backends._asyncio"),
    # What a run without a screen loads when it comes to it would keep this one from painting.
    *("tui.images.files.decode", "aiofiles.threadpool", "tui.trickle.plan"),
)


async def _load(settings: Settings) -> None:
    """Load the engine and the clients behind the app's first paint, in a thread: they take their time."""
    adapter = ("tui.stores.supabase",) if settings.project else ()
    for name in (*_ENGINE, *adapter):
        await asyncio.to_thread(importlib.import_module, name)
    from tui.images.transport import tls_context
    from tui.trickle.session import spare_what_is_loaded

    await asyncio.to_thread(tls_context)
    spare_what_is_loaded()


def _doors(arguments: Arguments) -> Doors:
    async def demo() -> Session:
        await _load(arguments.settings)
        from tui.cli.sessions import open_demo_session

        return await open_demo_session(arguments.settings, Path())

    async def store(settings: Settings) -> Session:
        await _load(settings)
        from tui.trickle.session import open_session

        return await open_session(settings)

    def connect(profile: Profile, key: Secret) -> Settings:
        return load_settings(arguments.flags, connection=profile, key=key)

    async def looked(settings: Settings) -> AsyncIterator[Finding]:
        await _load(settings)
        async for finding in examine(settings.store, settings):
            yield finding

    return Doors(demo, store, arguments.settings, connect, looked)


def _opening(arguments: Arguments) -> Opening | None:
    async def opening() -> Session:
        await _load(arguments.settings)
        from tui.cli.sessions import open_chosen

        return await open_chosen(arguments, images=True)

    return opening if _chosen(arguments) else None


def _chosen(arguments: Arguments) -> bool:
    """Whether there is anything to open yet; on the very first start the app welcomes instead."""
    store = arguments.settings.store
    return arguments.demo is not None or not store.startswith("local:") or Path(store[6:]).expanduser().exists()
