"""Writing to vehicles whose rows anybody may write at the same time."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tui.stores import StoreError
from tui.stores.supabase.plain.mirror import Mirror
from tui.stores.supabase.plain.remote_rows import Live, Vehicles, unguarded
from tui.stores.supabase.plain.rest import Rest
from tui.stores.supabase.plain.verbatim import joined, merged
from tui.stores.supabase.shape import Shape

_TRIES = 60
_LONGEST_DELAY = 0.25


@dataclass(frozen=True, slots=True)
class Edit:
    """Members of `origin_metadata` to set (None: to take out), and other columns of the vehicle."""

    metadata: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, object] = field(default_factory=dict)


Change = Callable[[Live], Awaitable[Edit | None]]
"""What to make of a vehicle as it is; None to leave it alone."""


class Guarded:
    """Writes a vehicle only if it still is what the change was made for; else looks again and makes it anew.

    So no write of anybody else is lost, and a write whose answer got lost is found to be there.
    """

    def __init__(self, rest: Rest, shape: Shape, url: str, vehicles: Vehicles, mirror: Mirror) -> None:
        self._rest = rest
        self._table = shape.vehicles
        self._url = url
        self._vehicles = vehicles
        self._mirror = mirror

    async def edit(self, vehicle_id: str, change: Change, live: Live | None = None) -> Live | None:
        """The vehicle after the change; None where it is gone or left alone. `live` is how it was seen last.

        Raises StoreError where somebody writes it all the time, and what `change` raises.
        """
        attempted: object = None
        for failures in range(_TRIES):
            if live is None and (live := await self._look(vehicle_id)) is None:
                return None
            if attempted is not None and live.metadata == attempted:
                return await self._known(live)
            edit = await change(live)
            if edit is None:
                return None
            text = merged(live.text, edit.metadata) if edit.metadata else live.text
            attempted = json.loads(text)
            if attempted == live.metadata and not edit.columns:
                return await self._known(live)
            if (written := await self._write(live, text, edit.columns)) is not None:
                return await self._known(written)
            live = None
            await asyncio.sleep(random.uniform(0.0, min(_LONGEST_DELAY, 0.002 * 2.0 ** min(failures, 16))))
        raise StoreError(f"The vehicle {vehicle_id} is written by somebody else all the time: try again later.")

    async def _look(self, vehicle_id: str) -> Live | None:
        return (await self._vehicles.live([vehicle_id])).get(vehicle_id)

    async def _known(self, live: Live) -> Live:
        await self._mirror.take([live.seen])
        return live

    async def _write(self, live: Live, text: str, columns: Mapping[str, object]) -> Live | None:
        """The vehicle once it is written; None where somebody else was faster."""
        guard = self._vehicles.guard
        if not guard:
            raise unguarded(self._url)
        # The database's own clock, where no trigger does it.
        stamp = {"updated_at": "now"} if self._table.has("updated_at") else {}
        values = {name: json.dumps(value) for name, value in {**columns, **stamp}.items()}
        body = joined({"origin_metadata": text, **values})
        seen = live.row[guard]
        terms = (("id", f"eq.{live.id}"), (guard, "is.null" if seen is None else f"eq.{seen}"))
        rows = await self._rest.patch(self._table.name, ["id", guard, *columns], body, *terms)
        if rows and rows[0][guard] == seen:
            raise unguarded(self._url)
        return self._vehicles.alive({**live.row, **rows[0]}, text) if rows else None
