"""Organizations and their vehicles: what there is to do, and what of it to run."""

from __future__ import annotations

from tui.app.screens.base import BaseScreen


class InventoryScreen(BaseScreen):
    """The first screen."""

    AREA = "inventory"
