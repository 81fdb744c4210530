"""How requests leave: guarded connections, each kept for the next request to its host."""

from __future__ import annotations

import functools
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from tui.images.guard import Guard, GuardedBackend

IDLE_CONNECTIONS = 64
"""Connections kept open without a request in them, over all hosts."""

CONNECT_TIMEOUT = 10.0
KEEPALIVE = 15.0

Origin = tuple[bytes, bytes, int | None]


@functools.cache
def tls_context() -> ssl.SSLContext:
    """What every connection trusts. Reading the certificates takes some 70 ms: once is enough, best in a thread."""
    return httpx.create_ssl_context(trust_env=False)


class _Connection(httpx.AsyncHTTPTransport):
    """One connection: httpx's own transport round a pool of one that we made, since httpx hands no backend through."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool: httpcore.AsyncConnectionPool = pool


class _Body(httpx.AsyncByteStream):
    """A response's body that says when it has been closed."""

    def __init__(self, stream: httpx.AsyncByteStream, closed: Callable[[], None]) -> None:
        self._stream = stream
        self._closed = closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._closed()


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over guarded connections; the one used last is used next.

    httpcore looks at every connection of a pool several times for every request. Pools of one connection spare that,
    and how many there may be at once is the pace's business.
    """

    def __init__(self, guard: Guard) -> None:
        self._backend = GuardedBackend(guard)
        self._ssl = tls_context()
        self._over = False
        self._idle: OrderedDict[_Connection, Origin] = OrderedDict()
        self._idle_of: dict[Origin, list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a connection of its own. Raises Refusal where the guard does."""
        origin = (request.url.raw_scheme, request.url.raw_host, request.url.port)
        connection = self._take(origin)
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            await connection.aclose()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - as every async transport's is
        response.stream = _Body(response.stream, lambda: self._give_back(connection, origin))
        await self._close_surplus()
        return response

    async def aclose(self) -> None:
        """Close every connection without a request in it; the others are not kept any more."""
        self._over = True
        while self._idle:
            await self._oldest().aclose()

    def _take(self, origin: Origin) -> _Connection:
        if not (waiting := self._idle_of.get(origin)):
            return _Connection(self._new_pool())
        connection = waiting.pop()
        self._forget(connection, origin)
        return connection

    def _give_back(self, connection: _Connection, origin: Origin) -> None:
        if self._over or connection in self._idle:
            return
        self._idle[connection] = origin
        self._idle_of.setdefault(origin, []).append(connection)

    def _forget(self, connection: _Connection, origin: Origin) -> None:
        del self._idle[connection]
        if not self._idle_of[origin]:
            del self._idle_of[origin]

    def _oldest(self) -> _Connection:
        connection, origin = next(iter(self._idle.items()))
        self._idle_of[origin].remove(connection)
        self._forget(connection, origin)
        return connection

    async def _close_surplus(self) -> None:
        while len(self._idle) >= IDLE_CONNECTIONS:
            await self._oldest().aclose()

    def _new_pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._ssl,
            max_connections=1,
            keepalive_expiry=KEEPALIVE,
            network_backend=self._backend,
        )


def make_client(guard: Guard, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """A client that reaches public addresses only, keeps no cookies, knows no credentials and follows no redirect."""
    return httpx.AsyncClient(
        transport=GuardedTransport(guard),
        headers=headers,
        # An exchange has one deadline of its own; here only an address that does not answer gives way to the next.
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
    )
