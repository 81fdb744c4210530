"""Connections of our own: whatever comes on one and wherever a request ends, the next is answered as it should be."""

from __future__ import annotations

import asyncio
import gc
import io
import itertools
import random
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.images.loopback import RESET, Answer, Loopback, reply
from tests.support.certificates import self_signed
from tui.images.fetch import Body, Fetcher
from tui.images.guard import Guard
from tui.images.transport import GuardedTransport
from tui.images.wire import HEADERS, Wire
from tui.images.wire import Answer as Arriving
from tui.model import Refusal

URL = "http://host.test/"
TEXT = bytes(range(256)) * 5


async def read(transport: GuardedTransport, url: str = URL) -> bytes:
    body: Body = await Fetcher(transport).fetch(url)
    with body.content as content:
        content.seek(0)
        return content.read()


def chunked(body: bytes, size: int) -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    lines = b"".join(b"%x;of=%d\r\n%b\r\n" % (len(chunk), size, chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + lines + b"0\r\nX-Trailer: yes\r\n\r\n"


ANSWERS = {
    "measured": reply(TEXT),
    "after others": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" + reply(TEXT),
    "chunked": chunked(TEXT, 100),
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + TEXT,
    "of an old host": b"HTTP/1.0 200 OK\r\nContent-Length: 1280\r\n\r\n" + TEXT,
}


@pytest.mark.parametrize("kind", ANSWERS)
@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 1500), max_size=12))
def test_a_body_is_the_same_in_whatever_pieces_it_comes(kind: str, cuts: Sequence[int]) -> None:
    answer = ANSWERS[kind]
    edges = sorted({0, *(cut for cut in cuts if cut < len(answer)), len(answer)})

    async def pieces() -> AsyncIterator[bytes]:
        for start, stop in itertools.pairwise(edges):
            yield answer[start:stop]
            await asyncio.sleep(0)

    async def once() -> bytes:
        async with Loopback({"*": pieces}).running() as host, GuardedTransport(host.guard()) as transport:
            return await read(transport)

    assert asyncio.run(once()) == TEXT


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 101 Switching\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n",
        reply(TEXT) + b"junk that nobody asked for",
        reply(TEXT) + b"\0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X:\r\n" * (HEADERS - 2) + b"Content-Length: 0\r\n\r\n" + reply(TEXT),
        reply(b"", 204) + b"a body where there is none",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n1234567",
    ],
)
async def test_a_connection_that_said_too_much_is_not_used_again(first: bytes) -> None:
    async with Loopback({"*": [first, reply(b"body")]}).running() as host, GuardedTransport(host.guard()) as transport:
        with suppress(Refusal):
            await read(transport)
        assert await read(transport) == b"body"
        assert host.connections == 2


@pytest.mark.parametrize("size", [1_000, 300_000, 3_000_000])
async def test_the_next_request_is_answered_wherever_one_was_given_up(size: int) -> None:
    host = Loopback({"*": reply(bytes(size))})
    async with host.running(), GuardedTransport(host.guard()) as transport:
        for steps in range(0, 40, 1 if size < 2_000 else 3):
            given_up = asyncio.create_task(read(transport))
            for _ in range(steps):
                await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.wait([given_up])
            async with asyncio.timeout(5):
                assert await read(transport) == bytes(size)


@pytest.mark.parametrize("sent", [0, 10, 100_000])
async def test_a_body_that_breaks_off_is_refused_and_what_was_reserved_for_it_is_free(sent: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield reply(bytes(300_000))[: -300_000 + sent]
        yield RESET

    host = Loopback({"/broken": pieces, "*": reply(bytes(300_000))})
    async with host.running(), GuardedTransport(host.guard()) as transport:
        fetcher = Fetcher(transport)
        for _ in range(300):  # which together are more than may be held in memory
            with pytest.raises(Refusal):
                await fetcher.fetch(f"{URL}broken")
        with (await fetcher.fetch(URL)).content as content:
            assert isinstance(content, io.BytesIO), "there is room in memory"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """That of a server whose certificate is trusted."""
    certificate = self_signed("host.test", tmp_path / "own.pem")
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate)
    monkeypatch.setattr("tui.images.transport.tls_context", lambda: ssl.create_default_context(cafile=certificate))
    return own


async def test_a_body_that_we_cut_ourselves_is_not_whole() -> None:
    sent = asyncio.Event()

    async def to_its_end() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\nhalf"
        sent.set()
        await asyncio.Event().wait()

    async with Loopback({"*": to_its_end}).running() as host, GuardedTransport(host.guard()) as transport:
        asking = asyncio.create_task(read(transport))
        await sent.wait()
        await transport.aclose()
        with pytest.raises(Refusal, match="connection: "):
            await asking


@asynccontextmanager
async def secure(context: ssl.SSLContext, body: bytes, unasked: bytes = b"") -> AsyncIterator[tuple[Guard, list[int]]]:
    """A host behind TLS, and how many requests each of its connections had."""
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(0)
        place = len(asked) - 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                asked[place] += 1
                writer.write(reply(body) + unasked)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield Guard({"host.test": ("127.0.0.1", server.sockets[0].getsockname()[1])}), asked


