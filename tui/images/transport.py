"""How requests leave: over guarded connections, each kept for the next request to its host."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohappyeyeballs
import httpx

from tui.images.guard import Guard
from tui.images.wire import SCRATCH, Answer, Place, Wire

IDLE_CONNECTIONS = 64
"""Connections kept open without a request in them, over all hosts."""

CONNECT_TIMEOUT = 10.0
KEEPALIVE = 15.0

HEAD_START = 0.25
"""Seconds that one address of a name has before the next is tried beside it (RFC 8305)."""

NAMES_HOLD = 10.0
"""Seconds for which the addresses of a name are good."""

REQUEST_TIMEOUT = 408
"""What some hosts say on a connection that they have waited on in vain, just before they close it."""

_PORTS = {"http": 80, "https": 443}


@functools.cache
def tls_context() -> ssl.SSLContext:
    """What every connection trusts. Reading the certificates takes some 70 ms: once is enough, best in a thread."""
    return httpx.create_ssl_context(trust_env=False)


class Stale(httpx.TransportError):
    """A kept connection that had ended, as hosts end them: the request that met it was not seen (RFC 9112, 9.3.1)."""

    def __init__(self) -> None:
        super().__init__("a kept connection had ended")


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over guarded connections, and no more of it than a GET without a body takes.

    It keeps no cookies, knows no credentials and no proxy, follows no redirect, decompresses nothing and sends nothing
    twice. How many connections there may be at once is the pace's business. It is made anywhere, and used in one event
    loop.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._idle = _Idle()
        self._wires: set[Wire] = set()
        self._empty = asyncio.Event()
        self._closed = False
        self._names: dict[tuple[str, int], asyncio.Task[list[tuple[str, int]]]] = {}
        self._trust: asyncio.Task[ssl.SSLContext] | None = None
        self._scratch = memoryview(bytearray(SCRATCH))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its extension `target` (bytes) goes out as it is.

        Raises Refusal where the guard does, and Stale, which cannot be where the extension `fresh` (bool) is set.
        """
        place = _place(request.url)
        self._guard.admit(place.host, place.port)
        target = request.extensions.get("target", request.url.raw_path)
        lines = b"".join([b"%b: %b\r\n" % line for line in request.headers.raw])
        message = b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode(), target, lines)
        answer = await self._answer(place, message, fresh=request.extensions.get("fresh", False))
        return httpx.Response(answer.status, headers=answer.headers, stream=Filling(answer), request=request)

    async def aclose(self) -> None:
        """Close every connection, those that are still being made as soon as they are; nothing can be asked after."""
        self._closed = True
        self._idle.close()
        for name in self._names.values():
            name.cancel()
        for wire in self._wires:
            wire.close()
        if self._wires:
            self._empty.clear()
            await self._empty.wait()

    async def _answer(self, place: Place, message: bytes, *, fresh: bool) -> Answer:
        """An answer that has begun, on a connection that was kept if there is one and `fresh` does not forbid it."""
        kept, rested = (None, 0.0) if fresh else self._idle.take(place)
        answer = (kept or await self._connected(place)).ask(message)
        try:
            await answer.begin()
        except httpx.TransportError:
            if kept is None or answer.heard:
                raise
        else:
            if kept is None or answer.status != REQUEST_TIMEOUT:
                return answer
            answer.release()
        self._idle.met_end(place, rested)
        raise Stale

    async def _connected(self, place: Place) -> Wire:
        if self._closed:
            raise httpx.ConnectError("this program has closed its connections")
        try:
            addresses = await self._addresses(place)
            trust = await self._trusted() if place.scheme == "https" else None
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self._connect(place, addresses, trust)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection in {CONNECT_TIMEOUT:g} s") from error
        except (ssl.SSLEOFError, ConnectionResetError) as error:
            raise httpx.ConnectError("hung up on the TLS handshake") from error
        except (OSError, ValueError) as error:
            raise httpx.ConnectError("none of its addresses can be reached") from error

    async def _connect(self, place: Place, addresses: list[tuple[str, int]], trust: ssl.SSLContext | None) -> Wire:
        for ip, port in addresses:  # the last word before a connection is made, whoever found its address
            self._guard.check(ip, port)
        opened = await aiohappyeyeballs.start_connection(
            [_info(ip, port) for ip, port in addresses], happy_eyeballs_delay=HEAD_START
        )
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: Wire(place, self._scratch, self._idle.enter, self._lost),
            sock=opened,
            ssl=trust,
            server_hostname=place.host if trust else None,
        )
        self._wires.add(wire)
        if self._closed:
            wire.close()
        return wire

    def _lost(self, wire: Wire) -> None:
        self._idle.leave(wire)
        self._wires.discard(wire)
        if not self._wires:
            self._empty.set()

    async def _addresses(self, place: Place) -> list[tuple[str, int]]:
        """Where a host is; those who ask for it at the same time, or soon after, share one answer. Raises Refusal."""
        name = place.host, place.port
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = asyncio.create_task(self._guard.addresses(*name))
            found.add_done_callback(functools.partial(self._looked_up, name))
        await asyncio.wait([found])  # which cancels nothing, whoever of them is cancelled
        if found.cancelled():
            raise httpx.ConnectError("this program has closed its connections")
        return found.result()

    def _looked_up(self, name: tuple[str, int], found: asyncio.Task[list[tuple[str, int]]]) -> None:
        """Forget in time what a name has led to, and at once that it led nowhere."""
        if found.cancelled() or found.exception() is not None:
            del self._names[name]
        else:
            found.get_loop().call_later(NAMES_HOLD, self._names.pop, name, None)

    async def _trusted(self) -> ssl.SSLContext:
        if self._trust is None or (self._trust.done() and self._trust.exception() is not None):
            self._trust = asyncio.create_task(asyncio.to_thread(tls_context))
        return await asyncio.shield(self._trust)


