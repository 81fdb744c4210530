"""One Supabase project: supabase-py's client over connections of ours, which waits out what passes."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import httpx

from tui import __version__
from tui.settings import Secret
from tui.stores import LeaseLost
from tui.stores.supabase.address import project_url, usable_key
from tui.stores.supabase.answers import Refused, check
from tui.stores.supabase.faults import LEASE_LOST, SILENCE, Fault, ProjectError, judge, judge_network, silent
from tui.stores.supabase.transport import Connections
from tui.stores.supabase.waits import Troubles, Waits

if TYPE_CHECKING:
    from supabase import AsyncClient

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CONNECTIONS = 96
"""Requests under way at once: 64 lanes, each with one, and room for what the screens ask."""

TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=None)
"""Seconds without a byte; PostgREST's own statements end sooner."""

_UNUSED_KEY = "added on sending"
"""What supabase-py is told in place of the key, which is thus in one place only."""


class Request(Protocol[T_co]):
    """What supabase-py's builders end in."""

    async def execute(self) -> T_co:
        """Send it."""
        ...


class Connection:
    """Network errors, overload, restarts and the like are waited out, and everything else is a `ProjectError`.

    Writes are tried again as reads are: every write here is idempotent.
    """

    def __init__(
        self, url: str, client: AsyncClient, http: httpx.AsyncClient, waits: Waits, *, read_only: bool
    ) -> None:
        self.url = url
        self.read_only = read_only
        self._client = client
        self._http = http
        self._waits = waits
        self._troubles = Troubles(waits)
        self._reached = False

    @classmethod
    async def open(
        cls,
        url: str,
        key: Secret,
        *,
        read_only: bool = False,
        waits: Waits = Waits(),  # noqa: B008 - frozen
    ) -> Connection:
        """Make the clients and send nothing. Raises StoreError for an address or a key that cannot be used."""
        url, key = project_url(url), usable_key(key)
        http = await asyncio.to_thread(_http_client, url, key, read_only=read_only)
        return cls(url, _client(url, http), http, waits, read_only=read_only)

    @property
    def trouble(self) -> str:
        """Why calls wait now, e.g. `the project answers 503; trying again in 8 s`; empty when none does."""
        return self._troubles.text

    async def rpc(
        self,
        function: str,
        arguments: Mapping[str, object] | None = None,
        *,
        patience: float | None = None,
        once: str = "",
    ) -> Any:
        """What a function of the database returns, decoded from JSON ([] where it returns nothing).

        Raises LeaseLost where the function says so, ProjectError otherwise; at once where the code is that of `once`,
        since the caller then asks for something else.
        """
        body = dict(arguments or {})
        answer = await self.call(lambda client: client.rpc(function, body).execute(), patience=patience, once=once)
        return answer.data

    async def ask(self, build: Callable[[AsyncClient], Request[T]], *, patience: float | None = None) -> T:
        """The answer to a request, which is built afresh for each try. Raises as `call` does."""
        return await self.call(lambda client: build(client).execute(), patience=patience)

    async def fetch(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        service: str = "database",
        patience: float | None = None,
    ) -> httpx.Response:
        """The answer to a plain GET below the project's URL, e.g. `/rest/v1/`."""
        return await self.call(
            lambda _: self._http.get(f"{self.url}{path}", headers=headers), service=service, patience=patience
        )

    async def call(
        self,
        attempt: Callable[[AsyncClient], Awaitable[T]],
        *,
        service: str = "database",
        patience: float | None = None,
        once: str = "",
    ) -> T:
        """What `attempt` gives, tried again while its faults pass; `service` groups calls that recover together.

        `patience` is the time of the whole call in seconds, whatever happens; without it a call is not tried again
        after the connection's own patience. A fault of the code `once` ends it at once. Raises ProjectError, and
        LeaseLost where a function of ours says so.
        """
        tries = _Tries(self._waits, patience, once)
        try:
            while True:
                answer, fault = await self._try(attempt, tries.left)
                if fault is None:
                    self._troubles.cleared(service)
                    return answer  # type: ignore[return-value]  # there is one where there is no fault
                fault = tries.failed(fault)
                if (delay := tries.delay(fault)) is None:
                    raise LeaseLost if fault.code == LEASE_LOST else fault.error(self.url, tries.waited)
                self._troubles.note(tries, service, f"the project {fault.reason}", delay, own=fault.own)
                await self._waits.sleep(delay)
        finally:
            self._troubles.forget(tries)

    async def _try(
        self, attempt: Callable[[AsyncClient], Awaitable[T]], limit: float | None
    ) -> tuple[T | None, Fault | None]:
        """What came of one try. A fault is returned, not raised: no traceback leads to what the request held."""
        if self._http.is_closed:
            return None, Fault("closed", "was let go of", "open it again")
        try:
            async with asyncio.timeout(None if limit is None else limit * self._waits.scale):
                answer = await attempt(self._client)
            self._reached = True
        except Refused as refused:
            self._reached = True
            return None, judge(refused)
        except httpx.RequestError as error:
            return None, judge_network(error, reached=self._reached)
        except TimeoutError:
            return None, silent(limit or 0.0)
        return answer, None

    async def close(self) -> None:
        """Close every connection; a second call does nothing."""
        await self._http.aclose()


