"""A Supabase project as a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from tui.model import Finding
from tui.settings import Settings, unfit
from tui.stores import Store, StoreError
from tui.stores.schema import VERSION
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import MISSING_FUNCTION, ProjectError
from tui.stores.supabase.plain import PlainStore
from tui.stores.supabase.served import ServedStore
from tui.stores.supabase.shape import Shape, discover

PATIENCE = 8.0
"""Seconds until a project that does not answer at all is said to be out of reach."""


async def open_project(url: str, settings: Settings) -> Store:
    """Open a project, with our SQL where it has it; raises Problem. A public key opens it for looking alone."""
    if not settings.read_only and (why := unfit(settings.supabase_key)):
        raise StoreError(f"{why} --read-only looks with this one.")
    connection = await Connection.open(url, settings.supabase_key, read_only=settings.read_only)
    try:
        # The first question is asked for a short while only: somebody waits for the screen to open.
        await connection.ask(lambda client: client.table("vehicles").select("id").limit(0), patience=PATIENCE)
        shape = await discover(connection, settings.organizations_table)
        return await _fitting(connection, shape)
    except BaseException:
        await connection.close()
        raise


_EMPTIED: Mapping[str, Any] = {"version": 0}
"""Its functions are there and its tables are empty, as after a restore of the schema alone."""


async def _fitting(connection: Connection, shape: Shape) -> Store:
    """The store that our SQL serves, or the one that does without. Raises StoreError for SQL of another version."""
    label = _label(connection.url)
    health = await _health(connection) if shape.installed else None
    if health is None:
        return await PlainStore.open(connection, shape, label=label)
    if health["version"] > VERSION:
        raise StoreError(
            f"The project {connection.url} has the SQL of a newer backfill-tui (version {health['version']}): "
            "update this program."
        )
    if health["version"] < VERSION and not connection.read_only:
        # Not served without it: programs of that version lease vehicles where this one would not look.
        raise StoreError(
            f"The project {connection.url} has the SQL of an older backfill-tui (version {health['version']}): install "
            "what `backfill-tui schema` prints, which brings it up to date and keeps what it remembers."
        )
    if health["version"] < VERSION:
        return await PlainStore.open(connection, shape, label=label, outdated=True)
    return ServedStore(connection, shape, label=label, source=health["source"])


async def _health(connection: Connection) -> Mapping[str, Any] | None:
    """What our SQL tells of itself; None where it is missing."""
    try:
        health: Mapping[str, Any] | None = await connection.rpc("image_backfill_health")
    except ProjectError as error:
        if error.code in MISSING_FUNCTION:  # somebody is taking it away: what a project lists may lag behind
            return None
        raise
    return health or _EMPTIED


def _label(url: str) -> str:
    """`supabase · ref`, where ref is what a hosted project's address begins with."""
    parts = urlsplit(url)
    host = parts.hostname or url
    hosted = host.endswith((".supabase.co", ".supabase.in"))
    return f"supabase · {host.partition('.')[0] if hosted else parts.netloc}"


async def examine_project(url: str, settings: Settings) -> AsyncIterator[Finding]:
    """Look at a project, one finding after the other."""
    from tui.stores.supabase import doctor

    async for finding in doctor.examine_project(url, settings):
        yield finding


async def mend_project(url: str, settings: Settings, remedy: str) -> str:
    """Do what a remedy names; a sentence about what was done."""
    from tui.stores.supabase import doctor

    return await doctor.mend_project(url, settings, remedy)
