"""A streamed GET with one deadline and a size cap."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NoReturn
from urllib.parse import quote, urljoin

import httpx

from tui import __version__
from tui.images.bandwidth import Bandwidth
from tui.images.bodies import Incoming, Memory
from tui.images.guard import literal
from tui.images.headings import Headings
from tui.images.robots import opt_out
from tui.images.transport import Filling, Stale, causes
from tui.images.urls import host_of, normalise, target_of, without_controls
from tui.model import Problem, Reason, Refusal, retry_after

LONGEST_TARGET = 65_536
"""Bytes of path and query; no server takes as many."""

DRAINED = 16 * 1024
"""A refused body up to this length is read to its end, so that its connection can be used again."""

AGENT = "backfill-tui"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REASONS = {
    401: Reason.FORBIDDEN,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    408: Reason.TIMEOUT,
    410: Reason.GONE,
    425: Reason.RATE_LIMITED,
    429: Reason.RATE_LIMITED,
}


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one URL may cost: seconds of all its exchanges from connect to last byte, bytes of body, redirects."""

    deadline: float = 30.0
    max_bytes: int = 25 * 1024 * 1024
    max_redirects: int = 5


@dataclass(frozen=True, slots=True)
class Body:
    """What a URL answered: open content at position 0 (whoever asked closes it) and its size in bytes."""

    content: BinaryIO
    size: int


class Trail:
    """Where the redirects of one URL (`first`) have led: to `url`, which is to be asked within `seconds`.

    It is asked over a `fresh` connection where a kept one had ended.
    """

    __slots__ = ("_most", "_seen", "first", "fresh", "seconds", "url")

    def __init__(self, url: str, most: int, seconds: float) -> None:
        self.first, self.url, self.seconds = url, url, seconds
        self._most, self._seen = most, {url}
        self.fresh = False

    def follow(self, url: str) -> None:
        """Go on to where the host says; raises Refusal(REDIRECT_LOOP)."""
        if url in self._seen or len(self._seen) > self._most:
            raise Refusal(Reason.REDIRECT_LOOP, f"{len(self._seen)} redirects, the last to {host_of(url)}")
        self._seen.add(url)
        self.url = url


def headers(contact: str) -> dict[str, str]:
    """The request headers: who is asking, with `contact` (a URL or mail address) for complaints.

    JPEG and PNG are named and the newer formats are not, since many image hosts re-encode for whoever names those.
    """
    contact = "".join(letter for letter in contact if " " <= letter <= "~")
    return {
        "User-Agent": f"{AGENT}/{__version__}" + (f" (+{contact})" if contact else ""),
        "Accept": "image/jpeg, image/png, image/*;q=0.9, */*;q=0.1",
        "Accept-Encoding": "identity",
    }


