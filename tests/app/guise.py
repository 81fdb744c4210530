"""A real store that says of itself what a test needs it to say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from tui.stores import Store
from tui.trickle.session import Session


class Guise:
    """Everything is the store's own but `trouble`, `notice` and `refresh`, which ends when `fresh` is set."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.trouble = ""
        self.notice = ""
        self.refreshed = 0
        self.fresh = asyncio.Event()
        self.fresh.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def refresh(self) -> None:
        self.refreshed += 1
        await self.fresh.wait()


def guised(session: Session) -> tuple[Session, Guise]:
    """The session on its store in a guise."""
    guise = Guise(session.store)
    return replace(session, store=cast("Store", guise)), guise