class _Tries:
    """The tries of one call so far."""

    def __init__(self, waits: Waits, patience: float | None, once: str) -> None:
        self._waits = waits
        self._once = once
        self._patience = patience
        self._began = waits.clock()
        self._last: Fault | None = None
        self._failures = 0

    @property
    def left(self) -> float | None:
        """Seconds until the call has to be over, whatever happens; None where nothing has to."""
        return None if self._patience is None else max(self._patience - self._spent, 0.0)

    @property
    def waited(self) -> float:
        """Seconds spent on trying again."""
        return self._spent if self._failures > 1 else 0.0

    @property
    def _spent(self) -> float:
        return self._waits.clock() - self._began

    def failed(self, fault: Fault) -> Fault:
        """Count a try that failed; its fault, or the one before where that tells why so little time was left for it."""
        self._failures += 1
        self._last = replace(self._last, passing=False) if self._last and fault.code == SILENCE else fault
        return self._last

    def delay(self, fault: Fault) -> float | None:
        """Seconds until the next try; None where there will be none."""
        if not fault.passing or self._failures == fault.tries or fault.code == self._once:
            return None
        delay = self._waits.delay(self._failures, fault.retry_after)
        patience = self._waits.patience if self._patience is None else self._patience
        return delay if self._spent + delay <= patience else None


def _http_client(url: str, key: Secret, *, read_only: bool) -> httpx.AsyncClient:
    """Connections of ours. It takes long, as supabase-py's import does: some 0.4 s in a thread, once."""
    import supabase  # noqa: F401 - loaded here, so that the loop goes on painting

    signed = {"apikey": key} | ({} if key.reveal().startswith("sb_") else {"Authorization": key})

    async def sign(request: httpx.Request) -> None:
        if read_only and not _only_reads(request):
            raise ProjectError(f"The project {url} is open read-only: nothing was written.", "read only")
        request.headers.pop("Authorization", None)
        for name, value in signed.items():
            request.headers[name] = value.reveal() if name == "apikey" else f"Bearer {value.reveal()}"

    return httpx.AsyncClient(
        headers={"User-Agent": f"backfill-tui/{__version__}"},
        timeout=TIMEOUT,
        transport=Connections(url, CONNECTIONS),
        event_hooks={"request": [sign], "response": [functools.partial(check, key=key)]},
    )


def _only_reads(request: httpx.Request) -> bool:
    return request.method in ("GET", "HEAD") or request.url.path.startswith("/rest/v1/rpc/")


def _client(url: str, http: httpx.AsyncClient) -> AsyncClient:
    from supabase import AsyncClient, AsyncClientOptions

    options = AsyncClientOptions(
        httpx_client=http, postgrest_client_retry=False, auto_refresh_token=False, persist_session=False
    )
    return AsyncClient(url, _UNUSED_KEY, options)
