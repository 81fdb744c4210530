"""The line on top of every screen: where we are, how much there is to do, and the run that goes on."""

from __future__ import annotations

from textual.widget import Widget


class StatusHeader(Widget):
    """One line: name, deployment, counts, and at the right the run's state."""

    DEFAULT_CSS = """
    StatusHeader { height: 1; dock: top; }
    """

    def render(self) -> str:
        """The line."""
        return " backfill"
