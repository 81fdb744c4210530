from __future__ import annotations

import asyncio
import errno
import gc
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.images.loopback import RESET, Answer, Loopback, closed_port, reply
from tests.support.certificates import self_signed
from tui.images.fetch import Fetcher, Limits, headers
from tui.images.guard import Guard
from tui.images.transport import GuardedTransport
from tui.images.urls import normalise
from tui.images.wire import Answer as Arriving
from tui.model import Problem, Reason, Refusal

_SIGNED = st.sampled_from(
    ["%2F", "%2f", "%7E", "~", "|", "..", ".", "//", "?", "%", "+", "%20", "[", "{", ";", "=", "&"]
)
_TARGETS = st.lists(_SIGNED | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#")))


async def arrived(targets: list[str]) -> list[str]:
    async with Loopback({"*": reply(b"body")}).running() as host, GuardedTransport(host.guard()) as transport:
        for target in targets:
            (await Fetcher(transport).fetch(f"http://host.test{target}")).content.close()
        return [request.target for request in host.requests]


@settings(max_examples=10)
@given(st.lists(_TARGETS.map("".join), min_size=5, max_size=30))
def test_an_address_arrives_as_it_was_written(texts: list[str]) -> None:
    targets = ["/" + text for text in texts]
    assert all(normalise(f"http://host.test{target}") == f"http://host.test{target}" for target in targets)
    assert asyncio.run(arrived(targets)) == targets


async def hanging_up() -> AsyncIterator[bytes]:
    yield b""


async def resetting() -> AsyncIterator[bytes]:
    yield RESET


async def saying_a_byte() -> AsyncIterator[bytes]:
    yield b"H"


TIRED = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("ending", [hanging_up, resetting, TIRED])
async def test_a_request_that_met_the_end_of_a_kept_connection_is_sent_once_more_on_another(ending: Answer) -> None:
    async with (
        Loopback({"*": [reply(b"body"), ending, reply(b"body")]}).running() as host,
        GuardedTransport(host.guard()) as transport,
    ):
        for _ in range(2):
            (await Fetcher(transport).fetch("http://host.test/")).content.close()
        assert (len(host.requests), host.connections) == (3, 2)


async def test_a_host_that_ends_kept_connections_is_asked_on_new_ones_or_sooner() -> None:
    async with (
        Loopback({"*": [reply(b"body"), hanging_up, reply(b"body")]}).running() as host,
        GuardedTransport(host.guard()) as transport,
    ):
        fetcher, gap, before = Fetcher(transport), 0.0, time.monotonic()
        for number in range(6):
            while time.monotonic() - before < gap:  # noqa: ASYNC110 - what is awaited is the clock
                await asyncio.sleep(0)
            (await fetcher.fetch("http://host.test/")).content.close()
            if number == 1:
                gap = time.monotonic() - before  # more than the connection rested that had ended
            before = time.monotonic()
        assert (len(host.requests), host.connections) == (7, 6)


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([hanging_up, reply(b"body")], 1),
        ([resetting, reply(b"body")], 1),
        ([TIRED, reply(b"body")], 1),
        ([reply(b"body"), saying_a_byte, reply(b"body")], 2),
        ([reply(b"body"), hanging_up, hanging_up, reply(b"body")], 3),
        ([reply(b"body"), resetting, resetting, reply(b"body")], 3),
    ],
)
async def test_a_request_whose_connection_broke_is_not_sent_again_behind_our_back(
    answers: list[Answer], requests: int
) -> None:
    async with Loopback({"*": answers}).running() as host, GuardedTransport(host.guard()) as transport:

        async def twice() -> None:
            for _ in range(2):
                (await Fetcher(transport).fetch("http://host.test/")).content.close()

        with pytest.raises(Refusal) as caught:
            await twice()
        assert caught.value.reason in (Reason.CONNECTION, Reason.TIMEOUT)
        assert len(host.requests) == requests


async def test_a_connection_that_its_host_has_closed_meanwhile_is_not_used_again() -> None:
    async def once() -> AsyncIterator[bytes]:
        yield reply(b"body")

    async with Loopback({"*": once}).running() as host, GuardedTransport(host.guard()) as transport:
        for _ in range(20):
            (await Fetcher(transport).fetch("http://host.test/")).content.close()
        assert host.connections == len(host.requests) == 20


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_a_host_says_unasked_answers_no_request(at_once: bool) -> None:
    unasked = reply(b"a forged body")
    answer = reply(b"body") + (unasked if at_once else b"")
    async with Loopback({"*": answer}).running() as host, GuardedTransport(host.guard()) as transport:
        for number in range(1, 4):
            body = await Fetcher(transport).fetch("http://host.test/")
            body.content.close()
            assert body.size == 4
            assert host.connections == number
            for writer in host.open:
                writer.write(unasked)


