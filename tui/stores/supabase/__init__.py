"""A Supabase project as a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NoReturn

from tui.model import Finding, Problem
from tui.settings import Settings
from tui.stores import Store


async def open_project(url: str, settings: Settings) -> Store:
    """Open a project; raises Problem."""
    return _refuse()


async def examine_project(url: str, settings: Settings) -> AsyncIterator[Finding]:
    """Look at a project, one finding after the other."""
    _refuse()
    yield


async def mend_project(url: str, settings: Settings, remedy: str) -> str:
    """Do what a remedy names; a sentence about what was done."""
    return _refuse()


def _refuse() -> NoReturn:
    raise Problem("Supabase is not connected yet: it needs SUPABASE_URL and a key, and the adapter comes next.")
