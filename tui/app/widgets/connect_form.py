"""The form of a connection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from tui.app.widgets.answers import Answers
from tui.app.widgets.choice import Choice
from tui.app.widgets.connect_lines import color_piece
from tui.app.widgets.field import FormField, KeyField
from tui.app.widgets.ink import Ink, Piece
from tui.app.widgets.sheet import Sheet
from tui.settings import COLORS, Profile, Secret

NO, YES = "no", "yes"
OPEN, TEST = "Open", "Test"

LABELS = ("URL", "key", "name", "colour", "read-only")


class ConnectForm(Horizontal):
    """URL, key, name, colour and read-only; what is typed as a key leaves it as a `Secret` only."""

    DEFAULT_CSS = """
    ConnectForm {
        height: auto;
        & #labels { width: 12; height: 5; padding: 0; }
        & #fields { width: 1fr; max-width: 84; height: auto; }
        & Field { background: $panel; padding: 0 1; }
        & Field:focus { background: $block-cursor-background; }
        & Choice { width: 18; }
        & #answers { margin: 1 0 0 0; }
    }
    """

    @dataclass
    class Asked(Message):
        """The connection is to be opened, or (`test`) looked at by the doctor."""

        test: bool

    def __init__(self, profile: Profile, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._base = profile
        self._url = FormField(placeholder="https://abcdefgh.supabase.co", id="url")
        self._key = KeyField(placeholder="service_role or sb_secret_…; never kept", id="key")
        self._named = FormField(placeholder="optional: remembers all of this but the key", id="name")
        self._color = Choice(COLORS, color_piece, id="color")
        self._read_only = Choice((NO, YES), lambda word: Piece(f" {word} "), id="read_only")

    def compose(self) -> ComposeResult:
        """The fields beside their labels, and the two things to do."""
        yield Sheet(lambda _: [(Piece(label, Ink.DIM),) for label in LABELS], id="labels", focusable=False)
        with Vertical(id="fields"):
            yield from (self._url, self._key, self._named, self._color, self._read_only)
            yield Answers((OPEN, TEST), id="answers")

    def on_mount(self) -> None:
        """Show what it begins with."""
        self.fill(self._base)

    @property
    def secret(self) -> Secret:
        """The key as typed."""
        return self._key.secret

    @property
    def profile(self) -> Profile:
        """The rest as typed; what belongs to the project that was filled in does not go to another one."""
        url = self._url.value.strip()
        return replace(
            self._base if url == self._base.supabase_url else Profile(""),
            name=self._named.value.strip(),
            supabase_url=url,
            color=self._color.value,
            read_only=self._read_only.value == YES,
        )

    def fill(self, profile: Profile) -> None:
        """Show a profile, for what is not typed here (`key_variable` and such) too."""
        if profile.supabase_url != self._url.value.strip():
            self.forget_key()
        self._base = profile
        self._url.value, self._named.value = profile.supabase_url, profile.name
        self._color.value, self._read_only.value = profile.color, YES if profile.read_only else NO

    def ask_for(self, field: str) -> None:
        """Put the cursor where something is missing."""
        self.query_one(f"#{field}").focus()

    def forget_key(self) -> None:
        """Empty the key."""
        self._key.clear()

    def on_unmount(self) -> None:
        """No key outlives the form."""
        self.forget_key()

    @on(Input.Submitted)
    def _go_on(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self._url and not self._key.value:
            self._key.focus()
        else:
            self.post_message(self.Asked(test=False))

    @on(Answers.Chosen)
    def _answer(self, event: Answers.Chosen) -> None:
        event.stop()
        self.post_message(self.Asked(test=event.word == TEST))
