"""Where to begin when nothing is open."""

from __future__ import annotations

from textual.reactive import reactive

from tui.app.screens.base import BaseScreen


class WelcomeScreen(BaseScreen):
    """Demo, import, local store, Supabase."""

    AREA = "welcome"
    error: reactive[str] = reactive("")

    def __init__(self, error: str = "") -> None:
        super().__init__()
        self.set_reactive(WelcomeScreen.error, error)
