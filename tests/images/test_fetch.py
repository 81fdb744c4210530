from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.images.loopback import RESET, Answer, Loopback, reply
from tui import __version__
from tui.images.bodies import IN_MEMORY
from tui.images.fetch import Body, Fetcher, Limits, headers, tidy
from tui.images.transport import GuardedTransport
from tui.model import Reason, Refusal

NOW = 1_700_000_000.0


@asynccontextmanager
async def fetcher_of(host: Loopback, limits: Limits | None = None) -> AsyncIterator[Fetcher]:
    guard = host.guard("host.test", "other.test")
    async with GuardedTransport(guard) as transport:
        yield Fetcher(transport, limits, now=lambda: NOW)


async def fetched(answer: Answer, limits: Limits | None = None) -> Body:
    async with Loopback({"*": answer}).running() as host, fetcher_of(host, limits) as fetcher:
        return await fetcher.fetch("http://host.test/a.jpg?token=secret")


async def refused(answer: Answer, limits: Limits | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await fetched(answer, limits)
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("size", [1, 1000, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY])
async def test_a_body_comes_with_its_size_at_its_start(size: int) -> None:
    data = os.urandom(size)
    body = await fetched(reply(data))
    with body.content as content:
        assert content.read() == data
    assert body.size == size


async def test_a_chunked_body_is_put_together() -> None:
    body = await fetched(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    with body.content as content:
        assert content.read() == b"abcde"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (204, Reason.EMPTY_BODY),
        (304, Reason.REJECTED),
        (400, Reason.REJECTED),
        (401, Reason.FORBIDDEN),
        (403, Reason.FORBIDDEN),
        (404, Reason.NOT_FOUND),
        (406, Reason.REJECTED),
        (408, Reason.TIMEOUT),
        (410, Reason.GONE),
        (425, Reason.RATE_LIMITED),
        (429, Reason.RATE_LIMITED),
        (451, Reason.REJECTED),
        (500, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
        (522, Reason.SERVER_ERROR),
        (599, Reason.SERVER_ERROR),
    ],
)
async def test_a_status_has_one_reason(status: int, reason: Reason) -> None:
    refusal = await refused(reply(b"" if status in (204, 304) else b"sorry", status))
    assert (refusal.reason, refusal.detail) == (reason, f"HTTP {status}")


async def test_an_empty_body_is_refused() -> None:
    assert (await refused(reply(b""))).reason is Reason.EMPTY_BODY


async def test_retry_after_travels_with_the_refusal() -> None:
    assert (await refused(reply(status=429, Retry_After="7"))).retry_after == 7
    assert (await refused(reply(status=503, Retry_After="Tue, 14 Nov 2023 22:14:20 GMT"))).retry_after == 60
    assert (await refused(reply(status=503))).retry_after is None


async def endless() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + bytes(0x10000) + b"\r\n"


async def dripping() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    while True:
        yield b"x"
        await asyncio.sleep(0.01)


async def silent() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def announcing() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n"
    await asyncio.Event().wait()


async def short() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"


async def cut() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha"


async def hanging_up() -> AsyncIterator[bytes]:
    yield b""


async def babbling() -> AsyncIterator[bytes]:
    yield b"\x00\x01 no HTTP at all \x1b[31m\r\n\r\n"


@pytest.mark.parametrize("answer", [dripping, silent])
async def test_one_deadline_ends_the_whole_exchange(answer: Answer) -> None:
    assert (await refused(answer, Limits(deadline=0.3))).reason is Reason.TIMEOUT


async def test_the_deadline_counts_over_redirects() -> None:
    def hop(number: int) -> Answer:
        async def slow() -> AsyncIterator[bytes]:
            await asyncio.sleep(0.1)
            yield reply(status=302, Location=f"/{number + 1}")

        return slow

    answers: dict[str, Answer | list[Answer]] = {f"/{number}": hop(number) for number in range(99)}
    async with Loopback(answers).running() as host, fetcher_of(host, Limits(0.35, max_redirects=99)) as fetcher:
        with pytest.raises(Refusal) as caught:
            await fetcher.fetch("http://host.test/0")
    assert caught.value.reason is Reason.TIMEOUT
    assert len(host.requests) > 1


@pytest.mark.parametrize("answer", [endless, announcing])
async def test_a_body_over_the_cap_is_refused_before_it_is_here(answer: Answer) -> None:
    refusal = await refused(answer, Limits(max_bytes=1_000_000))
    assert (refusal.reason, refusal.detail) == (Reason.TOO_LARGE, "more than 1,000,000 bytes")


async def test_a_body_of_exactly_the_cap_is_fine() -> None:
    body = await fetched(reply(bytes(1000)), Limits(max_bytes=1000))
    body.content.close()
    assert (await refused(reply(bytes(1001)), Limits(max_bytes=1000))).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("answer", [short, cut, hanging_up, babbling])
async def test_a_broken_answer_may_be_asked_for_again(answer: Answer) -> None:
    refusal = await refused(answer)
    assert refusal.reason is Reason.CONNECTION
    assert refusal.detail
    assert refusal.detail.isprintable()


@pytest.mark.parametrize("encoding", ["gzip", "br", "x\tunheard-of"])
async def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    assert (await refused(reply(b"...", Content_Encoding=encoding))).reason is Reason.UNSUPPORTED_FORMAT


async def test_an_image_that_its_host_keeps_from_being_collected_is_left_there() -> None:
    marked = b"HTTP/1.1 200 OK\r\nX-Robots-Tag: noindex\r\nx-robots-tag: all, NoAI\r\nContent-Length: 4\r\n\r\nbody"
    refusal = await refused(marked)
    assert (refusal.reason, refusal.detail) == (Reason.OPTED_OUT, "X-Robots-Tag: noai")
    assert not refusal.reason.retry_may_help
    async with Loopback({"*": marked}).running() as host, GuardedTransport(host.guard()) as transport:
        body = await Fetcher(transport, respect_opt_out=False).fetch("http://host.test/")
        body.content.close()
    assert body.size == 4


async def test_the_request_is_honest_and_the_address_goes_out_byte_for_byte() -> None:
    target = "/a/%2Fx%2f../b//c.jpg?Signature=a~b|e%&q=%e4&{x}=[y]"
    async with Loopback({"*": reply(b"body")}).running() as host, fetcher_of(host) as fetcher:
        (await fetcher.fetch(f"http://host.test{target}")).content.close()
    [request] = host.requests
    assert request.target == target
    assert request.headers["user-agent"] == f"backfill-tui/{__version__}"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["accept"].startswith("image/jpeg")
    assert not {"authorization", "cookie", "referer"} & set(request.headers)


def test_the_contact_is_named_and_cannot_break_the_header() -> None:
    assert headers("ops@a.com\r\nX: 1 ü")["User-Agent"] == f"backfill-tui/{__version__} (+ops@a.comX: 1 )"


async def test_redirects_are_followed_across_hosts() -> None:
    signed = "http://other.test/%2fx/../d.jpg?s=%7E~"
    answers = {
        "/a": reply(b"moved", 301, Location="b?x=1"),
        "/b?x=1": reply(status=307, Location="/c#part"),
        "/c": reply(status=302, Location=signed),
        "/%2fx/../d.jpg?s=%7E~": reply(b"body"),
    }
    async with Loopback(answers).running() as host, fetcher_of(host) as fetcher:
        body = await fetcher.fetch("http://host.test/a")
        body.content.close()
    assert body.size == 4
    assert [request.headers["host"] for request in host.requests] == ["host.test"] * 3 + ["other.test"]
    assert host.connections == 2


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"/caf\xe9.jpg", "/caf%E9.jpg"),
        (b"/caf\xc3\xa9.jpg", "/caf%C3%A9.jpg"),
        (b"/caf\xc3\xa9.jpg\r\nX-Note: caf\xe9", "/caf%C3%A9.jpg"),
        (b"/a b\tc.jpg", "/a%20bc.jpg"),
        (b"/%e9/%C3.jpg?x=%zz", "/%e9/%C3.jpg?x=%zz"),
        (b"http://host.test\xff/", None),
        (b"/b.jpg\r\nLocation: /c.jpg", "/b.jpg"),
    ],
)
async def test_a_redirect_leads_to_the_bytes_that_it_says(location: bytes, target: str | None) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    async with Loopback({"/": moved, "*": reply(b"body")}).running() as host, fetcher_of(host) as fetcher:
        with nullcontext() if target else pytest.raises(Refusal):
            (await fetcher.fetch("http://host.test/")).content.close()
        assert [request.target for request in host.requests] == ["/", target][: 2 if target else 1]


