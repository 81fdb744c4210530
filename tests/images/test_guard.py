from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.images.loopback import Loopback, closed_port, reply
from tests.support.certificates import self_signed
from tui.images.fetch import Fetcher, Limits
from tui.images.guard import Guard, is_public
from tui.images.transport import IDLE_CONNECTIONS, GuardedTransport
from tui.images.urls import normalise
from tui.model import Reason, Refusal

LOOPBACK = ip_network("127.0.0.0/8")


async def size_of(transport: GuardedTransport, url: str) -> int:
    body = await Fetcher(transport).fetch(url)
    body.content.close()
    return body.size


def normalised(url: str) -> str:
    url_as_asked = normalise(url)
    assert url_as_asked is not None
    return url_as_asked


async def refusal_of(guard: Guard, url: str) -> Refusal:
    async with GuardedTransport(guard) as transport:
        with pytest.raises(Refusal) as caught:
            await Fetcher(transport, Limits(deadline=10)).fetch(url)
    return caught.value


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:168.63.129.16",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_global_unicast_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.128.0.1",
        "168.63.129.15",
        "168.63.129.17",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_global_unicast_is_public(address: str) -> None:
    assert is_public(address)


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "0.0.0.0",  # noqa: S104
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "localhost",
    "LOCALHOST.",
]
FAR = [
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "10.0.0.1",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
    "255.255.255.255",
]


@pytest.mark.parametrize("host", [*SPELLINGS, *FAR])
async def test_no_spelling_of_an_address_inside_gets_a_connection(host: str) -> None:
    async with Loopback({"*": reply(b"secret")}).running() as canary:
        refusal = await refusal_of(Guard(ports={canary.port}), normalised(f"http://{host}:{canary.port}/"))
        assert refusal.reason is Reason.BLOCKED_ADDRESS
        assert canary.connections == 0


@pytest.mark.parametrize("host", [*SPELLINGS[:10], "localhost", "169.254.169.254"])
async def test_a_redirect_to_an_address_inside_gets_no_connection(host: str) -> None:
    async with Loopback({"*": reply(b"secret")}).running() as canary:
        away = reply(status=302, Location=f"http://{host}:{canary.port}/")
        async with Loopback({"*": away}).running() as outside:
            guard = Guard({"host.test": ("127.0.0.1", outside.port)}, ports={80, canary.port})
            refusal = await refusal_of(guard, "http://host.test/")
        assert refusal.reason is Reason.BLOCKED_ADDRESS
        assert canary.connections == 0


async def test_where_an_exempt_host_is_nothing_else_is_reached_by_its_address() -> None:
    async with Loopback({"*": reply(b"secret")}).running() as canary:
        guard = canary.guard("host.test")
        assert (await refusal_of(guard, f"http://127.0.0.1:{canary.port}/")).reason is Reason.BLOCKED_ADDRESS
        assert canary.connections == 0


async def test_a_name_that_is_public_at_first_and_inside_later_gets_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Loopback({"*": reply(b"secret")}).running() as canary:
        answers = ["8.8.8.8", "127.0.0.1"]

        def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), canary.port))]

        guard = Guard(ports={canary.port})
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        assert await guard.addresses("rebinding.test", canary.port) == [("8.8.8.8", canary.port)]
        refusal = await refusal_of(guard, f"http://rebinding.test:{canary.port}/")
        assert (refusal.reason, refusal.detail) == (Reason.BLOCKED_ADDRESS, "rebinding.test is 127.0.0.1")
        assert canary.connections == 0


async def test_one_address_inside_among_others_is_enough_to_refuse_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert (await refusal_of(Guard(), "http://both.test/")).reason is Reason.BLOCKED_ADDRESS


async def test_what_the_resolver_let_through_is_asked_again_where_the_socket_is_made() -> None:
    class Careless(Guard):
        async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
            return [("127.0.0.1", port), ("127.0.0.2", port)]

    async with Loopback({"*": reply(b"secret")}).running() as canary:
        refusal = await refusal_of(Careless(ports={canary.port}), f"http://host.test:{canary.port}/")
        assert refusal.reason is Reason.BLOCKED_ADDRESS
        assert canary.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "host.test"])