async def test_connections_serve_many_at_once_and_again() -> None:
    async with Loopback({"*": reply(b"body" * 50_000)}).running() as host, GuardedTransport(host.guard()) as transport:
        fetcher = Fetcher(transport)
        for _ in range(3):
            bodies = await asyncio.gather(*(fetcher.fetch(f"http://host.test/{n}") for n in range(24)))
            for body in bodies:
                body.content.close()
        assert host.connections == 24


@pytest.mark.parametrize("size", [1, 200_000])
async def test_nothing_stays_of_a_response_while_its_connection_is_used_again(size: int) -> None:
    def answers() -> int:
        gc.collect()
        return sum(type(one) is Arriving for one in gc.get_objects())

    async with Loopback({"*": reply(bytes(size))}).running() as host, GuardedTransport(host.guard()) as transport:
        fetcher, before = Fetcher(transport), answers()
        for _ in range(20):
            (await fetcher.fetch("http://host.test/")).content.close()
        assert host.connections == 1
        assert answers() - before < 5


async def test_what_a_request_says_goes_out_and_nothing_else() -> None:
    async with Loopback({"*": reply()}).running() as host, GuardedTransport(host.guard()) as transport:
        url = "http://host.test/"
        await (await transport.handle_async_request(httpx.Request("GET", url, headers=headers("me@a.com")))).aclose()
    [request] = host.requests
    assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding"}
    assert request.headers["user-agent"].endswith("(+me@a.com)")


async def test_closing_ends_what_is_under_way_and_whatever_begins_later() -> None:
    begun = asyncio.Semaphore(0)

    async def dripping() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        begun.release()
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    async with Loopback({"/drip": dripping, "*": reply(b"body")}).running() as host:
        transport = GuardedTransport(host.guard())
        fetcher = Fetcher(transport)
        waiting = [asyncio.create_task(fetcher.fetch("http://host.test/drip")) for _ in range(3)]
        (await fetcher.fetch("http://host.test/")).content.close()
        for _ in waiting:
            await begun.acquire()
        connecting = asyncio.create_task(fetcher.fetch("http://host.test:81/"))
        for _ in range(3):
            await asyncio.sleep(0)
        await asyncio.gather(transport.aclose(), transport.aclose())
        waiting += [connecting, asyncio.create_task(fetcher.fetch("http://host.test/"))]
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [end.reason if isinstance(end, Refusal) else end for end in ends] == [Reason.CONNECTION] * 5
        await transport.aclose()
        await host.until_open(0)


class Hanging(Guard):
    """Names whose addresses come when they are told to."""

    def __init__(self, port: int) -> None:
        super().__init__(allow=[ip_network("127.0.0.0/8")])
        self.told = asyncio.Event()
        self.asked = asyncio.Event()
        self.lookups = 0
        self._port = port

    async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        self.lookups += 1
        self.asked.set()
        await self.told.wait()
        return [("127.0.0.1", self._port)]


async def test_a_lookup_ends_for_nobody_else_with_who_asked_first() -> None:
    async with Loopback({"*": reply(b"body")}).running() as host:
        guard = Hanging(host.port)
        async with GuardedTransport(guard) as transport:
            asking = [asyncio.create_task(Fetcher(transport).fetch("http://host.test/")) for _ in range(3)]
            await guard.asked.wait()
            asking[0].cancel()
            await asyncio.wait(asking[:1])
            guard.told.set()
            for body in await asyncio.gather(*asking[1:]):
                body.content.close()
        assert asking[0].cancelled()
        assert guard.lookups == 1


async def test_closing_ends_a_lookup_and_is_no_cancelling_of_who_waits_for_it() -> None:
    guard = Hanging(0)
    async with GuardedTransport(guard) as transport:
        asking = asyncio.create_task(Fetcher(transport).fetch("http://host.test/"))
        await guard.asked.wait()
    with pytest.raises(Refusal) as caught:
        await asking
    assert caught.value.reason is Reason.CONNECTION


async def test_a_name_that_led_nowhere_is_looked_up_again() -> None:
    async with Loopback({"*": reply(b"body")}).running() as host:
        found: list[Refusal | tuple[str, int]] = [Refusal(Reason.DNS), ("127.0.0.1", host.port)]

        class Recovering(Guard):
            async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
                answer = found.pop(0)
                if isinstance(answer, Refusal):
                    raise answer
                return [answer]

        async with GuardedTransport(Recovering(allow=[ip_network("127.0.0.0/8")])) as transport:
            with pytest.raises(Refusal) as caught:
                await Fetcher(transport).fetch("http://host.test/")
            assert caught.value.reason is Reason.DNS
            (await Fetcher(transport).fetch("http://host.test/")).content.close()


async def test_certificates_that_could_not_be_read_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[OSError] = [OSError(errno.EMFILE, "too many")]

    def unlucky() -> ssl.SSLContext:
        if tries:
            raise tries.pop()
        return ssl.create_default_context()

    monkeypatch.setattr("tui.images.transport.tls_context", unlucky)
    async with Loopback({}).running() as host, GuardedTransport(host.guard()) as transport:
        with pytest.raises(Problem):
            await Fetcher(transport).fetch("https://host.test/")
        with pytest.raises(Refusal):
            await Fetcher(transport, Limits(deadline=0.1)).fetch("https://host.test/")
        assert host.connections == 1


