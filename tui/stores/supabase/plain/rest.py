"""Requests to PostgREST in its own words: queries as they are sent, bodies as they are written, rows as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from tui.model import Problem
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.plain.project_clock import ProjectClock

if TYPE_CHECKING:
    import httpx
    from supabase import AsyncClient

T = TypeVar("T")

Row = Mapping[str, Any]
Terms = Iterable[tuple[str, str]]
"""Parameters of a query, e.g. `("id", "eq.5")`."""

AT_ONCE = 16
"""Jobs of one question that are under way at the same time."""

_LARGE = 200_000
_SAFE = "(),.:*"


class Rest:
    """The tables of a project. Every answer also tells its clock. Raises as `Connection.call` does."""

    def __init__(self, connection: Connection, clock: ProjectClock) -> None:
        self._connection = connection
        self._most = 0
        self.clock = clock

    async def get(
        self, table: str, select: Iterable[str], *terms: tuple[str, str], patience: float | None = None
    ) -> list[Any]:
        """The rows that a query finds, at most as many as the project gives at once."""
        return await self._send("GET", table, [("select", ",".join(select)), *terms], patience=patience)

    async def patch(self, table: str, select: Iterable[str], body: str, *terms: tuple[str, str]) -> list[Any]:
        """Write columns, a JSON object, into the rows that the terms find; those rows."""
        prefer = {"Prefer": "return=representation"}
        return await self._send("PATCH", table, [("select", ",".join(select)), *terms], body, prefer)

    async def insert(
        self, table: str, select: Iterable[str], row: Mapping[str, object], unless: Callable[[], Awaitable[bool]]
    ) -> list[Any]:
        """Write a row and give it back; [] where there is one with its primary key, or where `unless` comes true.

        That is asked before each try: one whose answer got lost may have been a success.
        """
        body = json.dumps(row, allow_nan=False)
        prefer = {"Prefer": "return=representation,resolution=ignore-duplicates"}
        terms = [("select", ",".join(select))]

        async def attempt(client: AsyncClient) -> httpx.Response | None:
            return None if await unless() else await self._request(client, "POST", table, terms, body, prefer)

        answer = await self._connection.call(attempt)
        return await self._rows(answer) if answer else []

    async def _send(
        self,
        method: str,
        table: str,
        terms: Terms,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> list[Any]:
        answer = await self._connection.call(
            lambda client: self._request(client, method, table, terms, body, headers or {}), patience=patience
        )
        return await self._rows(answer)

    async def _request(
        self, client: AsyncClient, method: str, table: str, terms: Terms, body: str, headers: Mapping[str, str]
    ) -> httpx.Response:
        url = f"{self._connection.url}/rest/v1/{quote(table)}?{urlencode(list(terms), safe=_SAFE)}"
        typed = {"Content-Type": "application/json"} if body else {}
        sent = self.clock.here()
        answer = await client.postgrest.session.request(
            method, url, content=body.encode(), headers={**typed, **headers}
        )
        self.clock.observe(answer.headers.get("Date", ""), sent)
        return answer

    async def _rows(self, answer: httpx.Response) -> list[Any]:
        content = answer.content
        # Decoding much at once would keep the screen from painting.
        rows: list[Any] = await asyncio.to_thread(json.loads, content) if len(content) > _LARGE else json.loads(content)
        self._most = max(self._most, len(rows))
        return rows

    def is_cut(self, rows: Sequence[object], limit: int) -> bool:
        """Whether there may be more than these rows, of which no more than `limit` were asked for.

        The project has a limit of its own that it does not tell; no answer was ever longer.
        """
        return len(rows) >= min(limit, self._most)


def quoted(value: str) -> str:
    """A value inside a list or a logical term, where commas and parentheses mean something."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def among(values: Iterable[str]) -> str:
    """The term for a column that is one of these values, none of which has a comma in it."""
    return f"in.({','.join(values)})"


async def few_at_once(jobs: Iterable[Awaitable[T]]) -> list[T | Problem]:
    """What each of the jobs gives, or the Problem that it raised; all are ended."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(job: Awaitable[T]) -> T | Problem:
        async with gate:
            try:
                return await job
            except Problem as problem:
                return problem

    return await asyncio.gather(*map(gated, jobs))