async def test_an_allowed_network_is_reached_on_any_port(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Loopback({"*": reply(b"body")}).running() as inside:

        def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", inside.port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        async with GuardedTransport(Guard(allow=[LOOPBACK])) as transport:
            assert await size_of(transport, f"http://{host}:{inside.port}/") == 4


@pytest.mark.parametrize("host", ["2130706433", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "8.8.8.8"])
async def test_an_allowed_network_allows_nothing_else(host: str) -> None:
    refusal = await refusal_of(Guard(allow=[LOOPBACK]), f"http://{host}:8000/")
    assert refusal.reason is Reason.BLOCKED_ADDRESS


@pytest.mark.parametrize("url", ["http://me:hush@host.test/", "http://me@host.test/", "http://127.0.0.1@host.test/"])
async def test_an_address_with_credentials_is_not_asked(url: str) -> None:
    assert normalise(url) is None
    async with Loopback({"/": reply(status=302, Location=url)}).running() as host:
        assert (await refusal_of(host.guard(), "http://host.test/")).reason is Reason.BAD_URL
        assert len(host.requests) == 1


@pytest.mark.parametrize("port", [22, 25, 3306, 6379, 8000])
async def test_ports_where_no_web_server_listens_are_blocked(port: int) -> None:
    refusal = await refusal_of(Guard(), f"http://1.1.1.1:{port}/")
    assert (refusal.reason, refusal.detail) == (Reason.BLOCKED_ADDRESS, f"port {port}")


async def test_a_public_literal_may_be_dialled_as_it_is() -> None:
    assert await Guard().addresses("1.1.1.1", 443) == [("1.1.1.1", 443)]


async def test_a_name_that_cannot_be_resolved_is_a_dns_refusal() -> None:
    with pytest.raises(Refusal) as caught:
        await Guard().addresses("a" * 64 + ".com", 443)
    assert caught.value.reason is Reason.DNS
    assert caught.value.reason.retry_may_help


async def test_an_exempt_host_is_where_it_is_said_to_be_and_keeps_its_name() -> None:
    async with Loopback({"*": reply(b"body")}).running() as host:
        async with GuardedTransport(host.guard("cdn.test")) as transport:
            assert await size_of(transport, "http://cdn.test:9999/a.jpg") == 4
        assert host.requests[0].headers["host"] == "cdn.test:9999"


async def test_nobody_listening_is_a_connection_refusal() -> None:
    refusal = await refusal_of(Guard({"host.test": ("127.0.0.1", closed_port())}), "http://host.test/")
    assert (refusal.reason, refusal.detail) == (Reason.CONNECTION, "Connection refused")


async def test_a_host_that_speaks_no_tls_is_a_tls_refusal() -> None:
    async def speak_plainly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"This is not TLS."))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        guard = Guard({"host.test": server.sockets[0].getsockname()})
        refusal = await refusal_of(guard, "https://host.test/?token=secret")
    assert (refusal.reason, refusal.detail) == (Reason.TLS, "wrong version number")
    assert "secret" not in str(refusal)


async def test_hanging_up_on_a_tls_greeting_is_a_connection_refusal() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        guard = Guard({"host.test": server.sockets[0].getsockname()})
        assert (await refusal_of(guard, "https://host.test/")).reason is Reason.CONNECTION


async def test_a_certificate_is_checked_and_asked_for_by_name(tmp_path: Path) -> None:
    asked: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed("host.test", tmp_path / "host.pem"))
    context.sni_callback = lambda _, name, __: asked.append(name)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        guard = Guard({"host.test": server.sockets[0].getsockname()})
        refusal = await refusal_of(guard, "https://host.test/")
    assert (refusal.reason, refusal.detail) == (Reason.TLS, "self-signed certificate")
    assert asked == ["host.test"]


async def test_connections_are_used_again_and_those_of_many_hosts_are_bounded() -> None:
    names = [f"{n}.test" for n in range(IDLE_CONNECTIONS + 8)]
    async with Loopback({"*": reply(b"body")}).running() as host:
        async with GuardedTransport(host.guard(*names)) as transport:
            for name in [*names, *names[-1:]]:
                for _ in range(2):
                    await size_of(transport, f"http://{name}/")
            assert host.connections == len(names)
            await host.until_open(IDLE_CONNECTIONS)
        await host.until_open(0)


async def test_no_cookie_comes_back() -> None:
    async with Loopback({"*": reply(b"body", Set_Cookie="id=1; Path=/")}).running() as host:
        async with GuardedTransport(host.guard()) as transport:
            for _ in range(2):
                await size_of(transport, "http://host.test/")
        assert [request.headers.get("cookie") for request in host.requests] == [None, None]


async def test_a_name_that_hangs_keeps_no_thread_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(10) and [])
    hanging = [asyncio.create_task(Guard().addresses(f"{n}.example", 443)) for n in range(40)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(lambda: "served") == "served"
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    release.set()
