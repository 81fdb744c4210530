"""The form of a connection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Static

from tui.app.widgets.choice import Choice
from tui.app.widgets.connect_lines import color_piece
from tui.app.widgets.field import FormField, KeyField
from tui.app.widgets.ink import Piece
from tui.settings import COLORS, Profile, Secret

NO, YES = "no", "yes"


class ConnectForm(Vertical):
    """URL, key, name, colour and read-only; what is typed as a key leaves it as a `Secret` only."""

    DEFAULT_CSS = """
    ConnectForm {
        height: auto;
        & .row { height: 1; }
        & .row > Static { width: 12; color: $text-muted; }
        & .row > Field { width: 1fr; max-width: 84; background: $panel; padding: 0 1; }
        & .row > Field:focus { background: $block-cursor-background; }
        & .row > Choice { width: 18; }
        & #answers { height: 1; margin: 1 0 0 12; }
        & Button {
            background: $panel; color: $foreground; padding: 0 1; margin: 0 2 0 0; min-width: 10; text-style: none;
        }
        & Button:focus { background: $primary; color: $background; text-style: bold; }
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
        """A row for each, and the two things to do."""
        rows = (
            ("URL", self._url),
            ("key", self._key),
            ("name", self._named),
            ("colour", self._color),
            ("read-only", self._read_only),
        )
        for label, widget in rows:
            with Horizontal(classes="row"):
                yield Static(label)
                yield widget
        with Horizontal(id="answers"):
            yield Button("Open", id="open", compact=True)
            yield Button("Test", id="test", compact=True)

    def on_mount(self) -> None:
        """Show what it begins with."""
        self.fill(self._base)

    @property
    def secret(self) -> Secret:
        """The key as typed."""
        return self._key.secret

    @property
    def profile(self) -> Profile:
        """The rest as typed."""
        return replace(
            self._base,
            name=self._named.value.strip(),
            supabase_url=self._url.value.strip(),
            color=self._color.value,
            read_only=self._read_only.value == YES,
        )

    def fill(self, profile: Profile) -> None:
        """Show a profile, for what is not typed here (`key_variable` and such) too."""
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

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Asked(test=event.button.id == "test"))
