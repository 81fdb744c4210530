"""One connection to a host: a request goes out, an answer comes in (RFC 9112)."""

from __future__ import annotations

import asyncio
import contextlib
import select
import ssl
from collections.abc import Callable
from typing import NamedTuple

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from tui.model import Reason, Refusal

LONGEST_LINE = 8190
"""Bytes of one header in an answer, name and value."""

HEADERS = 100
"""Headers of an answer, with what comes ahead of it (100 Continue) and after it (trailers)."""

SILENCE = 64 * 1024
"""Bytes that may come and be no whole header and nothing of a body."""

SCRATCH = 64 * 1024
"""Bytes that are read at once, where a body has no room of its own for them yet."""

AHEAD = 256 * 1024
"""Bytes of a body that may wait for whoever reads it; then no more are taken from the network."""


SWITCHING = 101
"""The status after which a connection speaks something else."""

_BODILESS = frozenset({204, 304})


class Place(NamedTuple):
    """Where to ask; `host` is an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int


class Answer:
    """What a host answers to one request: `status`, `headers` as they came, and a body as it comes.

    `measured` tells that its length is the one announced.
    Whoever waits for more of it gets an error of httpx's where it breaks off, or is none, and a Refusal where its head
    has no end.
    """

    def __init__(self, wire: Wire) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.measured = False
        self._wire = wire
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # As browsers are, and as hosts have come to expect.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._lines = 0
        self._silence = 0
        self._begun = self._whole = self._keeps = self._until_end = False
        self._fault: Refusal | httpx.TransportError | None = None
        self._pieces: list[bytes] = []
        self._ahead = 0
        self._room: memoryview | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def begin(self) -> None:
        """Wait until status and headers are there; its connection ends where they do not come."""
        try:
            while not self._begun:
                await self._news()
        except BaseException:
            self.release()
            raise

    @property
    def heard(self) -> bool:
        """Whether anything of it has come, be it a byte."""
        return bool(self._lines or self._silence)

    async def some(self) -> bytes:
        """What has come of the body since the last call, at least a byte; none once it is whole."""
        while not self._pieces:
            if self._whole:
                return b""
            await self._news()
        return self._taken()

    async def fill(self, room: memoryview) -> None:
        """Have the body written into as much room as its announced length, by the network itself: without a copy."""
        begun = self._taken()
        room[: len(begun)] = begun
        self._room = room[len(begun) :]
        try:
            while not self._whole:
                await self._news()
        finally:
            self._room = None

    def release(self) -> None:
        """Read no more of it: unless it is whole, that ends its connection."""
        if not self._whole:
            self._wire.close()

    def _taken(self) -> bytes:
        found = b"".join(self._pieces)
        self._pieces.clear()
        self._ahead = 0
        if not self._whole:  # else the connection may be another answer's by now
            self._wire.go_on()
        return found

    async def _news(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _tell(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # What its connection gives it

    @property
    def room(self) -> memoryview | None:
        """Where the next bytes of the body are to be written, if anywhere."""
        return self._room or None

    def filled(self, size: int) -> None:
        """So many bytes have been written into `room`."""
        assert self._room is not None  # noqa: S101 - they have
        self._room = self._room[size:]
        if not self._room:
            self._complete()

    def feed(self, data: memoryview) -> None:
        """These bytes have come."""
        if self._parser is None:
            return
        self._silence += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._complete()
        except HttpParserError:
            self._fail(httpx.RemoteProtocolError("no HTTP in its answer"))
        if self._silence > SILENCE:
            self._fail(_head_too_large())
        self._tell()

    def end(self, error: Exception | None) -> None:
        """The connection is over."""
        if self._until_end and error is None:
            self._complete()
        else:
            words = "the body broke off" if self._begun else "hung up without an answer"
            fault = httpx.RemoteProtocolError(words)
            if not (self._begun and isinstance(error, ssl.SSLError)):  # which is no verdict on a host whose TLS worked
                # Its frames would hold on to the room that the network was writing into.
                fault.__cause__ = error and error.with_traceback(None)
            self._fail(fault)

    def _complete(self) -> None:
        if not self._whole and self._fault is None:
            self._whole = True
            self._wire.answered(again=self._keeps)
        self._over()

    def _fail(self, fault: Refusal | httpx.TransportError) -> None:
        if not self._whole and self._fault is None:
            self._fault = fault
            self._wire.close()
        self._over()

    def _over(self) -> None:
        self._parser = None  # which holds the answer as well: nobody but the collector would find them
        self._tell()

    # What the parser calls

    def on_message_begin(self) -> None:
        """An answer begins, this one or one that only says to go on."""
        if self._whole:  # nobody has asked for another one
            self._wire.close()
        self._count(0)

    def _count(self, size: int) -> None:
        """One more header; what is raised ends the parsing."""
        self._silence = 0
        self._lines += 1
        if size > LONGEST_LINE or self._lines > HEADERS:
            self._fail(_head_too_large())
            raise ValueError("no end of headers")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._count(len(name) + len(value))
        if b"\0" in value:
            raise ValueError("a NUL in a header")
        if not self._begun:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head of an answer is there."""
        if self._begun or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < 100:
            raise ValueError("no status")
        if status < 200 and status != SWITCHING:  # the answer itself is still to come
            self.headers.clear()
            return
        self.status = status
        self._begun = True
        self._keeps = self._parser.should_keep_alive() and status != SWITCHING
        said = {name.lower(): value for name, value in self.headers}
        if b"transfer-encoding" in said:
            self._until_end = said[b"transfer-encoding"].rpartition(b",")[2].strip().lower() != b"chunked"
        else:
            self._until_end = b"content-length" not in said
            self.measured = not self._until_end and status not in _BODILESS

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._silence = 0
        if self._whole:
            return
        self._pieces.append(piece)
        self._ahead += len(piece)
        if self._ahead > AHEAD:
            self._wire.rest()

    def on_message_complete(self) -> None:
        """An answer is whole."""
        if self._begun:
            self._complete()


