"""One registry of actions: it makes the bindings, the footer, the command palette and the help of every screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Action:
    """Something the operator can do on a screen (or anywhere, when the app declares it).

    `id` names the method `action_<id>` (or give `action`, with arguments if need be); `key` is one key or several,
    separated by commas. `show` is the rank in the footer, where 1 is the last to go when room is short and 0 stays out.
    `enabled` is asked with the screen (or app) that declares the action: what cannot be done now is greyed. What
    `writes` is not there at all on a deployment that may only be looked at.
    """

    id: str
    key: str
    title: str
    show: int = 0
    group: str = "Actions"
    help: str = ""
    enabled: Callable[[Any], bool] | None = None
    action: str = ""
    palette: bool = True
    priority: bool = False
    writes: bool = False

    @property
    def call(self) -> str:
        """The action string that Textual runs."""
        return self.action or self.id

    @property
    def name(self) -> str:
        """The name of the action without arguments."""
        return self.call.partition("(")[0]


def binding_id(area: str, action: Action) -> str:
    """The id under which a key map can give the action another key, e.g. `inventory.mark`."""
    return f"{area}.{action.id}"


def bindings(area: str, actions: Iterable[Action]) -> list[Binding]:
    """The bindings of the actions of one screen or of the app."""
    return [
        Binding(
            action.key,
            action.call,
            action.title,
            show=action.show > 0,
            id=binding_id(area, action),
            tooltip=action.help,
            priority=action.priority,
        )
        for action in actions
    ]


def state_of(owner: object, actions: Iterable[Action], name: str, *, read_only: bool = False) -> bool | None:
    """What `check_action` answers for an action by its name.

    None (greyed) when it cannot be done now, False (hidden) when it writes and nothing may be written.
    """
    for action in actions:
        if action.name != name:
            continue
        if action.writes and read_only:
            return False
        if action.enabled is not None and not action.enabled(owner):
            return None
    return True
