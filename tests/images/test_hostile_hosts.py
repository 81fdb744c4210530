"""Hosts that break rules or mean harm, as real servers: each ends in its reason, soon, and in nothing but a Refusal."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import product

import pytest

from tests.images.loopback import RESET, Answer, Loopback, reply
from tests.images.photos import photos
from tui.images.fetch import Fetcher, Limits
from tui.images.files.inspect import inspect
from tui.images.transport import GuardedTransport
from tui.model import Reason, Refusal

LIMITS = Limits(deadline=0.5, max_bytes=1_000_000)
OK = b"HTTP/1.1 200 OK\r\n"
PHOTO = photos()["plain.jpg"]
FOREVER = 1_000_000_000


async def refusals(answers: Mapping[str, Answer], limits: Limits = LIMITS) -> dict[str, Refusal | None]:
    """How each ends that is asked for by its name, all at once; None where it was an image."""
    paths: dict[str, Answer | list[Answer]] = {f"/{number}": answer for number, answer in enumerate(answers.values())}
    async with Loopback(paths).running() as host, GuardedTransport(host.guard()) as transport:
        fetcher = Fetcher(transport, limits)
        async with asyncio.timeout(20):
            found = await asyncio.gather(*(refusal(fetcher, path) for path in paths))
    assert all(str(error).isprintable() and len(str(error)) < 200 for error in found)
    return dict(zip(answers, found, strict=True))


async def refusal(fetcher: Fetcher, path: str) -> Refusal | None:
    try:
        body = await fetcher.fetch(f"http://host.test{path}")
        with body.content as content:
            inspect(content)
    except Refusal as error:
        return error
    return None


def pieces(*texts: bytes, times: int = 1, pause: float = 0) -> Answer:
    """These pieces, the last of them so many times; then the connection is closed."""

    async def answer() -> AsyncIterator[bytes]:
        for text in texts[:-1]:
            yield text
        for _ in range(times):
            yield texts[-1]
            await asyncio.sleep(pause)

    return answer


def holding(*texts: bytes) -> Answer:
    """These pieces, and then nothing more."""

    async def answer() -> AsyncIterator[bytes]:
        for text in texts:
            yield text
        await asyncio.Event().wait()

    return answer


def apart(*texts: bytes) -> Answer:
    """The pieces of a chunked body, each in a packet of its own, and then nothing more."""

    async def answer() -> AsyncIterator[bytes]:
        yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
        for text in texts:
            await asyncio.sleep(0.02)  # what is written at once arrives at once
            yield text
        await asyncio.Event().wait()

    return answer


def chunked(body: bytes) -> Answer:
    return pieces(OK + b"Transfer-Encoding: chunked\r\n\r\n", body)


BOMB = gzip.compress(bytes(10_000_000))
SLOW: dict[str, Answer] = {
    "silence": holding(b""),
    "silence in the status line": holding(b"HTTP/1.1 2"),
    "silence in a header": holding(OK + b"Content-Len"),
    "silence before the body": holding(OK + b"Content-Length: 10\r\n\r\n"),
    "silence in the body": holding(OK + b"Content-Length: 10\r\n\r\nhalf"),
    "silence in a chunk": holding(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nha"),
    "silence after the last chunk": holding(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n"),
    "silence in a redirect's body": holding(b"HTTP/1.1 302 Found\r\nLocation: /0\r\nContent-Length: 9\r\n\r\n"),
    "silence in a refusal's body": holding(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n"),
    "a header that drips": pieces(OK + b"X: ", b"x", times=FOREVER, pause=0.01),
    "a body that drips": pieces(OK + b"Content-Length: 100000\r\n\r\n", b"x", times=FOREVER, pause=0.01),
    "chunks that drip": pieces(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", times=FOREVER, pause=0.01),
    "a body without a length that drips": pieces(OK + b"\r\n", b"x", times=FOREVER, pause=0.01),
    "Continue for ever": pieces(b"HTTP/1.1 100 Continue\r\n\r\n", times=FOREVER, pause=0.01),
}
ENDLESS: dict[str, Answer] = {
    "a body": pieces(OK + b"\r\n", bytes(100_000), times=FOREVER),
    "chunks": pieces(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(0x10000) + b"\r\n", times=FOREVER
    ),
    "one chunk": pieces(OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", bytes(100_000), times=FOREVER),
    "a length that is announced": holding(OK + b"Content-Length: 99999999999\r\n\r\n"),
    "a header": pieces(OK + b"X: ", b"x" * 10_000, times=FOREVER),
    "a header's name": pieces(OK, b"x" * 10_000, times=FOREVER),
    "a status line": pieces(b"HTTP/1.1 200 ", b"x" * 10_000, times=FOREVER),
    "headers": pieces(OK, b"X: y\r\n" * 100, times=FOREVER),
    "trailers": pieces(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 100, times=FOREVER),
    "a header of 9 KB": reply(PHOTO, X="y" * 9000),
    "200 headers": OK + b"X: y\r\n" * 200 + b"Content-Length: 4\r\n\r\nbody",
}
BROKEN: dict[str, Answer] = {
    "hanging up at once": pieces(b""),
    "hanging up in the status line": pieces(b"HTTP/1.1 20"),
    "hanging up in a header": pieces(OK + b"Content-Le"),
    "hanging up before the end of the head": pieces(OK + b"Content-Length: 4\r\n"),
    "hanging up before the body": pieces(OK + b"Content-Length: 4\r\n\r\n"),
    "hanging up in the body": pieces(OK + b"Content-Length: 40\r\n\r\nhalf"),
    "hanging up in a chunk": chunked(b"5\r\nha"),
    "hanging up between chunks": chunked(b"5\r\nwhole\r\n"),
    "a reset at once": pieces(b"", RESET),
    "a reset in the head": pieces(OK + b"Content-Le", RESET),
    "a reset in the body": pieces(OK + b"Content-Length: 40\r\n\r\nhalf", RESET),
    "a reset in a chunk": pieces(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nha", RESET),
    "HTTP/0.9": pieces(PHOTO),
    "no HTTP": pieces(b"\x00\x01 no HTTP at all \x1b[31m\r\n\r\n"),
    "HTTP/2": pieces(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)),
    "TLS": pieces(b"\x15\x03\x01\x00\x02\x02\x46"),
    "SSH": pieces(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "an empty line first": pieces(b"\r\n\r\n\r\n"),
    "no status": pieces(b"HTTP/1.1\r\n\r\n"),
    "a status of zeros": holding(b"HTTP/1.1 000 OK\r\nContent-Length: 4\r\n\r\nbody"),
    "a status of letters": pieces(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a negative status": pieces(b"HTTP/1.1 -20 OK\r\n\r\n"),
    "a header without a colon": pieces(OK + b"Nonsense\r\nContent-Length: 4\r\n\r\nbody"),
    "a NUL in a header": pieces(OK + b"X: a\x00b\r\nContent-Length: 4\r\n\r\nbody"),
    "a length of letters": pieces(OK + b"Content-Length: four\r\n\r\nbody"),
    "a negative length": pieces(OK + b"Content-Length: -4\r\n\r\nbody"),
    "a length with a sign": pieces(OK + b"Content-Length: +4\r\n\r\nbody"),
    "a length beyond all bounds": pieces(OK + b"Content-Length: " + b"9" * 40 + b"\r\n\r\nbody"),
    "two lengths": pieces(OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody!"),
    "a chunk's size of letters": chunked(b"five\r\nwhole\r\n0\r\n\r\n"),
    "a negative chunk": chunked(b"-5\r\nwhole\r\n0\r\n\r\n"),
    "a chunk beyond all bounds": chunked(b"f" * 40 + b"\r\nwhole\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": chunked(b"3\r\nwhole\r\n0\r\n\r\n"),
    "a chunk's size of letters, later": apart(b"ZZ!"),
    "a second chunk's size of letters, later": apart(b"5\r\nwhole\r\n", b"ZZ!\r\nxx"),
    "a negative chunk, later": apart(b"5\r\nwhole\r\n", b"-5\r\nwhole\r\n"),
    "a chunk without an end, later": apart(b"5\r\nwhole", b"XX"),
    "a chunk without an end": chunked(b"5\r\nwhole0\r\n\r\n"),
}
OTHERS: dict[str, tuple[Answer, Reason | None]] = {
    "gzip": (reply(gzip.compress(PHOTO), Content_Encoding="gzip"), Reason.UNSUPPORTED_FORMAT),
    "a gzip bomb": (reply(BOMB, Content_Encoding="gzip"), Reason.UNSUPPORTED_FORMAT),
    "a gzip bomb in two layers": (reply(BOMB, Content_Encoding="identity, gzip"), Reason.UNSUPPORTED_FORMAT),
    "a gzip bomb unannounced": (reply(BOMB), Reason.NOT_AN_IMAGE),
    "deflate": (reply(zlib.compress(PHOTO), Content_Encoding="Deflate"), Reason.UNSUPPORTED_FORMAT),
    "an image as HTML": (reply(PHOTO, Content_Type="text/html"), None),
    "HTML as an image": (reply(b"<!doctype html><p>gone", Content_Type="image/jpeg"), Reason.NOT_AN_IMAGE),
    "a length that is too short": (reply(PHOTO[:-20]), Reason.TRUNCATED),
    "a body to the end of the connection": (pieces(OK + b"\r\n" + PHOTO), None),
    "half a body to the end of the connection": (pieces(OK + b"\r\n" + PHOTO[: len(PHOTO) // 2]), Reason.TRUNCATED),
    "HTTP/1.0": (pieces(b"HTTP/1.0 200 OK\r\n\r\n" + PHOTO), None),
    "bare line feeds": (pieces(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(PHOTO) + PHOTO), None),
    "Continue before": (b"HTTP/1.1 100 Continue\r\n\r\n" + reply(PHOTO), None),
    "hints before": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply(PHOTO), None),
    "another protocol": (pieces(b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), Reason.REJECTED),
    "nothing": (reply(b""), Reason.EMPTY_BODY),
    "nothing without a length": (pieces(OK + b"\r\n"), Reason.EMPTY_BODY),
    "nothing in chunks": (chunked(b"0\r\n\r\n"), Reason.EMPTY_BODY),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", Reason.EMPTY_BODY),
    "205": (reply(b"", 205), Reason.EMPTY_BODY),
    "206 with a part": (reply(PHOTO[:500], 206, Content_Range=f"bytes 0-499/{len(PHOTO)}"), Reason.TRUNCATED),
    "206 with all of it": (reply(PHOTO, 206), None),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", Reason.REJECTED),
    "a redirect to itself": (reply(status=302, Location="#"), Reason.REDIRECT_LOOP),
    "a redirect to no place": (reply(status=302, Location=""), Reason.REDIRECT_LOOP),
    "cookies": (reply(PHOTO, Set_Cookie="a=" + "b" * 5000), None),
    "an opt-out": (reply(PHOTO, X_Robots_Tag="noimageindex"), Reason.OPTED_OUT),
}


def reasons(found: Mapping[str, Refusal | None]) -> dict[str, Reason | None]:
    return {name: error.reason if error else None for name, error in found.items()}


STATUSES: dict[int, Reason] = {
    **dict.fromkeys(
        (300, 304, 305, 306, 400, 402, 405, 406, 407, 409, 411, 413, 414, 415, 416, 418, 421), Reason.REJECTED
    ),
    **dict.fromkeys((422, 423, 424, 426, 428, 431, 451, 499, 600, 999), Reason.REJECTED),
    **dict.fromkeys(
        (500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 523, 524, 525, 526), Reason.SERVER_ERROR
    ),
    **dict.fromkeys((401, 403), Reason.FORBIDDEN),
    **dict.fromkeys((425, 429), Reason.RATE_LIMITED),
    404: Reason.NOT_FOUND,
    408: Reason.TIMEOUT,
    410: Reason.GONE,
}
HEADS = {
    "no more": {},
    "a lie": {"Content_Type": "image/jpeg", "Content_Encoding": "gzip", "X_Robots_Tag": "noai"},
    "a wait": {"Retry_After": "7", "Set_Cookie": "a=b", "Connection": "close"},
}
CONTENTS: dict[str, tuple[bytes, Reason]] = {
    "a page": (b"<!doctype html><p>not found", Reason.NOT_AN_IMAGE),
    "JSON": (b'{"error": "not found"}', Reason.NOT_AN_IMAGE),
    "XML": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", Reason.NOT_AN_IMAGE),
    "spaces": (b"  \r\n ", Reason.EMPTY_BODY),
    "zeros": (bytes(5000), Reason.NOT_AN_IMAGE),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", Reason.UNSUPPORTED_FORMAT),
    "half a JPEG": (PHOTO[: len(PHOTO) // 2], Reason.TRUNCATED),
    "a JPEG's head": (PHOTO[:3], Reason.TRUNCATED),
    "half a PNG": (photos()["plain.png"][:-40], Reason.TRUNCATED),
    "half a WebP": (photos()["lossy.webp"][:-40], Reason.TRUNCATED),
    "half a GIF": (photos()["plain.gif"][:-40], Reason.TRUNCATED),
    "a BMP": (b"BM" + bytes(60), Reason.UNSUPPORTED_FORMAT),
    "a TIFF": (b"II*\0" + bytes(60), Reason.UNSUPPORTED_FORMAT),
    "a video": (b"\0\0\0\x18ftypmp42" + bytes(60), Reason.NOT_AN_IMAGE),
    "a PDF": (b"%PDF-1.7\n", Reason.NOT_AN_IMAGE),
    "a program": (b"\x7fELF" + bytes(60), Reason.NOT_AN_IMAGE),
}


def framed(body: bytes) -> Iterator[tuple[str, Answer]]:
    """An answer with these bytes, its end told in each way there is."""
    head = OK + b"Content-Type: image/jpeg\r\n"
    yield "its length", head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    yield "chunks", head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    yield "its end", pieces(head + b"Connection: close\r\n\r\n", body)


def table() -> Iterator[tuple[str, Answer, Reason]]:
    for (status, reason), (name, head), body in product(STATUSES.items(), HEADS.items(), (b"", PHOTO)):
        if status == 304 and body:
            continue  # has none (RFC 9112, section 6.3), so that whatever follows is another answer
        yield f"{status} with {name} and {len(body)} bytes", reply(body, status, **head), reason
    for name, (body, reason) in CONTENTS.items():
        for how, answer in framed(body):
            yield f"{name} by {how}", answer, reason


async def test_each_of_hundreds_of_refusals_has_its_reason() -> None:
    wanted = list(table())
    assert len(wanted) > 200
    found = await refusals({name: answer for name, answer, _ in wanted}, Limits(deadline=10))
    assert reasons(found) == {name: reason for name, _, reason in wanted}
    waits = {name: error.retry_after for name, error in found.items() if error and "with" in name}
    assert waits == {name: 7 if "a wait" in name else None for name in waits}


PLACES: dict[str, Reason] = {
    **dict.fromkeys(("http://127.0.0.1/", "http://2130706433/", "//0x7f.1/", "http://[::1]/"), Reason.BLOCKED_ADDRESS),
    **dict.fromkeys(("http://169.254.169.254/latest/meta-data/", "http://[fd00::1]/"), Reason.BLOCKED_ADDRESS),
    **dict.fromkeys(("https://10.0.0.1:8443/", "http://192.168.1.1/", "//100.64.0.1/x"), Reason.BLOCKED_ADDRESS),
    **dict.fromkeys(("http://1.1.1.1:22/", "http://host.invalid:6379/"), Reason.BLOCKED_ADDRESS),
    **dict.fromkeys(("file:///etc/passwd", "ftp://host.test/", "gopher://host.test/", "data:,x"), Reason.BAD_URL),
    **dict.fromkeys(("javascript:alert(1)", "http://me:hush@host.test/", "//me@host.test/"), Reason.BAD_URL),
    **dict.fromkeys(("http://", "http:///x", "http://[", "http://host.test:99999/", "http://a b/"), Reason.BAD_URL),
    **dict.fromkeys(("https:// /", "http://" + "a" * 300 + "/", "http://a..b/"), Reason.BAD_URL),
}


async def test_a_redirect_to_where_nobody_may_go_is_not_followed() -> None:
    found = await refusals({place: reply(status=302, Location=place) for place in PLACES}, Limits(deadline=10))
    assert reasons(found) == PLACES
    assert "hush" not in "".join(map(str, found.values()))


async def test_a_host_that_is_silent_to_a_tls_greeting_ends_at_the_deadline() -> None:
    async with Loopback({}).running() as host, GuardedTransport(host.guard()) as transport:
        with pytest.raises(Refusal) as caught:
            await Fetcher(transport, LIMITS).fetch("https://host.test/")  # Loopback waits for the end of its head
        assert caught.value.reason is Reason.TIMEOUT
        assert host.connections == 1


async def test_a_host_that_takes_its_time_ends_at_the_deadline() -> None:
    found = await refusals(SLOW)
    assert reasons(found) == dict.fromkeys(SLOW, Reason.TIMEOUT)


async def test_what_has_no_end_is_too_large_at_its_bound() -> None:
    found = await refusals(ENDLESS, Limits(deadline=10, max_bytes=1_000_000))
    assert reasons(found) == dict.fromkeys(ENDLESS, Reason.TOO_LARGE)


async def test_what_is_no_answer_is_a_connection_that_failed() -> None:
    found = await refusals(BROKEN, Limits(deadline=10))
    assert reasons(found) == dict.fromkeys(BROKEN, Reason.CONNECTION)


async def test_what_else_hosts_answer_is_judged_for_what_it_is() -> None:
    found = await refusals({name: answer for name, (answer, _) in OTHERS.items()}, Limits(deadline=10))
    assert reasons(found) == {name: reason for name, (_, reason) in OTHERS.items()}
