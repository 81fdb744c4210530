from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.images.loopback import RESET, Answer, Loopback, reply
from tui.images.fetch import Fetcher, headers
from tui.images.transport import GuardedTransport
from tui.images.urls import normalise
from tui.images.wire import Answer as Arriving
from tui.model import Reason, Refusal

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