async def test_headers_of_a_host_are_sent_to_it_alone_and_follow_no_redirect() -> None:
    more = {"host.test": {"Referer": "https://www.example.com/", "Accept": "image/webp"}}
    async with (
        Loopback({"/a": reply(status=302, Location="http://other.test/b"), "*": reply(b"x")}).running() as host,
        GuardedTransport(host.guard("host.test", "other.test")) as transport,
    ):
        body = await Fetcher(transport, host_headers=more).fetch("http://host.test/a")
        body.content.close()
    first, second = host.requests
    assert (first.headers["referer"], first.headers["accept"]) == ("https://www.example.com/", "image/webp")
    assert first.headers["user-agent"] == second.headers["user-agent"]
    assert "referer" not in second.headers
    assert second.headers["accept"] == headers("")["Accept"]


async def test_headers_of_a_host_go_to_no_other_port_of_it() -> None:
    more = {"host.test": {"Referer": "https://www.example.com/"}}
    answers = {"/a": reply(status=302, Location="http://host.test:8080/b"), "*": reply(b"x")}
    async with Loopback(answers).running() as host, GuardedTransport(host.guard()) as transport:
        body = await Fetcher(transport, host_headers=more).fetch("http://host.test/a")
        body.content.close()
    assert ["referer" in request.headers for request in host.requests] == [True, False]


