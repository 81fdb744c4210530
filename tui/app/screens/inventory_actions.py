"""What can be done among organizations and vehicles."""

from __future__ import annotations

from typing import Any

from tui.app.actions import Action


def _open(screen: Any) -> bool:
    return screen.backfill.session is not None


ACTIONS = (
    Action("mark", "space", "Mark", show=1, group="Marks", help="The row under the cursor", enabled=_open),
    Action(
        "mark_all",
        "asterisk",
        "All",
        show=8,
        group="Marks",
        help="Mark all that the filter shows; again: unmark",
        enabled=_open,
    ),
    Action("filter", "slash", "Filter", show=4, group="List", help="Narrow the list by a word", enabled=_open),
    Action("preview", "v", "Preview", show=5, group="Run", help="What a run would store and leave out", enabled=_open),
    Action("run", "r", "Run", show=1, group="Run", help="While one goes on: shows it", enabled=_open, writes=True),
    Action("failures", "f", "Failures", show=6, group="Look", help="Refusals by host and reason", enabled=_open),
    Action("history", "h", "History", show=9, group="Look", help="Earlier runs", enabled=_open),
    Action(
        "resume",
        "R",
        "Resume the interrupted run",
        group="Run",
        enabled=lambda screen: screen.resumable,
        writes=True,
    ),
    Action("order", "o", "Sort", show=10, group="List", help="By the next column", enabled=_open),
    Action("reverse", "O", "Sort the other way", group="List", enabled=_open),
    Action("options", "e", "Options", show=7, group="Run", help="Edit batch size, cap, limit, pace and bandwidth"),
    Action("import_file", "i", "Import", show=11, group="Look", help="A file of listings", enabled=_open, writes=True),
    Action("unmark", "u", "Unmark everything", group="Marks", enabled=lambda screen: bool(screen.marks)),
    Action("refresh", "f5", "Look again", group="List", enabled=_open),
    Action("left", "left", "To the organizations", group="List", palette=False),
    Action("right", "right", "To the vehicles", group="List", palette=False),
    Action("escape", "escape", "Clear the filter, or go back", group="List", palette=False),
)
