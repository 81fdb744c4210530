"""The ways into a deployment that the app is given: it never opens a store by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.trickle.session import Session

Opening = Callable[[], "Awaitable[Session]"]
"""Opens a session when it is called; raises Problem."""


@dataclass(frozen=True)
class Doors:
    """How to open the demo world, and a store by its address, e.g. `local:PATH` (`local` alone: the default one)."""

    demo: Opening
    store: Callable[[str], Awaitable[Session]]
