"""What an answer says, as two readers find: our connections, and h11.

Whatever is well formed is the same to both, and what is not is never two different answers. One may refuse what the
other takes, and that is meant: as browsers do, ours takes line feeds without a carriage return, empty lines before an
answer, spaces before a colon and transfer codings beside `chunked`, whose bytes then are no image. Ours alone refuses
Content-Length beside Transfer-Encoding or said twice, HTTP/1.2, chunk extensions outside ASCII, and more headers than
any photo needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import h11
import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.images.loopback import Answer, Loopback
from tui.images.guard import Guard
from tui.images.transport import GuardedTransport
from tui.model import Refusal

Read = tuple[int, bytes] | None
"""Status and body; None where there is no answer."""

_HEADERS = st.sampled_from(
    [b"X: a", b"X:\tb ", b"Server:", b"Connection: close", b"Connection: keep-alive", b"X: a\r\n folded"]
)
_BROKEN = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"9", b"f", b"-", b"+", b"\xff"),
        *(b"HTTP/1.1 ", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"chunked", b"identity"),
    ]
)
_DELETED = st.integers(0, 4)


def chunked(chunks: Sequence[bytes], extension: bytes, trailer: bytes) -> bytes:
    lines = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    return lines + b"0\r\n" + trailer + b"\r\n"


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer that keeps to RFC 9112."""
    chunks = draw(st.lists(st.binary(min_size=1, max_size=300), max_size=4))
    body = b"".join(chunks)
    head = draw(st.lists(_HEADERS, max_size=4))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    framing = draw(st.sampled_from(["length", "end"] if version == b"1.0" else ["length", "end", "chunks"]))
    if framing == "length":
        head.append(b"Content-Length: %d" % len(body))
    elif framing == "chunks":
        head.append(b"transfer-encoding:Chunked")
        body = chunked(chunks, draw(st.sampled_from([b"", b";a=b", b" "])), draw(st.sampled_from([b"", b"T: 1\r\n"])))
    status = draw(st.sampled_from([b"200 OK", b"200", b"206 ", b"404 Not Found", b"204 No", b"304 No", b"999 Who"]))
    before = draw(st.sampled_from([b"", b"", b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"]))
    return before + b"\r\n".join([b"HTTP/%b %b" % (version, status), *head, b"", b""]) + body


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    answer = draw(answers())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, min(len(answer), 200)))
        answer = answer[:at] + draw(_BROKEN) + answer[at + draw(_DELETED) :]
    return answer


def by_h11(answer: bytes) -> Read:
    connection, status, body = h11.Connection(h11.CLIENT), 0, b""
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "host.test")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(answer)
    connection.receive_data(b"")
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None
    return status, body


async def by_ours(guard: Guard, number: int) -> Read:
    async with GuardedTransport(guard) as transport:
        try:
            response = await transport.handle_async_request(httpx.Request("GET", f"http://host.test/{number}"))
            assert isinstance(response.stream, httpx.AsyncByteStream)
            return response.status_code, b"".join([piece async for piece in response.stream])
        except (httpx.TransportError, Refusal):
            return None


def then_hanging_up(answer: bytes) -> Answer:
    async def pieces() -> AsyncIterator[bytes]:
        yield answer

    return pieces


def read(sent: Sequence[bytes]) -> list[Read]:
    async def all_of_them() -> list[Read]:
        async with Loopback({f"/{n}": then_hanging_up(answer) for n, answer in enumerate(sent)}).running() as host:
            return await asyncio.gather(*(by_ours(host.guard(), number) for number in range(len(sent))))

    return asyncio.run(all_of_them())


@settings(max_examples=15)
@given(st.lists(answers(), min_size=10, max_size=20))
def test_what_is_well_formed_is_read_alike(sent: list[bytes]) -> None:
    assert read(sent) == [by_h11(answer) for answer in sent]


@settings(max_examples=40)
@given(st.lists(mutated(), min_size=10, max_size=20))
def test_what_is_not_is_never_two_different_answers(sent: list[bytes]) -> None:
    for answer, ours in zip(sent, read(sent), strict=True):
        other = by_h11(answer)
        assert ours == other or None in (ours, other), answer