class Fetcher:
    """Turns a URL into a Body.

    `heading` is what every request says of itself, `host_headers` what requests to a host say beside it, as `Headings`
    has them. Images that their host keeps from being collected (X-Robots-Tag) are refused where `respect_opt_out` is
    set. Pieces of bodies wait for `bandwidth`. `now` is the wall clock in seconds since the epoch, for Retry-After
    dates.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        limits: Limits | None = None,
        *,
        heading: Mapping[str, str] | None = None,
        host_headers: Mapping[str, Mapping[str, str]] | None = None,
        respect_opt_out: bool = True,
        bandwidth: Bandwidth | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport
        self._limits = limits or Limits()
        self._headings = Headings(headers("") if heading is None else heading, host_headers or {})
        self._respect_opt_out = respect_opt_out
        self._bandwidth = bandwidth or Bandwidth()
        self._memory = Memory()
        self._now = now

    async def fetch(self, url: str, redirects: int | None = None) -> Body:
        """The body behind a normalised URL, wherever that leads, without waiting between. Raises as `ask` does."""
        trail = self.trail(url, redirects)
        while True:
            with contextlib.suppress(Stale):
                body = await self.ask(trail)
                if body is not None:
                    return body

    def trail(self, url: str, redirects: int | None = None) -> Trail:
        """A way that begins at a normalised URL; at most `redirects` are followed."""
        most = self._limits.max_redirects if redirects is None else redirects
        return Trail(url, most, self._limits.deadline)

    async def ask(self, trail: Trail, heard: Callable[[], None] = _nothing) -> Body | None:
        """The body of where a trail is, whose content the caller closes; None where it leads on.

        `heard` is called as soon as the answer begins. Raises Stale, once at most, where it has to be asked again, for
        no fault of its host; Refusal, with `retry_after` in seconds where the server asked for it; and Problem where a
        large body finds no room in the temporary folder, or a connection no file.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(trail.seconds) as deadline:
                return await self._ask(trail, heard, deadline)
        except Stale:
            trail.fresh = True
            raise
        except TimeoutError as error:
            raise Refusal(Reason.TIMEOUT, f"no whole answer in {self._limits.deadline:g} s") from error
        except httpx.TimeoutException as error:
            raise Refusal(Reason.TIMEOUT, str(error)) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
            raise Refusal(Reason.BAD_URL, tidy(str(error))) from error
        except httpx.TransportError as error:
            raise _failure(error) from error
        except OSError as error:  # those of the network are httpx's by now
            place, words = tempfile.gettempdir(), (error.strerror or str(error)).lower()
            raise Problem(f"The temporary folder {place} cannot be used ({words}): free some space there.") from error
        finally:
            trail.seconds -= time.monotonic() - began

    async def _ask(self, trail: Trail, heard: Callable[[], None], deadline: asyncio.Timeout) -> Body | None:
        response = await self._transport.handle_async_request(self._request(trail))
        heard()
        try:
            location = _location(response) if response.status_code in _REDIRECTS else None
            if location is None:
                return await self._body(response, deadline)
            await _drain(response)
        finally:
            await response.aclose()
        trail.follow(_join(trail.url, location))
        return None

    def _request(self, trail: Trail) -> httpx.Request:
        """A request as a transport takes it: a client of httpx's would cost as much again as sending it does."""
        target = target_of(trail.url)
        if len(target) > LONGEST_TARGET:
            raise Refusal(Reason.BAD_URL, f"an address of {len(target):,} bytes")
        origin = _origin(trail.url[: len(trail.url) - len(target)])
        heading = self._headings.of(trail.url, trail.first)
        return httpx.Request("GET", origin, headers=heading, extensions={"target": target, "fresh": trail.fresh})

    async def _body(self, response: httpx.Response, deadline: asyncio.Timeout) -> Body:
        reason = _reason(response.status_code)
        if reason is not None:
            await _drain(response)
            wait = retry_after(response.headers.get("Retry-After", ""), self._now())
            raise Refusal(reason, f"HTTP {response.status_code}", wait)
        if self._respect_opt_out and (directive := opt_out(response.headers.get_list("X-Robots-Tag"), AGENT)):
            raise Refusal(Reason.OPTED_OUT, f"X-Robots-Tag: {directive}")
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise Refusal(Reason.UNSUPPORTED_FORMAT, tidy(f"sent as {encoding}, which was not asked for"))
        if (_length(response) or 0) > self._limits.max_bytes:
            self._too_large()
        return await self._store(response, deadline)

    async def _store(self, response: httpx.Response, deadline: asyncio.Timeout) -> Body:
        """Read the body to its end; HTTP/1.1 itself tells a short one (RFC 9112, section 8)."""
        body = Incoming(self._memory, _length(response) or 0)
        try:
            if not await self._fill(body, response, deadline):
                await self._write(body, response, deadline)
            if not body.size:
                raise Refusal(Reason.EMPTY_BODY, f"HTTP {response.status_code}")
            return Body(await body.whole(), body.size)
        except BaseException:
            body.close()
            raise

    async def _fill(self, body: Incoming, response: httpx.Response, deadline: asyncio.Timeout) -> bool:
        """Have the transport write a body to where it stays, without a copy; False where that cannot be done."""
        stream = response.stream
        if self._bandwidth.limit or not isinstance(stream, Filling) or not stream.measured:
            return False
        room = body.reserve()
        if room is None:
            return False
        with room:
            await stream.fill(room)
        if self._bandwidth.limit:  # since a moment ago
            await self._wait_for_bandwidth(body.size, deadline)
        return True

    async def _write(self, body: Incoming, response: httpx.Response, deadline: asyncio.Timeout) -> None:
        """Take a body piece by piece."""
        async for piece in _pieces(response):
            if body.size + len(piece) > self._limits.max_bytes:
                self._too_large()
            if self._bandwidth.limit:
                await self._wait_for_bandwidth(len(piece), deadline)
            await body.write(piece)

    async def _wait_for_bandwidth(self, size: int, deadline: asyncio.Timeout) -> None:
        """Wait until more may come after `size` bytes; that is none of the host's time."""
        loop, until = asyncio.get_running_loop(), deadline.when()
        left = None if until is None else until - loop.time()
        deadline.reschedule(None)
        try:
            await self._bandwidth.take(size)
        finally:
            deadline.reschedule(None if left is None else loop.time() + left)

    def _too_large(self) -> NoReturn:
        raise Refusal(Reason.TOO_LARGE, f"more than {self._limits.max_bytes:,} bytes")


