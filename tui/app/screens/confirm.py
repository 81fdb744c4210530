"""A question before something that cannot be taken back."""

from __future__ import annotations

from textual.screen import ModalScreen


class ConfirmScreen(ModalScreen[bool]):
    """Yes or no, with the focus on Cancel."""

    def __init__(self, title: str, text: str, yes: str) -> None:
        super().__init__()
        self._title, self._text, self._yes = title, text, yes
