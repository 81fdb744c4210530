"""A store together with the way its images are fetched: what every face opens before it can run anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tui.images import PROFILES, Guard, Images, Limits, Pace
from tui.model import RunOptions
from tui.settings import Settings
from tui.stores import Store, open_store
from tui.trickle.run import Trickle


async def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Session:
    """An open deployment. `title` names it in headers; `guard` says which addresses its images may come from."""

    store: Store
    settings: Settings
    title: str
    guard: Guard = field(default_factory=Guard)
    demo: bool = False
    on_close: Callable[[], Awaitable[None]] = _nothing

    def trickle(self, options: RunOptions) -> Trickle:
        """A new run with a fetcher of its own."""
        return Trickle(self.store, self._images(options.pace), options)

    def _images(self, pace: str) -> Images:
        settings = self.settings
        return Images(
            Pace(PROFILES[pace], settings.hosts),
            guard=self.guard,
            limits=Limits(deadline=settings.deadline, max_bytes=settings.max_bytes),
            contact=settings.contact,
        )

    async def close(self) -> None:
        """Close the store and whatever came with it."""
        await self.store.close()
        await self.on_close()


async def open_session(settings: Settings) -> Session:
    """Open the store that the settings name; raises StoreError."""
    store = await open_store(settings.store)
    return Session(store, settings, store.label)
