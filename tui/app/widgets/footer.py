"""The line at the bottom: what the keys do here and now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from textual import events
from textual.dom import DOMNode
from textual.screen import Screen

from tui.app.actions import Action, binding_id
from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece, line_width

MOST = 14
GAP = 2


class Key(NamedTuple):
    """An action with its key as shown, and whether it can be done now."""

    action: Action
    owner: DOMNode
    label: str
    enabled: bool

    @property
    def line(self) -> Line:
        """The key and what it does, grey when it cannot be done."""
        if not self.enabled:
            return (Piece(f"{self.label} {self.action.title}", Ink.FAINT),)
        return Piece(self.label, Ink.ACCENT), Piece(f" {self.action.title}", Ink.DIM)


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """At most so many keys in the order given; the last in rank go first when room is short."""
    kept = sorted(keys, key=lambda key: key.action.show)[:MOST]
    while kept and sum(line_width(key.line) + GAP for key in kept) - GAP > width:
        kept.pop()
    return [key for key in keys if key in kept]


class ActionFooter(Canvas):
    """The keys of the focused widget if it declares any, else those of the screen and the app."""

    DEFAULT_CSS = """
    ActionFooter { height: 1; dock: bottom; padding: 0 1; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[Key] = []

    def on_mount(self) -> None:
        """Follow what the screen's bindings become."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)

    def _follow(self, screen: Screen[Any]) -> None:
        if self.is_attached:
            self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The line."""
        self._keys = fitting(keys_of(self.screen), width)
        line: list[Piece] = []
        for key in self._keys:
            line += [*((Piece(" " * GAP),) if line else ()), *key.line]
        return (tuple(line),)

    async def on_click(self, event: events.Click) -> None:
        """Do what is under the pointer."""
        left = self.styles.padding.left
        for key in self._keys:
            right = left + line_width(key.line)
            if left <= event.x < right and key.enabled:
                await self.app.run_action(key.action.call, key.owner)
                return
            left = right + GAP


def labels_of(screen: Screen[Any]) -> dict[str, tuple[str, bool]]:
    """By binding id: the key as shown, under whatever key map, and whether its action can be done now."""
    labels: dict[str, tuple[str, bool]] = {}
    for active in screen.active_bindings.values():
        if active.binding.id:
            shown = screen.app.get_key_display(active.binding)
            labels.setdefault(active.binding.id, (shown, active.enabled))
    return labels


def keys_of(screen: Screen[Any]) -> list[Key]:
    """What may be shown in the footer of a screen now."""
    labels = labels_of(screen)
    return [
        Key(action, owner, *labels[name])
        for owner in _owners(screen)
        for action in getattr(owner, "ACTIONS", ())
        if action.show and (name := binding_id(getattr(owner, "AREA", ""), action)) in labels
    ]


def _owners(screen: Screen[Any]) -> Sequence[DOMNode]:
    if screen.focused is not None and hasattr(screen.focused, "ACTIONS"):
        return (screen.focused,)
    return (screen, screen.app)
