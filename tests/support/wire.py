"""Connections to the projects of the stack, with waits that a test can watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.stack import Project
from tui.settings import Secret
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.waits import Waits


@dataclass(frozen=True)
class Watched(Waits):
    """Waits that take no time on a clock of their own: `slept` has their seconds, `seen` what was shown meanwhile."""

    slept: list[float] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    look: list[Callable[[], str]] = field(default_factory=list)

    def clock(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.seen.extend(look() for look in self.look)
        self.slept.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def connected(
    project: Project, key: str = "", *, waits: Waits | None = None, read_only: bool = False
) -> AsyncIterator[Connection]:
    """A connection with the service key, or another one."""
    secret = Secret(key or project.service_key)
    connection = await Connection.open(project.url, secret, read_only=read_only, waits=waits or Waits(scale=0.01))
    if isinstance(waits, Watched):
        waits.look.append(lambda: connection.trouble)
    try:
        yield connection
    finally:
        await connection.close()