@pytest.mark.parametrize("size", [1, 16_384, 900_000, 3_000_000])
async def test_bodies_come_whole_through_tls_one_after_the_other(size: int, tls: ssl.SSLContext) -> None:
    body = (TEXT * (size // len(TEXT) + 1))[:size]
    async with secure(tls, body) as (guard, asked), GuardedTransport(guard) as transport:
        for _ in range(4):
            assert await read(transport, "https://host.test/") == body
        assert sum(asked) == 4
        assert len(asked) <= 2, "the tickets of the first answer may end a connection once"


@contextmanager
def hanging_up(context: ssl.SSLContext, answer: bytes) -> Iterator[tuple[Guard, threading.Event]]:
    """A host behind TLS that hangs up on TCP after its answer, with no word of it to TLS; and whether it has."""
    gone = threading.Event()

    def serve() -> None:
        with context.wrap_socket(listening.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(answer)
            socket.socket.shutdown(connection, socket.SHUT_WR)
            gone.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield Guard({"host.test": listening.getsockname()}), gone
        thread.join()


@pytest.mark.parametrize("head", [b"", b"Connection: close\r\nContent-Length: 400000\r\n"])
async def test_what_came_before_a_host_hung_up_on_tls_is_not_lost(
    head: bytes, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + bytes(400_000)  # more than waits for whoever reads it
    with hanging_up(tls, answer) as (guard, gone):
        async with GuardedTransport(guard) as transport:
            response = await transport.handle_async_request(httpx.Request("GET", "https://host.test/"))
            await asyncio.to_thread(gone.wait)
            for _ in range(50):  # until all of it has come to us
                await asyncio.sleep(0)
            assert isinstance(response.stream, httpx.AsyncByteStream)
            assert sum([len(piece) async for piece in response.stream]) == 400_000
            await response.aclose()
    assert not caplog.records, "asyncio has nothing to complain of"


@contextmanager
def breaking(context: ssl.SSLContext, answer: bytes) -> Iterator[Guard]:
    """A host whose TLS breaks after these bytes of an answer, or before them because it is shown no certificate."""

    def serve() -> None:
        plain, _ = listening.accept()
        with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as connection:
            with suppress(ssl.SSLError):
                connection.do_handshake()
                connection.recv(65536)
                connection.sendall(answer)
                socket.socket.sendall(connection, b"\x17\x03\x03\x00\x20" + bytes(32))
            with suppress(OSError):
                while socket.socket.recv(connection, 65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield Guard({"host.test": listening.getsockname()})
        thread.join()


@pytest.mark.parametrize(
    ("answer", "certificates", "words"),
    [
        (b"", ssl.CERT_REQUIRED, "tls: tlsv13 alert certificate required"),
        (b"HTTP/1.1 200", ssl.CERT_NONE, "tls: .*bad record mac"),
        (reply(bytes(9_000_000))[:-1], ssl.CERT_NONE, "connection: the body broke off"),
    ],
)
async def test_tls_that_breaks_later_is_named_for_what_it_is(
    answer: bytes, certificates: ssl.VerifyMode, words: str, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    tls.verify_mode = certificates
    tls.load_verify_locations(tmp_path / "own.pem")
    with breaking(tls, answer) as guard:
        async with GuardedTransport(guard) as transport:
            with pytest.raises(Refusal, match=words):
                await read(transport, "https://host.test/")


async def test_what_a_host_says_unasked_through_tls_answers_no_request(tls: ssl.SSLContext) -> None:
    body = TEXT * 500

    async def often(transport: GuardedTransport) -> None:
        for _ in range(10):
            assert await read(transport, "https://host.test/") == body

    async with secure(tls, body, unasked=reply(b"a forged body")) as (guard, _), GuardedTransport(guard) as transport:
        await asyncio.gather(*(often(transport) for _ in range(10)))


def at_random(chance: random.Random) -> Answer:
    """An answer that is whole, or is not, or comes with too much."""
    whole = reply(bytes(chance.choice([1, 500, 70_000, 400_000, 1_300_000])))
    broken = whole[: chance.randrange(len(whole))]
    last = chance.choice([[broken], [broken, RESET], [RESET], [b"", b""], [whole, b"junk"], [chunked(TEXT, 500)]])

    async def pieces() -> AsyncIterator[bytes]:
        for piece in last:
            yield piece
            await asyncio.sleep(0)

    lasting: list[Answer] = [
        whole,
        whole,
        chunked(TEXT, 50),
        reply(b"x", 404),
        reply(bytes(20_000), 500),
        b"garbage\r\n\r\n",
    ]
    return chance.choice([*lasting, pieces, pieces])


def alive() -> int:
    gc.collect()
    return sum(type(one) in (Wire, Arriving) for one in gc.get_objects())


async def test_nothing_is_left_of_many_requests_however_they_ended() -> None:
    chance = random.Random(1)
    paths = [f"/{number}" for number in range(400)]
    answers: dict[str, Answer | list[Answer]] = {path: at_random(chance) for path in paths}
    answers["/whole"] = reply(bytes(800_000))
    loop, before = asyncio.get_running_loop(), (asyncio.all_tasks(), alive())
    async with Loopback(answers).running() as host, GuardedTransport(host.guard()) as transport:
        fetcher, turns = Fetcher(transport), asyncio.Semaphore(20)

        async def one(path: str) -> None:
            async with turns:
                asking = asyncio.create_task(fetcher.fetch(f"http://host.test{path}"))
                given_up = loop.call_later(chance.random() * 0.02, asking.cancel) if chance.random() < 0.3 else None
                with suppress(Refusal, asyncio.CancelledError):
                    (await asking).content.close()
                if given_up is not None:
                    given_up.cancel()

        await asyncio.gather(*map(one, paths))
        bodies = [await fetcher.fetch(f"{URL}whole") for _ in range(41)]  # as many as fit into memory
        for body in bodies:
            assert isinstance(body.content, io.BytesIO)
            body.content.close()
        await transport.aclose()
        await host.until_open(0)
    assert (asyncio.all_tasks(), alive()) == before
