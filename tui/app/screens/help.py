"""The keys of a screen, and what the open store wants to be known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.dom import DOMNode
from textual.screen import Screen

from tui.app import words
from tui.app.actions import Action
from tui.app.screens.dialog import Dialog
from tui.app.widgets.footer import labels_of
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, left, wrapped
from tui.app.widgets.run_lines import beside
from tui.app.widgets.sheet import Sheet

KEY_WIDTH = 11
TWO_COLUMNS = 90
GAP = 4
MOST_WIDTH = 150
FRAME = 6
"""Cells that the box keeps for itself at its sides."""

LIST_KEYS = (
    ("↑ ↓", "Move; also k and j"),
    ("pgup pgdn", "Move by a page"),
    ("home end", "First and last row; also g and G"),
    ("tab", "The next part of the screen"),
)

Group = tuple[str, list[tuple[str, str]]]


class HelpScreen(Dialog[None]):
    """The keys of the screen below, grouped, from the registry."""

    AREA = "help"
    ACTIONS = (Action("leave", "escape,question_mark,q", "Close", show=1),)
    AUTO_FOCUS = "#keys"
    DEFAULT_CSS = f"""
    HelpScreen > #box {{ width: {MOST_WIDTH}; }}
    HelpScreen #keys {{ padding: 0; }}
    """

    def __init__(self, subject: Screen[Any], app: DOMNode, notice: str = "") -> None:
        super().__init__(f"Keys · {subject.title or 'here'}")
        self._groups = groups_of(subject, app)
        self._notice = words.clean(notice)

    def compose_box(self) -> ComposeResult:
        """All groups."""
        yield Sheet(self._lines, id="keys")

    def on_resize(self, event: events.Resize) -> None:
        """As high as the keys need and the window allows; the arrow keys scroll what is higher."""
        sheet = self.query_one(Sheet)
        width = min(MOST_WIDTH, event.size.width * 96 // 100) - FRAME - sheet.scrollbar_size_vertical
        sheet.styles.height = min(len(self._lines(width)), event.size.height - 8)

    def _lines(self, width: int) -> Sequence[Line]:
        """All groups, in two columns where there is room, and what the store wants to be known."""
        notice: list[Line] = [(Piece(line, Ink.DIM),) for line in wrapped(self._notice, width)]
        return [*key_lines(self._groups, width), *([BLANK, *notice] if notice else [])]


def groups_of(subject: Screen[Any], app: DOMNode) -> list[Group]:
    """The actions of a screen and of the app by group, under the keys that they have now."""
    labels = labels_of(subject)
    groups: dict[str, list[tuple[str, str]]] = {}
    for owner in (subject, app):
        for action, name in _named(owner):
            text = f"{action.title}. {action.help}" if action.help else action.title
            if name in labels:
                groups.setdefault(action.group, []).append((labels[name][0], text))
    # What every list does comes last: a low window shows the rest first.
    groups["List"] = [*groups.pop("List", []), *LIST_KEYS]
    return list(groups.items())


def _named(owner: DOMNode) -> Iterator[tuple[Action, str]]:
    for action in getattr(owner, "ACTIONS", ()):
        yield action, f"{getattr(owner, 'AREA', '')}.{action.id}"


def key_lines(groups: Sequence[Group], width: int) -> list[Line]:
    """The groups as lines of at most `width` cells, in two columns where there is room; nothing is cut."""
    if width < TWO_COLUMNS:
        return [line for group in groups for line in _block(group, width)][:-1]
    column = (width - GAP) // 2
    first, second = _halves([list(_block(group, column)) for group in groups])
    return beside(first[:-1], second[:-1], column, GAP)


def _block(group: Group, width: int) -> Iterator[Line]:
    name, keys = group
    yield (Piece(name, Ink.STRONG),)
    for key, text in keys:
        for number, line in enumerate(wrapped(text, width - KEY_WIDTH)):
            yield Piece(left("" if number else key, KEY_WIDTH), Ink.ACCENT), Piece(line, Ink.PLAIN)
    yield BLANK


def _halves(blocks: Sequence[list[Line]]) -> tuple[list[Line], list[Line]]:
    """Blocks in two columns of about the same height, in their order."""
    total = sum(map(len, blocks))
    first: list[Line] = []
    second: list[Line] = []
    for block in blocks:
        (second if second or len(first) + len(block) / 2 > total / 2 else first).extend(block)
    return first, second