class Wire(asyncio.BufferedProtocol):
    """A connection to `place`. `idle` hears when it may be asked again, `gone` when it is no more.

    What comes is read into `scratch`, which all connections of a loop may share: nothing stays in it.
    """

    def __init__(
        self, place: Place, scratch: memoryview, idle: Callable[[Wire], None], gone: Callable[[Wire], None]
    ) -> None:
        self.place = place
        self._scratch = scratch
        self._idle = idle
        self._gone = gone
        self._answer: Answer | None = None
        self._closed = self._resting = False
        self._poll = select.poll()

    def ask(self, request: bytes) -> Answer:
        """Send a request."""
        answer = Answer(self)
        if self._closing:
            answer.end(None)
        else:
            self._answer = answer
            self.go_on()
            self._transport.write(request)
        return answer

    @property
    def _closing(self) -> bool:
        return self._closed or self._transport.is_closing()

    @property
    def fresh(self) -> bool:
        """Whether it can be asked: it is open, and nothing has come on it that the loop does not know of yet."""
        return not self._closing and not self._poll.poll(0)

    def close(self) -> None:
        """End it."""
        if not self._closed:
            self._closed = True
            # Not at once: asyncio's TLS does not bear that while it reads.
            asyncio.get_running_loop().call_soon(self._transport.abort)

    def rest(self) -> None:
        """Read nothing from the network for now."""
        if not self._resting and not self._closing:
            self._resting = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._resting:
            self._resting = False
            self._transport.resume_reading()

    def answered(self, *, again: bool) -> None:
        """Its answer has come whole; `again` if it can take another request."""
        self._answer = None
        if not again:
            self.close()
        elif self._tls is None:
            self._offer()
        else:  # may have more for us by now, which would answer a request that is made before it is read
            asyncio.get_running_loop().call_soon(self._offer)

    def _offer(self) -> None:
        if not self._closing:
            self._idle(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as TCP and TLS are
        self._transport = transport
        self._tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self._poll.register(transport.get_extra_info("socket"), select.POLLIN)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return (self._answer and self._answer.room) or self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes are there now."""
        answer = self._answer
        if answer is None:
            self.close()  # nobody has asked for anything
        elif answer.room is not None:
            answer.filled(nbytes)
        else:
            answer.feed(self._scratch[:nbytes])

    def eof_received(self) -> None:
        """The host says no more, and so do we.

        Whether TLS has ended as it should is not asked: many hosts just hang up, and an image proves itself whole.
        """
        if self._tls is not None:  # asyncio reads once more by itself, and forgets what is left then
            with contextlib.suppress(ssl.SSLError):
                while piece := self._tls.read(len(room := self.get_buffer(-1))):
                    room[: len(piece)] = piece
                    self.buffer_updated(len(piece))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        answer, self._answer = self._answer, None
        self._gone(self)
        if answer is not None:
            answer.end(ConnectionAbortedError() if self._closed else exc)


def _head_too_large() -> Refusal:
    return Refusal(Reason.TOO_LARGE, "the head of its answer")
