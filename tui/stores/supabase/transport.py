"""How requests reach a project: many connections to one host, each kept for the next request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from tui.stores import StoreError
from tui.stores.supabase.address import is_loopback

KEEPALIVE = 30.0


class _Body(httpx.AsyncByteStream):
    """An answer's body that says once that it has been closed, and whether that was undisturbed."""

    def __init__(self, stream: httpx.AsyncByteStream, closed: Callable[[bool], Awaitable[None]]) -> None:
        self._stream = stream
        self._closed = closed
        self._calm = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._calm = False
        async for chunk in self._stream:
            yield chunk
        self._calm = True

    async def aclose(self) -> None:
        calm, self._calm = self._calm, False
        try:
            await self._stream.aclose()
            self._calm = calm
        finally:
            closed, self._closed = self._closed, _nothing
            await closed(self._calm)


async def _nothing(_: bool) -> None:
    pass


class Connections(httpx.AsyncBaseTransport):
    """Up to `limit` requests at once, each on a connection of its own; the one used last is used next.

    httpcore looks at every connection of a pool several times for every request, which takes more than the request
    itself where 64 are under way. Pools of one connection spare that.
    """

    def __init__(self, url: str, limit: int) -> None:
        self._ssl = httpx.create_ssl_context()
        self._proxy = proxy_of(url)
        _require_usable(self._proxy, url)
        self._turns = asyncio.Semaphore(limit)
        self._idle: list[httpx.AsyncHTTPTransport] = []
        self._over = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request as soon as it is its turn."""
        await self._turns.acquire()
        connection = self._idle.pop() if self._idle else self._new()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            self._turns.release()
            await connection.aclose()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - as every async transport's is
        response.stream = _Body(response.stream, lambda calm: self._give_back(connection, calm=calm))
        return response

    async def aclose(self) -> None:
        """Close every connection without a request in it; the others end with theirs."""
        self._over = True
        while self._idle:
            await self._idle.pop().aclose()

    async def _give_back(self, connection: httpx.AsyncHTTPTransport, *, calm: bool) -> None:
        """Keep a connection for the next request, unless its pool may still hold the last one for under way.

        That is so after a cancel in the midst of closing an answer; the next request would wait for ever.
        """
        self._turns.release()
        if calm and not self._over:
            self._idle.append(connection)
        else:
            await connection.aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE)
        return httpx.AsyncHTTPTransport(verify=self._ssl, limits=limits, proxy=self._proxy)


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for a project; none leads to this machine."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _require_usable(proxy: str | None, url: str) -> None:
    """Raises StoreError, which does not repeat the address of the proxy: it may hold a password."""
    if proxy is None:
        return
    try:
        httpx.AsyncHTTPTransport(verify=False, proxy=proxy)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise StoreError(
            f"The proxy that the environment names for {url} (HTTPS_PROXY, ALL_PROXY) cannot be used: give one with "
            "http:// or https:// in front, or name the project's host in NO_PROXY."
        ) from None