def tidy(text: str) -> str:
    """Text from outside on one short line."""
    text = " ".join(without_controls(text).split())
    return text if len(text) <= 120 else text[:119] + "…"


def _reason(status: int) -> Reason | None:
    if 200 <= status < 300:
        return None
    return _REASONS.get(status, Reason.SERVER_ERROR if 500 <= status < 600 else Reason.REJECTED)


def _location(response: httpx.Response) -> str | None:
    """Where a redirect leads; what is no UTF-8 is percent-encoded as it is."""
    for name, value in response.headers.raw:
        if name.lower() == b"location":
            try:
                return value.decode()
            except UnicodeDecodeError:
                return quote(value, safe=bytes(range(0x21, 0x7F)))
    return None


def _length(response: httpx.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


async def _drain(response: httpx.Response) -> None:
    length = _length(response)
    if length is not None and length <= DRAINED:
        with contextlib.suppress(httpx.TransportError):  # what it has answered stands
            async for _ in _pieces(response):
                pass


def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes: `Response.aiter_raw` would count it and cut it anew."""
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - as every async transport's is
    return aiter(response.stream)


@functools.lru_cache(maxsize=1024)
def _origin(url: str) -> httpx.URL:
    """Where to ask. httpx takes its time over a URL, and most images of a run have the same few hosts."""
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        literal(host_of(url))  # what it will not read may be an address in disguise
        raise


def _join(url: str, location: str) -> str:
    """Where a redirect leads; an absolute address stays as it was written. Raises Refusal(BAD_URL)."""
    try:
        absolute = location if location.lower().startswith(("http://", "https://")) else urljoin(url, location)
    except ValueError:
        absolute = ""
    target = normalise(absolute)
    if target is None:
        raise Refusal(Reason.BAD_URL, f"redirected to no web address by {host_of(url)}")
    return target


def _failure(error: httpx.TransportError) -> Refusal | Problem:
    for cause in causes(error):
        if isinstance(cause, ssl.SSLEOFError):
            break  # hanging up in the middle of a handshake is no verdict on it
        if isinstance(cause, ssl.SSLError):
            words = getattr(cause, "verify_message", "") or (cause.reason or str(cause)).replace("_", " ").lower()
            return Refusal(Reason.TLS, tidy(words))
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return Problem("Too many files are open: raise the limit (`ulimit -n`) and start again.")
        if isinstance(cause, OSError) and cause.errno:
            return Refusal(Reason.CONNECTION, os.strerror(cause.errno))
    return Refusal(Reason.CONNECTION, tidy(str(error)) or "connection lost")
