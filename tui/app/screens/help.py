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
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, clip, left, line_width, wrapped
from tui.app.widgets.sheet import Sheet

KEY_WIDTH = 10
TWO_COLUMNS = 80

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
    DEFAULT_CSS = """
    HelpScreen > #box { width: 100; }
    HelpScreen #keys { padding: 0; }
    """

    def __init__(self, subject: Screen[Any], app: DOMNode, notice: str = "") -> None:
        super().__init__(f"Keys · {subject.title or 'here'}")
        self._groups = groups_of(subject, app)
        self._notice = words.clean(notice)

    def compose_box(self) -> ComposeResult:
        """All groups."""
        yield Sheet(self._lines, id="keys")

    def on_resize(self, event: events.Resize) -> None:
        """As high as the keys need and the window allows."""
        width = min(100, event.size.width * 96 // 100) - 6
        self.query_one(Sheet).styles.height = min(len(self._lines(width)), event.size.height - 8)

    def _lines(self, width: int) -> Sequence[Line]:
        """All groups, in two columns where there is room, and what the store wants to be known."""
        blocks = [list(_block(group)) for group in self._groups]
        if width < TWO_COLUMNS:
            lines = [line for block in blocks for line in block]
        else:
            lines = list(_side_by_side(*_halves(blocks), width // 2))
        return [*lines, *((Piece(line, Ink.DIM),) for line in wrapped(self._notice, width))]


def groups_of(subject: Screen[Any], app: DOMNode) -> list[Group]:
    """The actions of a screen and of the app by group, under the keys that they have now."""
    labels = labels_of(subject)
    groups: dict[str, list[tuple[str, str]]] = {}
    for owner in (subject, app):
        for action, name in _named(owner):
            text = f"{action.title}. {action.help}" if action.help else action.title
            if name in labels:
                groups.setdefault(action.group, []).append((labels[name][0], text))
    groups.setdefault("List", []).extend(LIST_KEYS)
    return list(groups.items())


def _named(owner: DOMNode) -> Iterator[tuple[Action, str]]:
    for action in getattr(owner, "ACTIONS", ()):
        yield action, f"{getattr(owner, 'AREA', '')}.{action.id}"


def _block(group: Group) -> Iterator[Line]:
    name, keys = group
    yield (Piece(name, Ink.STRONG),)
    for key, text in keys:
        yield Piece(left(key, KEY_WIDTH), Ink.ACCENT), Piece(text, Ink.PLAIN)
    yield BLANK


def _halves(blocks: Sequence[list[Line]]) -> tuple[list[Line], list[Line]]:
    """Blocks in two columns of about the same height, in their order."""
    total = sum(map(len, blocks))
    first: list[Line] = []
    second: list[Line] = []
    for block in blocks:
        (second if second or len(first) + len(block) / 2 > total / 2 else first).extend(block)
    return first, second


def _side_by_side(first: Sequence[Line], second: Sequence[Line], width: int) -> Iterator[Line]:
    for index in range(max(len(first), len(second))):
        one = first[index] if index < len(first) else BLANK
        other = second[index] if index < len(second) else BLANK
        one = clip(one, width - 2)
        yield *one, Piece(" " * (width - line_width(one))), *other
