"""Connecting to a deployment: the profiles there are, and a form for one that nobody has named yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui.app import words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.screens.base import BaseScreen
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.doctor import DoctorScreen
from tui.app.widgets import connect_lines as draw
from tui.app.widgets.canvas import LineList
from tui.app.widgets.connect_form import ConnectForm
from tui.app.widgets.connect_lines import Known
from tui.app.widgets.field import Field
from tui.app.widgets.ink import Ink, Line, Piece, spread
from tui.app.widgets.sheet import Sheet
from tui.model import Problem
from tui.settings import (
    Profile,
    Secret,
    Settings,
    SettingsError,
    forget,
    nameable,
    profiles,
    project_url,
    remember,
    remembered,
    unfit,
)

if TYPE_CHECKING:
    from tui.trickle.session import Session

NO_URL = "Give the project's URL, e.g. https://abcdefgh.supabase.co"
NO_KEY = "Give the service key: the project's settings show it under API keys, as service_role or sb_secret_…"
NO_NAME = "A name has up to 40 printable characters, and is never a key or an address."
TAKEN = "The settings file has a profile of this name already: give the connection another one."


def _listed(screen: ConnectScreen) -> bool:
    return screen.current is not None


def _forgettable(screen: ConnectScreen) -> bool:
    return screen.current is not None and screen.current.remembered


class ConnectScreen(BaseScreen):
    """Opens a profile or what was typed, and remembers the latter where it has a name; never its key.

    `error` is why nothing was opened.
    """

    AREA = "connect"
    TITLE = "Connect"
    ACTIONS = (
        Action("open", "o", "Open", show=1, enabled=_listed, help="Enter, too"),
        Action("test", "x", "Test", show=4, enabled=_listed, help="Let the doctor look at it"),
        Action("edit", "e", "Edit", show=5, enabled=_listed, help="Fill the form with it"),
        Action("forget", "f", "Forget", show=6, enabled=_forgettable, help="What the app remembers of it"),
        Action("leave", "escape", "Back", show=2),
        # First of all that hear a key: what is typed right after a Tab would else still go to the field before.
        Action("next_field", "tab", "Next field", palette=False, priority=True),
        Action("previous_field", "shift+tab", "Field before", palette=False, priority=True),
    )
    DEFAULT_CSS = """
    ConnectScreen {
        & #connect-head { height: 2; }
        & #connect-list { max-height: 30vh; margin: 0 0 1 0; display: none; }
        & #connect-form { padding: 0 1; }
        & #connect-error { color: $error; height: auto; margin: 1 0 0 0; padding: 0 1; }
        & #connect-error.-calm { color: $text-muted; }
    }
    """

    error: reactive[str] = reactive("", init=False)

    def __init__(self, error: str = "") -> None:
        super().__init__()
        self.set_reactive(ConnectScreen.error, error)
        self.known: tuple[Known, ...] = ()
        self.asked = False

    def compose_body(self) -> ComposeResult:
        """The profiles, the form, and what came of it."""
        yield Sheet(self._head, id="connect-head", focusable=False)
        yield LineList(draw.paint, id="connect-list")
        yield ConnectForm(_at_hand(self.backfill.doors.settings), id="connect-form")
        yield Static(id="connect-error")

    @property
    def _list(self) -> LineList[Known]:
        return self.query_one("#connect-list", LineList)

    @property
    def form(self) -> ConnectForm:
        """The form."""
        return self.query_one(ConnectForm)

    @property
    def current(self) -> Known | None:
        """The profile under the cursor, while the list has the keys."""
        return self._list.current if self.is_mounted else None

    def on_mount(self) -> None:
        """Look what is known, behind the first paint."""
        self.form.ask_for("key" if self.backfill.doors.settings.project else "url")
        self.watch(self.app, "opening", self._tell)
        self._tell()
        start(self, "profiles", self._load, True)

    async def _load(self, first: bool) -> None:
        try:
            self.known = await asyncio.to_thread(_known, self.backfill.doors.connect)
        except Problem as problem:
            self.error = str(problem)
        self.asked = True
        self._list.show(self.known)
        self._list.display = bool(self.known)
        self._list.styles.height = len(self.known)
        if self.known and first and not self.form.profile.supabase_url:
            self._list.focus()
        self.query_one(Sheet).reflow()
        self.refresh_bindings()

    def _head(self, width: int) -> Sequence[Line]:
        count = words.plural(len(self.known), "profile") if self.known else ""
        return (spread((Piece("Connect", Ink.STRONG),), (Piece(count, Ink.DIM),), width),)

    def watch_error(self) -> None:
        """Show it."""
        self._tell()

    def _tell(self) -> None:
        opening = self.backfill.opening
        line = self.query_one("#connect-error", Static)
        line.set_class(opening, "-calm")
        line.update(Content("opening …" if opening else words.clean(self.error)))

    def on_line_list_moved(self) -> None:
        """The profile under the cursor decides what can be done."""
        self.refresh_bindings()

    # Opening

    def on_connect_form_asked(self, event: ConnectForm.Asked) -> None:
        """Open or examine what was typed."""
        settings = self._typed()
        if settings is None:
            return
        if event.test:
            self.app.push_screen(DoctorScreen(settings))
        elif (why := unfit(settings.supabase_key)) and not settings.read_only:
            self._refuse(f"{why} Read-only looks with this one.", "key")
        else:
            self._open_typed(settings, replace(self.form.profile, supabase_url=settings.project))

    def _open_typed(self, settings: Settings, profile: Profile) -> None:
        written = {row.profile.name: row.profile for row in self.known if not row.remembered}
        if written.get(profile.name, profile) != profile:
            self._refuse(TAKEN, "name")
        else:
            self._open(settings, profile if profile.name and profile.name not in written else None)

    def _typed(self) -> Settings | None:
        """The settings of the form, or None when it says what is missing."""
        profile = self.form.profile
        if (wrong := _wrong(profile)) is not None:
            self._refuse(*wrong)
            return None
        try:
            settings = self.backfill.doors.connect(profile, self.form.secret)
        except SettingsError as problem:
            self._refuse(str(problem), "url")
            return None
        if not settings.supabase_key:
            self._refuse(NO_KEY, "key")
            return None
        return settings

    def _refuse(self, sentence: str, field: str) -> None:
        self.error = sentence
        self.form.ask_for(field)

    def _open(self, settings: Settings, remembering: Profile | None = None) -> None:
        self.error = ""
        self.backfill.open_session(partial(self._opened, settings, remembering))

    async def _opened(self, settings: Settings, remembering: Profile | None) -> Session:
        session = await self.backfill.doors.store(settings)
        self.form.forget_key()
        if remembering is not None and remembering.name:
            try:
                await asyncio.to_thread(remember, remembering)
            except SettingsError as problem:
                self.notify(words.clean(str(problem)), severity="warning", markup=False)
        return session

    # Actions

    def on_line_list_opened(self) -> None:
        """Enter opens the profile."""
        self.action_open()

    def action_open(self) -> None:
        """Open the profile under the cursor, or ask for what it lacks."""
        row = self.current
        if row is None:
            return
        settings = self.backfill.doors.connect(row.profile, Secret())
        if not settings.lacks:
            self._open(settings)
        elif row.profile.key_variable:
            self.error = settings.lacks
        else:
            self.error = ""
            self.form.fill(row.profile)
            self.form.ask_for("key")

    def action_test(self) -> None:
        """Let the doctor look at the profile under the cursor."""
        if self.current is not None:
            self.app.push_screen(DoctorScreen(self.backfill.doors.connect(self.current.profile, Secret())))

    def action_edit(self) -> None:
        """Fill the form with the profile under the cursor."""
        if self.current is not None:
            self.form.fill(self.current.profile)
            self.form.ask_for("name" if self.current.ready else "key")

    def action_forget(self) -> None:
        """Forget the connection under the cursor, once the operator has agreed."""
        row = self.current
        if row is None:
            return

        def answer(agreed: bool | None) -> None:
            if agreed:
                start(self, "profiles", self._forget, row.profile.name)

        text = "Its name, URL and colour are removed from this machine. The deployment stays as it is."
        self.app.push_screen(ConfirmScreen(f"Forget {words.clean(row.profile.name)}?", text, "Forget"), answer)

    async def _forget(self, name: str) -> None:
        await asyncio.to_thread(forget, name)
        await self._load(first=True)

    def on_field_left(self, event: Field.Left) -> None:
        """Escape in a field leaves the screen."""
        event.stop()
        self.action_leave()

    def action_next_field(self) -> None:
        """On to what is typed next."""
        self.focus_next()

    def action_previous_field(self) -> None:
        """Back."""
        self.focus_previous()

    def action_leave(self) -> None:
        """Back to where we came from."""
        self.app.pop_screen()


def _at_hand(settings: Settings) -> Profile:
    """The project that the settings name, which may lack nothing but its key."""
    if not settings.project:
        return Profile("")
    return Profile(
        settings.profile,
        settings.project,
        color=settings.color,
        key_variable=settings.key_variable,
        read_only=settings.read_only,
        organizations_table=settings.organizations_table,
    )


def _known(connect: Callable[[Profile, Secret], Settings]) -> tuple[Known, ...]:
    kept = remembered()
    return tuple(draw.known(each, connect(each, Secret()), remembered=each in kept) for each in profiles())


def _wrong(profile: Profile) -> tuple[str, str] | None:
    """What is wrong with what was typed, in a sentence, and the field where it is; None where nothing is."""
    if not profile.supabase_url:
        return NO_URL, "url"
    try:
        project_url(profile.supabase_url)
    except ValueError as error:
        return f"The URL {error}.", "url"
    return None if not profile.name or nameable(profile.name) else (NO_NAME, "name")
