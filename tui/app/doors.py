"""The ways into a deployment that the app is given: it never opens a store by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.model import Finding
from tui.settings import Profile, Secret, Settings, load_settings
from tui.stores import examine, mend

if TYPE_CHECKING:
    from tui.trickle.session import Session

Opening = Callable[[], "Awaitable[Session]"]
"""Opens a session when it is called; raises Problem."""


@dataclass(frozen=True)
class Doors:
    """How to open the demo world, and the store of some settings.

    `settings` are those at hand: flags, environment and files of the start. `connect` gives those of a profile or of
    what someone typed, with its key (an empty one: from where the profile keeps it); it raises Problem. `examine` and
    `mend` are the doctor's, for the store of the settings they are given.
    """

    demo: Opening
    store: Callable[[Settings], Awaitable[Session]]
    settings: Settings = field(default_factory=Settings)
    connect: Callable[[Profile, Secret], Settings] = lambda profile, key: load_settings(connection=profile, key=key)
    examine: Callable[[Settings], AsyncIterator[Finding]] = lambda settings: examine(settings.store, settings)
    mend: Callable[[Settings, str], Awaitable[str]] = lambda settings, remedy: mend(settings.store, settings, remedy)

    def local(self, folder: str) -> Opening:
        """Opens the store in a folder."""
        return lambda: self.store(self.settings.at(f"local:{folder}"))
