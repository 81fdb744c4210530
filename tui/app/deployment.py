"""The part of the app that has a deployment open: opening it, counting it, reading it again, and what ails it."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.app import App
from textual.reactive import reactive

from tui.app import words
from tui.app.background import start
from tui.app.doors import Doors, Opening
from tui.app.sign import Sign, sign_of
from tui.model import Counts, Problem

if TYPE_CHECKING:
    from tui.trickle.session import Session

COUNT_EVERY = 2.0
"""Seconds between two counts while a run goes on, at the least."""

COUNT_REST = 10.0
"""How many times as long as it counted the store is left alone."""

IDLE_EVERY = 15.0
"""Seconds between two counts while nothing is done here: others may be at work on the same vehicles."""

FEEL_EVERY = 0.5
"""Seconds between two looks at what keeps the store from answering: a property, no question."""

NOTICE_STAYS = 12.0


class DeploymentApp(App[None]):
    """`session` is None until something is open; `counts` are the store's; `opening` says that a session is being
    opened, `rereading` that the store looks at every row again, `trouble` why its calls wait.
    """

    # `repaint` on an app paints the whole screen; the widgets that show these values look for themselves.
    session: reactive[Session | None] = reactive(None, init=False, repaint=False)
    counts: reactive[Counts | None] = reactive(None, init=False, repaint=False)
    opening: reactive[bool] = reactive(False, init=False, repaint=False)
    rereading: reactive[Session | None] = reactive(None, init=False, repaint=False)
    trouble: reactive[str] = reactive("", init=False, repaint=False)

    def __init__(self, doors: Doors, clock: Callable[[], float]) -> None:
        super().__init__()
        self.doors = doors
        self.clock = clock
        self.count_again_at = 0.0

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return False

    @property
    def read_only(self) -> bool:
        """Whether what is open may only be looked at; before anything is, whether the settings say so."""
        return self.session.read_only if self.session is not None else self.doors.settings.read_only

    @property
    def sign(self) -> Sign:
        """What is open, as every screen says it."""
        return sign_of(self.session)

    @property
    def notice(self) -> str:
        """What the store that is open wants to be known, empty when it is nothing."""
        return words.clean(self.session.store.notice) if self.session is not None else ""

    def on_mount(self) -> None:
        """Keep an eye on the store for as long as the app lives."""
        self.set_interval(FEEL_EVERY, self._feel)

    def _feel(self) -> None:
        self.trouble = self.session.store.trouble if self.session is not None else ""
        if not self.running:
            self._count_if_due(IDLE_EVERY, self._count_quietly)

    def open_session(self, opening: Opening) -> None:
        """Open another session in the background and show its inventory. Not during a run."""
        if self.running:
            self.refuse_while_running()
            return
        start(self, "opening", self._open, opening)

    def refuse_while_running(self) -> None:
        """Say why nothing else can be opened."""
        self.notify("A run goes on; stop it before opening something else.", severity="warning")

    async def _open(self, opening: Opening) -> None:
        try:
            await self.adopt(opening)
        except Problem as problem:
            self.refuse_opening(str(problem))
        else:
            while len(self.screen_stack) > 1:
                await self.pop_screen()

    def refuse_opening(self, error: str) -> None:
        """Say why nothing was opened."""
        raise NotImplementedError

    async def adopt(self, opening: Opening) -> Session:
        """Open a session, make it the app's, and close the one before; raises Problem."""
        self.opening = True
        try:
            session = await opening()
        finally:
            self.opening = False
        before = self.session
        self.take(session)
        self.reread()
        if self.notice:
            self.notify(self.notice, timeout=NOTICE_STAYS, markup=False)
        if before is not None:
            await before.close()
        return session

    def take(self, session: Session) -> None:
        """Make a session the app's."""
        self.session, self.counts, self.trouble = session, None, ""

    def refresh_counts(self) -> None:
        """Ask the store for its counts again."""
        if self.session is not None:
            start(self, "counts", self._count, self.session)

    def count_when_due(self) -> bool:
        """Ask for the counts again, unless that was a moment ago; whether they are asked for."""
        return self._count_if_due(0.0, self._count)

    def _count_if_due(self, later: float, count: Callable[[Session], Coroutine[None, None, None]]) -> bool:
        if self.session is None or self.clock() < self.count_again_at + later:
            return False
        self.count_again_at = math.inf
        start(self, "counts", count, self.session)
        return True

    async def _count(self, session: Session) -> None:
        try:
            await self._take_counts(session)
        except Problem as problem:
            self.notify(words.clean(str(problem)), severity="error", markup=False)

    async def _count_quietly(self, session: Session) -> None:
        """Nobody has asked for it: what goes wrong is told to whoever does."""
        with suppress(Problem):
            await self._take_counts(session)

    async def _take_counts(self, session: Session) -> None:
        began = self.clock()
        try:
            counts = await session.store.counts()
            if session is self.session:
                self.counts = counts
        finally:
            # A store that counts slowly is asked less often.
            self.count_again_at = self.clock() + max(COUNT_EVERY, COUNT_REST * (self.clock() - began))

    def reread(self) -> None:
        """Count, let the store look at every row again for what others edited, and count once more."""
        if self.session is not None and self.rereading is not self.session:
            start(self, "rereading", self._reread, self.session)

    async def _reread(self, session: Session) -> None:
        await self._count(session)
        self.rereading = session
        try:
            await session.store.refresh()
        finally:
            if self.rereading is session:
                self.rereading = None
        await self._count(session)
