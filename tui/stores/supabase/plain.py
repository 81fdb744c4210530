"""The store on a project that has nothing of ours."""

from __future__ import annotations

from tui.model import Problem
from tui.stores import Store
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.shape import Shape


class PlainStore:
    """A project without our SQL."""

    @classmethod
    async def open(cls, connection: Connection, shape: Shape, *, label: str) -> Store:
        """Open it; raises Problem."""
        raise Problem("A project without the SQL that `backfill-tui schema` prints is not supported yet.")
