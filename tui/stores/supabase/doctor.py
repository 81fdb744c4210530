"""Looking at a project and at what it needs, one thing after the other, and mending what may be mended from here."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from tui.model import BUCKET, Finding, Health, Problem
from tui.settings import Claims, Settings, claims_of
from tui.stores import StoreError
from tui.stores.supabase import objects, verdicts
from tui.stores.supabase.address import is_loopback
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import DENIED, MISSING_COLUMN, MISSING_FUNCTION, MISSING_TABLE, ProjectError
from tui.stores.supabase.shape import Shape, admitted_source, discover
from tui.stores.supabase.verdicts import BUCKET_REMEDY, Installed, Powers
from tui.stores.supabase.waits import Waits

PATIENCE = 10.0
"""Seconds that the doctor gives a project for each answer, its tries included."""

_REACHED = MISSING_TABLE | MISSING_COLUMN | DENIED
_LIGHT = "/rest/v1/vehicles?select=id&limit=0"


async def examine_project(
    url: str, settings: Settings, clock: Callable[[], float] = time.time
) -> AsyncIterator[Finding]:
    """One finding after the other; nothing is raised for what is found, and what makes no sense is left out."""
    if settings.lacks:
        yield Finding("settings", Health.FAIL, settings.lacks)
        return
    try:
        connection = await _open(url, settings)
    except Problem as problem:
        yield Finding("settings", Health.FAIL, str(problem))
        return
    try:
        claims = claims_of(settings.supabase_key)
        async for finding in _Examination(connection, settings, claims, clock).findings():
            yield finding
    finally:
        await connection.close()


async def mend_project(url: str, settings: Settings, remedy: str) -> str:
    """Do what a finding's remedy names; a sentence about what was done. Raises StoreError."""
    if remedy != BUCKET_REMEDY:
        raise StoreError(f"the doctor knows no remedy {remedy!r}.")
    if settings.lacks:
        raise StoreError(settings.lacks)
    connection = await _open(url, settings)
    try:
        return await _make_bucket(connection)
    finally:
        await connection.close()


async def _open(url: str, settings: Settings) -> Connection:
    waits = Waits(patience=PATIENCE)
    return await Connection.open(url, settings.supabase_key, read_only=settings.read_only, waits=waits)


async def _make_bucket(connection: Connection) -> str:
    if await objects.bucket(connection) is not None:
        return f"The bucket {BUCKET} is there already."
    await objects.create_bucket(connection)
    # It has no limit of its own, so that its limit is the project's, and below that of no image.
    rules = {"public": True, "allowed_mime_types": ["image/*"]}
    await connection.call(
        lambda client: client.storage.update_bucket(BUCKET, rules),  # type: ignore[arg-type]
        service="storage",
    )
    return f"The public bucket {BUCKET} is made; it takes images."


