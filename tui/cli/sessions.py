"""Which deployment a command line means: the demo, or the store of the settings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import platformdirs

from tui.app.words import clean
from tui.cli.parser import Arguments
from tui.cli.say import talk
from tui.model import Problem
from tui.settings import APP, Settings
from tui.trickle.session import Session, open_session

QUIET = 2.0
"""Seconds for which a command waits without a word."""


def demo_folder(named: Path) -> Path:
    """The folder of the demo: the one named, or one in the platform's data folder, so that a demo can be resumed."""
    return named if named != Path() else platformdirs.user_data_path(APP) / "demo"


async def open_chosen(arguments: Arguments, *, images: bool, create: bool = False) -> Session:
    """Open what the command line means; `images` False spares the demo its image host.

    Raises Problem, also for a local store that is not there yet unless it may be created.
    """
    if arguments.demo is None:
        if not create:
            _require_store(arguments.settings.store)
        return await open_session(arguments.settings)
    return await open_demo_session(arguments.settings, arguments.demo, images=images)


def _may_be_store(folder: Path) -> bool:
    """Whether there is something to open; a folder without a store's file is not made one by looking at it."""
    try:
        return folder.is_file() or (folder / "store.sqlite3").exists()
    except OSError:
        return True  # opening it tells what is wrong


def _require_store(url: str) -> None:
    scheme, _, path = url.partition(":")
    if scheme == "local" and not _may_be_store(Path(path).expanduser()):
        raise Problem(f"there is no store at {path} yet; `backfill-tui import FILE` makes one, `--demo` brings one.")


async def open_demo_session(settings: Settings, folder: Path, *, images: bool = True) -> Session:
    """The demo world as a session; its own names are the only ones exempt from the address rules."""
    from tui.demo import open_demo

    demo = await open_demo(demo_folder(folder), serve=images, read_only=settings.read_only)
    command = "backfill-tui --demo" if folder == Path() else f"backfill-tui --demo={folder}"
    settings = settings.at(f"local:{demo.folder}")
    command = f"{command} --read-only" if settings.read_only else command
    return Session(demo.store, settings, "demo · local", demo.exempt, command, on_close=demo.close)


def chosen_store(arguments: Arguments) -> str:
    """The address of the store that the command line means."""
    return arguments.settings.store if arguments.demo is None else f"local:{demo_folder(arguments.demo)}"


def require_writable(settings: Settings, instead: str) -> None:
    """Raise Problem where the deployment may only be looked at; `instead` is what can be done."""
    if settings.read_only:
        named = f"the profile {settings.profile!r}" if settings.profile else "this deployment"
        raise Problem(f"{named} is read-only: {instead}.")


async def look_again(session: Session) -> None:
    """Have the store look at its rows as they are now; says so on stderr when that takes long, and why it waits."""
    looking = asyncio.ensure_future(session.store.refresh())
    told = ""
    try:
        while not (await asyncio.wait({looking}, timeout=QUIET))[0]:
            # What stands behind the semicolon counts down.
            words = session.store.trouble.partition(";")[0] or f"looking at every row of {session.title} …"
            if words != told:
                talk(clean(words))
            told = words
        await looking
    finally:
        looking.cancel()
