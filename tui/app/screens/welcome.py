"""Where to begin when nothing is open."""

from __future__ import annotations

from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui.app import words
from tui.app.actions import Action
from tui.app.screens.base import BaseScreen
from tui.app.screens.connect import ConnectScreen
from tui.app.screens.importing import ImportScreen
from tui.app.screens.prompt import PromptScreen
from tui.app.widgets.canvas import LineList
from tui.app.widgets.ink import Ink, Line, Piece, left
from tui.settings import default_store

NO_PROJECT = "A service key is set, but no SUPABASE_URL: set it, or give it with c."


class Way(NamedTuple):
    """A way to begin."""

    key: str
    action: str
    title: str
    text: str
    writes: bool = False


WAYS = (
    Way("d", "demo", "Demo", "a small dealer world, nothing to set up"),
    Way("i", "import_file", "Import a file", "JSONL, CSV or TSV listings into a local store", writes=True),
    Way("o", "open_store", "Open a store", "a folder on this machine"),
    Way("c", "connect", "Connect Supabase", "by URL and service key, or a named profile"),
)


class WelcomeScreen(BaseScreen):
    """Demo, import, local store, Supabase; `error` is why nothing is open."""

    AREA = "welcome"
    TITLE = "Welcome"
    ACTIONS = (
        *(
            Action(way.action, way.key, way.title, show=rank, group="Begin", writes=way.writes)
            for rank, way in enumerate(WAYS, 3)
        ),
        Action("leave", "escape", "Back", show=8, enabled=lambda screen: screen.backfill.session is not None),
    )
    AUTO_FOCUS = "#ways"
    DEFAULT_CSS = """
    WelcomeScreen {
        & #welcome { align: center middle; height: 1fr; }
        & #welcome > * { width: 74; max-width: 94%; }
        & #name { text-style: bold; }
        & #purpose { color: $text-muted; margin: 0 0 2 0; }
        & #ways { height: 4; }
        & #welcome-error { color: $error; height: auto; margin: 2 0 0 0; min-height: 2; }
        & #welcome-error.-calm { color: $text-muted; }
        & #welcome-error.-hint { color: $warning; }
    }
    """

    error: reactive[str] = reactive("", init=False)

    def __init__(self, error: str = "") -> None:
        super().__init__()
        self.set_reactive(WelcomeScreen.error, error)

    def compose_body(self) -> ComposeResult:
        """Name, purpose, ways, and why we are here."""
        with Vertical(id="welcome"):
            yield Static("backfill", id="name")
            yield Static("Trickle the photos of vehicle listings into your own storage.", id="purpose")
            yield LineList(_paint, id="ways")
            yield Static(id="welcome-error")

    def on_mount(self) -> None:
        """Show what there is to choose."""
        self.ways.show(way for way in WAYS if not (way.writes and self.read_only))
        self.watch(self.app, "opening", self._tell)
        self._tell()

    @property
    def ways(self) -> LineList[Way]:
        """The list of ways."""
        return self.query_one("#ways", LineList)

    def watch_error(self) -> None:
        """Show it."""
        self._tell()

    def _tell(self) -> None:
        opening = self.backfill.opening
        line = self.query_one("#welcome-error", Static)
        line.set_class(opening, "-calm")
        line.set_class(not self.error, "-hint")
        line.update(Content("opening …" if opening else words.clean(self.error) or self._hint))

    @property
    def _hint(self) -> str:
        """A key without its project would else go unnoticed."""
        settings = self.backfill.doors.settings
        lost = settings.supabase_key and not settings.supabase_url and self.backfill.session is None
        return NO_PROJECT if lost else ""

    @on(LineList.Opened)
    async def _begin(self) -> None:
        way = self.ways.current
        if way is not None:
            await self.run_action(way.action)

    def action_demo(self) -> None:
        """Open the demo world."""
        self.backfill.open_session(self.backfill.doors.demo)

    def action_import_file(self) -> None:
        """Import into the default store."""
        self.app.push_screen(ImportScreen(), self._imported)

    def _imported(self, anything: bool | None) -> None:
        if anything and self.is_current:
            self.app.pop_screen()

    def action_open_store(self) -> None:
        """Ask which."""
        prompt = PromptScreen(
            "Open a local store", "folder", default_store().removeprefix("local:"), "It is created if it is not there."
        )
        self.app.push_screen(prompt, self._open)

    def _open(self, folder: str | None) -> None:
        if folder:
            self.error = ""
            self.backfill.open_session(self.backfill.doors.local(folder))

    def action_connect(self) -> None:
        """Choose a profile, or tell where a project is."""
        self.app.push_screen(ConnectScreen())

    def action_leave(self) -> None:
        """Back to what is open."""
        self.app.pop_screen()


def _paint(way: Way, width: int) -> Line:
    return (
        Piece(f"  {way.key}  ", Ink.ACCENT),
        Piece(left(way.title, 19), Ink.STRONG),
        Piece(way.text, Ink.DIM),
    )
