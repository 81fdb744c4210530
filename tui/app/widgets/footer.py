"""The line at the bottom: what the keys do here and now."""

from __future__ import annotations

from textual.widget import Widget


class ActionFooter(Widget):
    """At most eight keys of the screen's actions, fewer when room is short."""

    DEFAULT_CSS = """
    ActionFooter { height: 1; dock: bottom; }
    """

    def render(self) -> str:
        """The line."""
        return ""
