"""How requests leave: guarded connections, each kept for the next request to its host."""

from __future__ import annotations

import asyncio
import errno
import functools
import select
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import aiohttp.abc
import httpx
from aiohttp.http_exceptions import LineTooLong
from yarl import URL

from tui.images.guard import Guard
from tui.model import Reason, Refusal

IDLE_CONNECTIONS = 64
"""Connections kept open without a request in them, over all hosts."""

CONNECT_TIMEOUT = 10.0
KEEPALIVE = 15.0

HEADER_BYTES = 8190
"""The longest line of a response's head."""

HEADERS = 100

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
"""An exchange has one deadline of its own; here only an address that does not answer gives way to the next."""


@functools.cache
def tls_context() -> ssl.SSLContext:
    """What every connection trusts. Reading the certificates takes some 70 ms: once is enough, best in a thread."""
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over guarded connections of aiohttp, which takes a quarter of the CPU of httpx's own transport.

    It keeps no cookies, knows no credentials and no proxy, follows no redirect and decompresses nothing. How many
    connections there may be at once is the pace's business. It is made anywhere, and used in one event loop.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._idle = _Idle()
        self._opened: aiohttp.ClientSession | None = None
        self._trust: asyncio.Task[ssl.SSLContext] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its extension `target` (bytes) goes out as it is. Raises Refusal where the guard does."""
        url = request.url
        self._guard.admit(url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80))
        target = request.extensions.get("target", url.raw_path).decode("ascii")
        try:
            response = await self._session().request(
                request.method,
                # yarl would write the target anew, and some are signed: as a path that is encoded it stays as it is.
                URL.build(scheme=url.scheme, authority=url.netloc.decode("ascii"), path=target, encoded=True),
                headers=request.headers,
                allow_redirects=False,
                ssl=await self._trusted() if url.scheme == "https" else True,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _translated(error) from error.__cause__ or error
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response), request=request)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.close()

    async def _trusted(self) -> ssl.SSLContext:
        """What connections by TLS trust, loaded once there is one; nothing else waits for it."""
        if self._trust is None:
            self._trust = asyncio.create_task(asyncio.to_thread(tls_context))
        return await asyncio.shield(self._trust)

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=KEEPALIVE,
                resolver=_Resolver(self._guard),
                socket_factory=self._socket,
            )
            self._opened = aiohttp.ClientSession(
                connector=connector,
                request_class=_request_class(self._idle),
                response_class=_response_class(self._idle),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_once,),
                timeout=_NO_TIMEOUT,
                auto_decompress=False,
                trust_env=False,
                max_line_size=HEADER_BYTES,
                max_field_size=HEADER_BYTES,
                max_headers=HEADERS,
            )
        return self._opened

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The last word before a connection: literal addresses never meet the resolver."""
        family, kind, proto, _, (ip, port, *_) = info
        try:
            self._guard.check(ip, port)
        except Refusal as refusal:  # as an error of the network, which is all that the race between addresses keeps
            raise PermissionError(errno.EACCES, "no address to connect to") from refusal
        return socket.socket(family, kind, proto)


class _Resolver(aiohttp.abc.AbstractResolver):
    """Names become checked addresses; aiohttp keeps them for 10 s, and dials no others."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """What the guard answers. Raises Refusal."""
        return [
            aiohttp.abc.ResolveResult(hostname=host, host=ip, port=real_port, family=family, proto=0, flags=0)
            for ip, real_port in await self._guard.addresses(host, port)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class _Idle:
    """The connections without a request in them, the one used last at the end."""

    def __init__(self) -> None:
        self._wires: OrderedDict[asyncio.Transport, None] = OrderedDict()

    def enter(self, wire: asyncio.Transport) -> None:
        """A response has come to its end on this connection; the one that has rested longest may be closed for it."""
        if wire.is_closing():
            return
        self._wires[wire] = None
        while len(self._wires) > IDLE_CONNECTIONS:
            self._wires.popitem(last=False)[0].close()

    def leave(self, wire: asyncio.Transport) -> bool:
        """A request takes this connection. Returns whether it was idle before."""
        idle = wire in self._wires
        self._wires.pop(wire, None)
        return idle


class _Stale(Exception):
    """A connection ended while no request was in it, or its host said something that nobody had asked for."""


def _is_readable(wire: asyncio.Transport) -> bool:
    """Whether anything waits to be read, of which the loop does not know yet."""
    poll = select.poll()
    poll.register(wire.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


def _request_class(idle: _Idle) -> type[aiohttp.ClientRequest]:
    class Request(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            if idle.leave(conn.transport) and (conn.protocol.should_close or _is_readable(conn.transport)):
                raise _Stale
            return await super().send(conn)

    return Request


def _response_class(idle: _Idle) -> type[aiohttp.ClientResponse]:
    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            wire, closed = connection.transport, connection.protocol.closed
            await super().start(connection)
            content = self.content

            def lost(_: object) -> None:
                # What cannot be read as a body ends the connection, and nobody tells whoever waits for the body.
                if not content.is_eof() and content.exception() is None:
                    content.set_exception(aiohttp.ClientPayloadError("connection lost"))

            def whole() -> None:
                if closed is not None:
                    closed.remove_done_callback(lost)
                idle.enter(wire)  # at once, before another request can have taken it

            if closed is not None:
                closed.add_done_callback(lost)
            content.on_eof(whole)  # maybe at once
            return self

    return Response


class _Body(httpx.AsyncByteStream):
    """A response's body in the pieces in which it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from error.__cause__ or error

    async def aclose(self) -> None:
        self._response.release()  # which closes a connection whose response has not been read to its end


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once: aiohttp would repeat one whose connection broke, and nobody would have counted it."""
    while True:
        try:
            return await handler(request)
        except _Stale:
            continue  # nothing was sent yet, and it was one of not so many
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from error.__cause__ or error


_TRANSLATIONS: tuple[tuple[type[Exception], type[httpx.TransportError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout, "no connection"),
    (aiohttp.ClientConnectorError, httpx.ConnectError, "no connection"),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError, "hung up without an answer"),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError, "the body broke off"),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError, "no HTTP in its answer"),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol, "no http or https address"),
    (ValueError, httpx.UnsupportedProtocol, "no address that can be asked"),
    (Exception, httpx.ReadError, "connection lost"),
)


def _translated(error: Exception) -> Exception:
    """What httpx would have raised, in words that hold nothing of the URL; a Refusal where that was the cause."""
    for cause in causes(error):
        if isinstance(cause, Refusal):
            return cause
        if isinstance(cause, LineTooLong) or "Too many headers" in str(cause):
            return Refusal(Reason.TOO_LARGE, "the head of its answer")
    kind, words = next((kind, words) for known, kind, words in _TRANSLATIONS if isinstance(error, known))
    return kind(words)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what led to it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