class Filling(httpx.AsyncByteStream):
    """A response's body in the pieces in which it comes, or at once in a room that is given to it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._answer.some():
            yield piece

    @property
    def measured(self) -> bool:
        """Whether the body has as many bytes as its Content-Length says, and can be filled into a room."""
        return self._answer.measured

    async def fill(self, room: memoryview) -> None:
        """Have all of a body written into `room`, which is as large as it was announced to be."""
        await self._answer.fill(room)

    async def aclose(self) -> None:
        """Read no more of it."""
        self._answer.release()  # which closes a connection whose response has not been read to its end


class _Idle:
    """The connections without a request in them, the one used last at the end; none stays longer than `KEEPALIVE`.

    Where one had been ended by its host, others are used only when they have rested for half as long: each that is not
    costs a turn.
    """

    def __init__(self) -> None:
        self._wires: OrderedDict[Wire, float] = OrderedDict()
        self._longest: dict[Place, float] = {}
        self._alarm: asyncio.TimerHandle | None = None

    def enter(self, wire: Wire) -> None:
        """An answer has come to its end on this connection; the one that has rested longest may be closed for it."""
        loop = asyncio.get_running_loop()
        self._wires[wire] = loop.time()
        if len(self._wires) > IDLE_CONNECTIONS:
            self._wires.popitem(last=False)[0].close()
        if self._alarm is None:
            self._alarm = loop.call_later(KEEPALIVE, self._sweep)

    def take(self, place: Place) -> tuple[Wire | None, float]:
        """A connection to there for a request, and for how many seconds it has rested."""
        now = asyncio.get_running_loop().time()
        while wire := next((one for one in reversed(self._wires) if one.place == place), None):
            rested = now - self._wires.pop(wire)
            if rested <= self._longest.get(place, KEEPALIVE) and wire.fresh:
                return wire, rested
            wire.close()
        return None, 0.0

    def met_end(self, place: Place, rested: float) -> None:
        """A connection to there had ended after it had rested for so many seconds."""
        self._longest[place] = rested / 2

    def leave(self, wire: Wire) -> None:
        """This connection is no more."""
        self._wires.pop(wire, None)

    def close(self) -> None:
        """Wake up no more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while self._wires and (since := next(iter(self._wires.values()))) <= loop.time() - KEEPALIVE:
            self._wires.popitem(last=False)[0].close()
        self._alarm = loop.call_at(since + KEEPALIVE, self._sweep) if self._wires else None


@functools.lru_cache(maxsize=1024)
def _place(url: httpx.URL) -> Place:
    """Where a URL leads; most images of a run have the same few hosts."""
    return Place(url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])


def _info(ip: str, port: int) -> tuple[Any, ...]:
    """An address as `getaddrinfo` gives it."""
    if ":" in ip:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what led to it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
