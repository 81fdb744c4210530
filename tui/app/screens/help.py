"""The keys of a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import ModalScreen

if TYPE_CHECKING:
    from tui.app.app import BackfillApp
    from tui.app.screens.base import BaseScreen


class HelpScreen(ModalScreen[None]):
    """The keys of the screen below, grouped, from the registry."""

    def __init__(self, subject: BaseScreen, app: BackfillApp) -> None:
        super().__init__()
        self._subject = subject