async def test_files_that_run_out_are_no_fault_of_the_host_and_do_not_stay_so() -> None:
    async with Loopback({"*": reply(b"body")}).running() as host, GuardedTransport(host.guard()) as transport:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with ExitStack() as files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
            files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            with suppress(OSError):
                while True:
                    files.enter_context(socket.socket())
            with pytest.raises(Problem, match="Too many files are open"):
                await Fetcher(transport).fetch("http://host.test/")
        (await Fetcher(transport).fetch("http://host.test/")).content.close()


async def size_of(transport: GuardedTransport, url: str) -> int:
    body = await Fetcher(transport).fetch(url)
    body.content.close()
    return body.size


@contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """An address where greetings are neither taken nor turned away: as many wait there as may."""
    with socket.socket() as hole, ExitStack() as waiting:
        hole.bind(("127.0.0.2", 0))
        hole.listen(0)
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(hole.getsockname())
        yield hole.getsockname()


class Several(Guard):
    def __init__(self, *addresses: tuple[str, int]) -> None:
        super().__init__(allow=[ip_network("0.0.0.0/0"), ip_network("::1/128")])
        self._addresses = list(addresses)

    async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        return self._addresses


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async with Loopback({"*": reply(b"body")}).running() as host:
        with black_hole() as hole:
            guard = Several(hole, ("::1", closed_port()), ("127.0.0.1", host.port))
            async with GuardedTransport(guard) as transport:
                assert await size_of(transport, "http://host.test/") == 4


async def test_addresses_that_all_fail_in_their_own_way_are_one_sentence() -> None:
    refused_and_not_reachable = ("127.0.0.1", closed_port()), ("255.255.255.255", 80)
    async with GuardedTransport(Several(*refused_and_not_reachable)) as transport:
        with pytest.raises(Refusal, match="connection: none of its addresses can be reached"):
            await size_of(transport, "http://host.test/")


async def test_a_host_that_takes_no_connection_is_a_timeout_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.images.transport.CONNECT_TIMEOUT", 0.1)
    with black_hole() as hole:
        async with GuardedTransport(Several(hole)) as transport:
            with pytest.raises(Refusal, match=r"timeout: no connection in 0\.1 s"):
                await size_of(transport, "http://host.test/")


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def test_whoever_gives_up_connecting_leaves_no_socket_behind() -> None:
    async with Loopback({"*": reply(b"body")}).running() as host:
        with black_hole() as hole:
            before = open_files()
            for guard in (Several(hole), Several(hole, ("127.0.0.1", host.port)), Several(("127.0.0.1", host.port))):
                async with GuardedTransport(guard) as transport:
                    for steps in range(20):
                        given_up = asyncio.create_task(size_of(transport, "https://host.test/"))
                        for _ in range(steps):
                            await asyncio.sleep(0)
                        given_up.cancel()
                        await asyncio.wait([given_up])
            for _ in range(1000):  # until the host has noticed
                if open_files() > before:
                    await asyncio.sleep(0.01)
            assert open_files() == before


@pytest.mark.parametrize(
    ("url", "name", "asked"),
    [
        ("https://host.test/", "host.test", "host.test"),
        ("https://HOST.test.:443/", "host.test", "host.test"),
        ("https://host.test:8443/", "host.test", "host.test:8443"),
        ("https://M\u00dcNCHEN.test/", "xn--mnchen-3ya.test", "xn--mnchen-3ya.test"),
        ("https://127.0.0.1/", None, "127.0.0.1"),
        ("https://127.0.0.1:8443/", None, "127.0.0.1:8443"),
        ("https://[0:0::1]/", None, "[::1]"),
        ("https://[::1]:8443/", None, "[::1]:8443"),
    ],
)
async def test_a_host_is_greeted_and_asked_by_its_name_and_shows_a_certificate_for_it(
    url: str, name: str | None, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted: list[str | None] = []
    heads: list[bytes] = []
    certificate = self_signed(name or asked.removesuffix(":8443").strip("[]"), tmp_path / "host.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: greeted.append(name)
    monkeypatch.setattr("tui.images.transport.tls_context", lambda: ssl.create_default_context(cafile=certificate))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply(b"body"))
        await writer.drain()
        writer.close()

    at = "::1" if "[" in url else "127.0.0.1"
    async with (
        await asyncio.start_server(serve, at, 0, ssl=context) as server,
        GuardedTransport(Several(server.sockets[0].getsockname()[:2])) as transport,
    ):
        assert await size_of(transport, normalise(url) or url) == 4
    assert greeted == [name]
    assert f"Host: {asked}\r\n".encode() in heads[0]
