"""How requests reach a project: directly, through a proxy, or not at all."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import self_signed
from tests.support.stack import Hold, Project
from tests.support.wire import connected
from tui.settings import Secret
from tui.stores import StoreError
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.faults import ProjectError
from tui.stores.supabase.transport import Connections, proxy_of


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def until_asked(project: Project, requests: int) -> None:
    async with asyncio.timeout(20):
        while len(project.gateway.log) < requests:  # noqa: ASYNC110 - it grows in another thread
            await asyncio.sleep(0.005)


async def test_no_more_requests_than_the_limit_are_under_way(production: Project) -> None:
    hold = Hold()
    production.gateway.fault("", hold, times=None)
    async with httpx.AsyncClient(transport=Connections(production.url, 3)) as client:
        calls = [asyncio.create_task(client.get(f"{production.url}/rest/v1/vehicles")) for _ in range(9)]
        await until_asked(production, 3)
        assert len(production.gateway.log) == 3
        calls.pop(0).cancel()
        await until_asked(production, 4)
        hold.release()
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {401}


async def test_a_body_left_unread_gives_its_turn_back(production: Project) -> None:
    async with httpx.AsyncClient(transport=Connections(production.url, 1)) as client:
        for _ in range(3):
            async with client.stream("GET", f"{production.url}/rest/v1/vehicles"):
                pass
        answer = await client.get(f"{production.url}/rest/v1/vehicles")
    assert answer.status_code == 401


@pytest.mark.parametrize("steps", range(6))
async def test_a_cancel_while_an_answer_is_being_closed_leaves_nothing_that_the_next_waits_for(
    production: Project, steps: int
) -> None:
    url = f"{production.url}/rest/v1/vehicles"
    async with httpx.AsyncClient(transport=Connections(production.url, 1)) as client:
        async with client.stream("GET", url) as answer:
            await anext(answer.aiter_raw())
            closing = asyncio.create_task(answer.aclose())
            for _ in range(steps):
                await asyncio.sleep(0)
            closing.cancel()
            await asyncio.wait([closing])
        async with asyncio.timeout(5):
            assert (await client.get(url)).status_code == 401


async def test_an_answer_may_outlive_its_client(production: Project) -> None:
    transport = Connections(production.url, 1)
    answer = await transport.handle_async_request(httpx.Request("GET", f"{production.url}/rest/v1/vehicles"))
    await transport.aclose()
    assert b"No API key" in await answer.aread()


async def test_an_untrusted_certificate_is_told(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed("localhost", tmp_path / "own.pem"))
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        connection = await Connection.open(f"https://localhost:{server.sockets[0].getsockname()[1]}", Secret("k"))
        with pytest.raises(ProjectError, match=r"cannot be trusted \(TLS: self-signed certificate\)") as caught:
            await connection.fetch("/rest/v1/")
        await connection.close()
    assert caught.value.code == "tls"


async def test_a_request_goes_through_the_proxy_that_the_environment_names(
    production: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", production.url)
    connection = await Connection.open("http://project.test.example", Secret("k"))
    with pytest.raises(ProjectError):
        await connection.fetch("/rest/v1/")
    await connection.close()
    assert [logged.path for logged in production.gateway.log] == ["http://project.test.example/rest/v1/"]


async def test_no_proxy_leads_to_this_machine(production: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with connected(production) as connection:
        assert (await connection.fetch("/rest/v1/")).status_code == 200


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://one:1"}, "http://one:1"),
        ({"ALL_PROXY": "http://any:1", "HTTP_PROXY": "http://two:2"}, "http://any:1"),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "supabase.co"}, None),
        ({"HTTPS_PROXY": "one:1"}, "http://one:1"),
    ],
)
def test_the_proxy_is_the_environments(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_of("https://abc.supabase.co") == proxy


@pytest.mark.parametrize("proxy", ["socks5://me:hush@one:1", "ftp://me:hush@one:1", "http://me:hush@one:x", "://hush"])
async def test_a_proxy_that_cannot_be_used_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(StoreError, match=r"for https://abc\.supabase\.co \(HTTPS_PROXY, ALL_PROXY\)") as caught:
        await Connection.open("https://abc.supabase.co", Secret("k"))
    assert "hush" not in str(caught.value)