async def test_a_redirect_loop_ends_when_it_closes_and_a_long_chain_at_its_limit() -> None:
    loop: dict[str, Answer | list[Answer]] = {
        "/a": reply(status=302, Location="/b"),
        "/b": reply(status=302, Location="/a"),
    }
    loop |= {f"/{n}": reply(status=302, Location=f"/{n + 1}") for n in range(9)}
    async with Loopback(loop).running() as host, fetcher_of(host, Limits(max_redirects=3)) as fetcher:
        for path, requests in (("a", 2), ("0", 4)):
            host.requests.clear()
            with pytest.raises(Refusal) as caught:
                await fetcher.fetch(f"http://host.test/{path}")
            assert caught.value.reason is Reason.REDIRECT_LOOP
            assert len(host.requests) == requests


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://", "http://u:p@host.test/", "https://[", "data:,x"])
async def test_a_redirect_to_no_web_address_is_refused(location: str) -> None:
    assert (await refused(reply(status=302, Location=location))).reason is Reason.BAD_URL


async def test_a_redirect_to_nowhere_is_rejected() -> None:
    assert (await refused(reply(status=302))).reason is Reason.REJECTED


async def test_a_short_refusal_leaves_its_connection_usable() -> None:
    async with Loopback({"*": reply(b"x" * 5000, 404)}).running() as host, fetcher_of(host) as fetcher:
        for _ in range(3):
            with pytest.raises(Refusal):
                await fetcher.fetch("http://host.test/")
        assert host.connections == 1


@pytest.mark.parametrize("ending", [b"", RESET])
async def test_an_answer_stands_though_the_page_to_it_breaks_off(ending: bytes) -> None:
    def broken(head: bytes) -> Answer:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"HTTP/1.1 " + head + b"\r\nContent-Length: 9\r\n\r\nhalf"
            for _ in range(9):  # until the head has been read
                await asyncio.sleep(0)
            yield ending

        return pieces

    assert (await refused(broken(b"404 Not Found"))).reason is Reason.NOT_FOUND
    moved = broken(b"302 Found\r\nLocation: /b")
    async with Loopback({"/a": moved, "*": reply(b"body")}).running() as host, fetcher_of(host) as fetcher:
        (await fetcher.fetch("http://host.test/a")).content.close()


async def test_a_url_that_no_server_would_take_is_a_bad_url() -> None:
    async with Loopback({}).running() as host, fetcher_of(host) as fetcher:
        with pytest.raises(Refusal) as caught:
            await fetcher.fetch("http://host.test/" + "a" * 100_000)
    assert caught.value.reason is Reason.BAD_URL
    assert len(str(caught.value)) < 200


@given(st.text())
def test_details_are_one_short_printable_line(text: str) -> None:
    line = tidy(text)
    assert len(line) <= 120
    assert not any(ord(letter) < 32 for letter in line)


async def test_a_cancelled_fetch_closes_its_connection() -> None:
    async with Loopback({"*": endless}).running() as host, fetcher_of(host, Limits(max_bytes=10**12)) as fetcher:
        task = asyncio.create_task(fetcher.fetch("http://host.test/"))
        await host.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await host.until_open(0)