@dataclass(frozen=True)
class _Examination:
    """One look at a project."""

    connection: Connection
    settings: Settings
    claims: Claims
    clock: Callable[[], float]

    async def findings(self) -> AsyncIterator[Finding]:
        if self.connection.url.startswith("http:") and not is_loopback(self.connection.url):
            advice = "Use https:// for it."
            yield Finding("encryption", Health.WARN, "the key travels in clear over http", advice)
        reached = verdicts.stranger(self.claims, self.connection.url) or await self._reached()
        yield reached
        if reached.health is Health.FAIL:
            return
        async for finding in self._inside():
            yield finding

    async def _reached(self) -> Finding:
        """Whether the project answers, and how fast."""
        spent = []
        for _ in range(3):
            began = time.perf_counter()
            try:
                await self.connection.fetch(_LIGHT, patience=PATIENCE)
            except ProjectError as error:
                if error.code not in _REACHED:
                    if error.status == 401:
                        return verdicts.refused(self.claims, str(error), self.clock())
                    return Finding("project", Health.FAIL, str(error))
            spent.append(time.perf_counter() - began)
        host = urlsplit(self.connection.url).netloc
        return Finding("project", Health.OK, f"{host} answers within {1000 * min(spent):,.0f} ms")

    async def _inside(self) -> AsyncIterator[Finding]:
        """What is found once the project answers."""
        shape, missing = await self._shape()
        installed, runs_ours = await self._installed()
        bucket, sees_bucket = await self._bucket()
        writes = await self._writes(shape) if shape else None
        powers = Powers(writes, sees_bucket, runs_ours, installed.role if installed else "")
        key = verdicts.key(self.claims, powers, self.clock())
        yield key
        if key.health is Health.FAIL:
            return
        if missing:
            yield missing
        if shape:
            for finding in verdicts.tables(shape):
                yield finding
            yield await self._source(shape)
        for finding in bucket:
            yield finding
        async for finding in self._database(shape, installed):
            yield finding

    async def _shape(self) -> tuple[Shape | None, Finding | None]:
        try:
            return await discover(self.connection, self.settings.organizations_table), None
        except Problem as problem:
            return None, Finding("tables", Health.FAIL, str(problem))

    async def _installed(self) -> tuple[Installed | None, bool | None]:
        """What our SQL tells, and whether the key may call it; None for what cannot be known."""
        try:
            return verdicts.installed_of(await self.connection.rpc("image_backfill_health")), True
        except ProjectError as error:
            if error.code in DENIED:
                return None, False
            # Of an older version there may be less to call.
            return None if error.code in MISSING_FUNCTION else Installed(), None

    async def _bucket(self) -> tuple[list[Finding], bool | None]:
        try:
            found = await objects.bucket(self.connection)
        except ProjectError as error:
            return [Finding("bucket", Health.FAIL, str(error))], None
        return list(verdicts.bucket(found, self.settings.max_bytes)), found is not None

    async def _writes(self, shape: Shape) -> bool | None:
        """Whether the key may write image rows, tried with an INSERT that cannot succeed: it asks for a URL as a date.

        Rights and row-level security are looked at before anything else of the row is.
        """
        if self.connection.read_only:
            return None
        row = {"vehicle_id": str(uuid.uuid4()), "image_url": "https://example.invalid/probe.jpg"}
        try:
            await self.connection.ask(
                lambda client: client.table(shape.images.name).insert(row).select("image_url::date")
            )
        except ProjectError as error:
            return error.code not in DENIED
        return True

    async def _source(self, shape: Shape) -> Finding:
        if not shape.images.has("source"):
            return Finding("source", Health.OK, "there is no column for it")
        if self.connection.read_only:
            return Finding("source", Health.OK, "not tried: the project is open read-only")
        try:
            return Finding(
                "source", Health.OK, f"imports may be written as {await admitted_source(self.connection, shape)}"
            )
        except Problem as problem:
            return Finding("source", Health.FAIL, str(problem))

    async def _database(self, shape: Shape | None, installed: Installed | None) -> AsyncIterator[Finding]:
        clock = await self._skew(installed)
        if clock is not None:
            yield verdicts.clock(clock)
        yield verdicts.our_sql(installed, read_only=self.connection.read_only)
        if installed and installed.timeout is not None:
            yield verdicts.statement_timeout(installed.timeout)
        if installed and installed.indexes and shape:
            yield verdicts.indexes(installed.indexes, shape)

    async def _skew(self, installed: Installed | None) -> float | None:
        """Seconds by which the project's clock is ahead, at the least; None where nothing tells its time."""
        try:
            before = self.clock()
            if installed and installed.now:
                now = verdicts.installed_of(await self.connection.rpc("image_backfill_health")).now
                return None if now is None else verdicts.ahead(now - self.clock(), now - before)
            date = _date(await self.connection.fetch(_LIGHT))
        except ProjectError:
            return None
        # A date is cut to the second.
        return None if date is None else verdicts.ahead(date - self.clock(), date + 1 - before)


def _date(response: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except ValueError:
        return None
