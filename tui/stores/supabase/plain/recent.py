"""The rows of a table that were written lately, by the time stamps that they have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tui.stores.supabase.plain.rest import Rest, quoted

SLACK = timedelta(seconds=35)
"""A transaction that takes its time commits rows whose time stamp has passed already."""

MANY = 5_000
"""Rows with time stamps so close to each other that they are not looked at again and again."""

_PAGE = 1_000


class Recent:
    """Looks at the rows whose stamp is at most `SLACK` older than the newest.

    `key` tells rows of one stamp apart; `version` is a column that is wanted besides.
    """

    def __init__(self, rest: Rest, table: str, stamp: str, key: str, version: str = "") -> None:
        self._rest = rest
        self._table = table
        self._stamp = stamp
        self._key = key
        self._select = [key, stamp, *({version} - {"", key, stamp})]
        self._newest: datetime | None = None
        self._floor = "-infinity"

    async def begin(self) -> None:
        """Look from the newest row on."""
        order = ("order", f"{self._stamp}.desc.nullslast")
        self.keep(await self._rest.get(self._table, [self._stamp], order, ("limit", "1")))

    async def look(self) -> list[Any]:
        """Those rows, each with its key, its stamp and its version. They are looked at again until they are kept."""
        found: list[Any] = []
        since = f"gt.{self._since()}"
        place: tuple[tuple[str, str], ...] = ()
        while rows := await self._rest.get(
            self._table,
            self._select,
            (self._stamp, since),
            (self._key, "not.is.null"),
            *place,
            ("order", f"{self._stamp},{self._key}"),
            ("limit", str(_PAGE)),
        ):
            found += rows
            if not self._rest.is_cut(rows, _PAGE):
                break
            stamp, key = quoted(rows[-1][self._stamp]), quoted(rows[-1][self._key])
            later = f"{self._stamp}.gt.{stamp}"
            place = (("or", f"({later},and({self._stamp}.eq.{stamp},{self._key}.gt.{key}))"),)
        return found

    def _since(self) -> str:
        if self._newest is None:
            return self._floor
        slack = self._newest - SLACK
        floor = _moment(self._floor)
        return self._floor if floor is not None and floor > slack else slack.isoformat()

    def keep(self, rows: Sequence[Any]) -> None:
        """Rows that were looked at are known by now."""
        moments = [moment for row in rows if (moment := _moment(row[self._stamp])) is not None]
        if moments:
            # A stamp from the future would hide everything until then.
            latest = datetime.fromtimestamp(self._rest.clock.now(), UTC)
            self._newest = min(max(moments), latest)
        if len(rows) > MANY and self._newest:
            self._floor = self._newest.isoformat()


def _moment(stamp: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(stamp or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
