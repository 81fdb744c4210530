"""From the command line into the app, and what stays on the terminal after it."""

from __future__ import annotations

import sys
from pathlib import Path

from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.cli.parser import Arguments
from tui.cli.sessions import open_chosen, open_demo_session, open_store_session
from tui.model import Problem
from tui.trickle.session import Session


def open_face(arguments: Arguments) -> int:
    """Run the app to its end; raises Problem where there is no terminal for it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Problem("the app needs a terminal; `backfill-tui run` does the same work without one.")
    settings = arguments.settings
    doors = Doors(
        demo=lambda: open_demo_session(settings, Path()),
        store=lambda url: open_store_session(settings, url),
    )

    async def opening() -> Session:
        return await open_chosen(arguments, images=True)

    app = BackfillApp(doors, opening if _chosen(arguments) else None, settings.options())
    app.run()
    if app.exit_summary:
        print(app.exit_summary)  # noqa: T201
    return app.return_code or 0


def _chosen(arguments: Arguments) -> bool:
    """Whether there is anything to open yet; on the very first start the app welcomes instead."""
    store = arguments.settings.store
    return arguments.demo is not None or not store.startswith("local:") or Path(store[6:]).expanduser().exists()
