"""The organizations of a project, under whichever name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tui.stores.supabase.faults import ProjectError
from tui.stores.supabase.plain.rest import Rest, among
from tui.stores.supabase.shape import Shape

_PAGE = 1_000
_IDS = 100
_NO_SUCH_ID = "22P02"

Dealer = tuple[str, str, str | None]
"""Id, name, website."""


class Dealers:
    """Reads organizations; there may be no table of them."""

    def __init__(self, rest: Rest, shape: Shape) -> None:
        self._rest = rest
        self._table = shape.organizations
        self._name = shape.organization_name
        wanted = ("id", self._name, "website")
        self._columns = [name for name in wanted if name and self._table.has(name)]
        self._asked: set[str] = set()

    async def everyone(self) -> list[Dealer]:
        """All of them."""
        self._asked.clear()
        found: list[Dealer] = []
        place: list[tuple[str, str]] = []
        more = bool(self._table)
        while more:
            rows = await self._rest.get(self._table.name, self._columns, *place, ("order", "id"), ("limit", str(_PAGE)))
            found += map(self._dealer, rows)
            more = bool(rows) and self._rest.is_cut(rows, _PAGE)
            place = [("id", f"gt.{rows[-1]['id']}")] if rows else []
        return found

    async def some(self, ids: Iterable[str]) -> list[Dealer]:
        """Those that are there, at most 100, each asked for only once."""
        new = [name for name in ids if name not in self._asked][:_IDS]
        self._asked.update(new)
        if not new or not self._table:
            return []
        try:
            rows = await self._rest.get(self._table.name, self._columns, ("id", among(new)))
        except ProjectError as error:
            if error.code != _NO_SUCH_ID:
                raise
            return []
        return [self._dealer(row) for row in rows]

    def _dealer(self, row: Any) -> Dealer:
        return str(row["id"]), row.get(self._name) or str(row["id"]), row.get("website")
