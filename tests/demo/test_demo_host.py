import asyncio
import io
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from tui.demo import build_world
from tui.demo.galleries import Photo
from tui.demo.host import Host
from tui.demo.process import HostProcess
from tui.demo.temperaments import DRIP_TIME, FIRST_BYTE, HOSTS, LIMIT, SIZE_CAP, Act, Manner

WORLD = build_world()
PHOTOS = list(WORLD.photos())


@dataclass
class Client:
    """Asks the loopback host under the names of the world."""

    port: int
    http: httpx.AsyncClient

    async def get(self, url: str, method: str = "GET") -> httpx.Response:
        asked = httpx.URL(url)
        there = asked.copy_with(host="127.0.0.1", port=self.port)
        return await self.http.request(method, there, headers={"Host": asked.host})

    async def raw(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    host = Host(WORLD)
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        yield Client(await host.start(), http)
    await host.close()


def first(wanted: Callable[[Photo], bool]) -> Photo:
    return next(photo for photo in PHOTOS if wanted(photo))


def acting(act: Act) -> Photo:
    return first(lambda photo: photo.act is act)


def on(manner: Manner) -> list[Photo]:
    return [photo for photo in PHOTOS if HOSTS[photo.host] is manner and photo.act is Act.GOOD]


def decoded(body: bytes) -> str:
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        return image.format or ""


async def test_a_sample_of_every_host_decodes_as_what_it_says(client: Client) -> None:
    for host in WORLD.hosts:
        for photo in [p for p in PHOTOS if p.host == host and p.act is Act.GOOD][:2]:
            response = await client.get(photo.url)
            if response.status_code == 503:
                response = await client.get(photo.url)
            assert response.headers["content-type"] == photo.encoding.mime_type
            assert decoded(response.content) == photo.encoding.value.upper()


@pytest.mark.parametrize("act", [Act.NOT_FOUND, Act.GONE, Act.FORBIDDEN])
async def test_what_is_missing_says_so(client: Client, act: Act) -> None:
    response = await client.get(acting(act).url)
    assert response.status_code == {Act.NOT_FOUND: 404, Act.GONE: 410, Act.FORBIDDEN: 403}[act]


async def test_a_page_calls_itself_an_image(client: Client) -> None:
    response = await client.get(acting(Act.HTML).url)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    assert response.content.startswith(b"<!doctype html>")


async def test_a_truncated_image_has_an_honest_length(client: Client) -> None:
    photo = acting(Act.TRUNCATED)
    response = await client.get(photo.url)
    assert int(response.headers["content-length"]) == len(response.content)
    with pytest.raises(OSError, match="truncated"):
        decoded(response.content)


async def test_an_empty_body_is_empty(client: Client) -> None:
    response = await client.get(acting(Act.EMPTY).url)
    assert (response.status_code, response.content) == (200, b"")


async def test_a_good_image_under_a_wrong_type(client: Client) -> None:
    types = set()
    for photo in [photo for photo in PHOTOS if photo.act is Act.WRONG_TYPE][:8]:
        response = await client.get(photo.url)
        types.add(response.headers["content-type"])
        assert decoded(response.content)
    assert types == {"text/plain", "application/octet-stream"}


async def test_a_twin_has_the_bytes_of_the_first_photo(client: Client) -> None:
    twin = acting(Act.TWIN)
    original = first(lambda photo: photo.car == twin.car and photo.number == 1)
    assert (await client.get(twin.url)).content == (await client.get(original.url)).content


async def test_three_hops_lead_to_a_good_image(client: Client) -> None:
    photo = acting(Act.REDIRECTED)
    url, hosts = photo.url, []
    for _ in range(3):
        response = await client.get(url)
        assert response.status_code in (301, 302, 307)
        url = response.headers["location"]
        hosts.append(httpx.URL(url).host)
    assert len(set(hosts)) == 2 or photo.host == hosts[1]
    assert decoded((await client.get(url)).content)


async def test_a_loop_comes_back_to_its_start(client: Client) -> None:
    start = url = acting(Act.REDIRECT_LOOP).url
    visited = []
    for _ in range(3):
        url = (await client.get(url)).headers["location"]
        visited.append(url)
    assert visited[-1] == start
    assert len(set(visited)) == 3


async def test_too_large_by_its_own_word(client: Client) -> None:
    photo = acting(Act.DECLARED_HUGE)
    async with client.http.stream(
        "GET", f"http://127.0.0.1:{client.port}{photo.target}", headers={"Host": photo.host}
    ) as response:
        assert int(response.headers["content-length"]) > SIZE_CAP
    assert (await client.get(on(Manner.FAST)[0].url)).status_code == 200


async def test_too_large_without_a_word(client: Client) -> None:
    photo = acting(Act.STREAMED_HUGE)
    async with client.http.stream(
        "GET", f"http://127.0.0.1:{client.port}{photo.target}", headers={"Host": photo.host}
    ) as response:
        assert "content-length" not in response.headers
        assert sum([len(chunk) async for chunk in response.aiter_raw()]) > SIZE_CAP


async def test_a_body_that_is_cut_once_is_whole_the_second_time(client: Client) -> None:
    photo = acting(Act.CUT_ONCE)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        await client.get(photo.url)
    assert decoded((await client.get(photo.url)).content)


async def test_a_flaky_host_recovers(client: Client) -> None:
    photos = on(Manner.FLAKY)[:16]
    statuses = [(await client.get(photo.url)).status_code for photo in photos]
    assert Counter(statuses).keys() == {200, 503}
    assert {(await client.get(photo.url)).status_code for photo in photos} == {200}


async def test_a_limited_host_says_when_to_come_back(client: Client) -> None:
    host = on(Manner.LIMITED)[0].host
    # For what is not there nothing is drawn, so that these come faster than any machine's limit.
    responses = await asyncio.gather(*(client.get(f"http://{host}/{i}.jpg") for i in range(LIMIT + 10)))
    turned_away = [response for response in responses if response.status_code == 429]
    assert turned_away
    assert all(response.headers["retry-after"] == "1" for response in turned_away)


async def test_a_slow_host_thinks_first(client: Client) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await client.get(on(Manner.SLOW)[0].url)
    assert loop.time() - began >= FIRST_BYTE


async def test_a_dripping_host_completes_and_holds_up_nobody(client: Client) -> None:
    loop = asyncio.get_running_loop()
    began, ended = loop.time(), []

    async def get(photo: Photo, name: str) -> httpx.Response:
        response = await client.get(photo.url)
        ended.append(name)
        return response

    drops = asyncio.gather(*(get(photo, "drip") for photo in on(Manner.DRIPPING)[:4]))
    await get(on(Manner.FAST)[0], "fast")
    for response in await drops:
        assert decoded(response.content)
    assert loop.time() - began >= DRIP_TIME * 0.9
    assert ended[0] == "fast"


async def test_a_connection_serves_many_requests(client: Client) -> None:
    photo = on(Manner.FAST)[0]
    request = f"GET {photo.target} HTTP/1.1\r\nHost: {photo.host}\r\n\r\n".encode()
    assert (await client.raw(request * 3)).count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1\r\nConnection: close"])
async def test_a_connection_closes_where_it_is_asked_to(client: Client, version: str) -> None:
    photo = on(Manner.FAST)[0]
    request = f"GET {photo.target} {version}\r\nHost: {photo.host}\r\n\r\n".encode()
    assert (await client.raw(request * 2)).count(b"HTTP/1.1 200 OK") == 1


async def test_the_host_header_may_have_a_port_and_capitals(client: Client) -> None:
    photo = on(Manner.FAST)[0]
    request = f"GET {photo.target} HTTP/1.1\r\nhOsT:{photo.host.upper()}:8080\r\n\r\n".encode()
    assert (await client.raw(request)).startswith(b"HTTP/1.1 200 OK")


async def test_head_has_no_body(client: Client) -> None:
    response = await client.get(on(Manner.FAST)[0].url, "HEAD")
    assert int(response.headers["content-length"]) > 1_000
    assert response.content == b""


async def test_nothing_but_get_and_head(client: Client) -> None:
    response = await client.get(on(Manner.FAST)[0].url, "POST")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_garbage_is_refused(client: Client, garbage: bytes) -> None:
    assert (await client.raw(garbage)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert (await client.get(on(Manner.FAST)[0].url)).status_code == 200


@pytest.mark.parametrize("scrap", [b"", b"\r\n", b"GET / HTTP/1.1\r\nHost: a"])
async def test_a_request_without_its_end_gets_no_answer(client: Client, scrap: bytes) -> None:
    assert await client.raw(scrap) == b""
    assert (await client.get(on(Manner.FAST)[0].url)).status_code == 200


async def test_a_browser_finds_images_below_a_prefix(client: Client) -> None:
    here = f"http://127.0.0.1:{client.port}"
    photo = on(Manner.FAST)[0]
    assert f'href="/~{photo.host}' in (await client.http.get(f"{here}/")).text
    assert decoded((await client.http.get(f"{here}/~{photo.host}{photo.target}")).content)
    moved = acting(Act.REDIRECTED)
    response = await client.http.get(f"{here}/~{moved.host}{moved.target}", follow_redirects=True)
    assert len(response.history) == 3
    assert decoded(response.content)


async def test_the_process_ends_when_its_stdin_closes() -> None:
    host = await HostProcess.start(WORLD.seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", await host.port())
    await host.close()
    assert host.returncode == 0
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


PARENT = """
import asyncio, sys
from tui.demo.process import HostProcess

async def main():
    host = await HostProcess.start(1967)
    print(host.pid, await host.port(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_process_does_not_outlive_a_killed_parent() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    pid, port = map(int, (await parent.stdout.readline()).split())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    assert pid != parent.pid
    async with asyncio.timeout(10):
        assert await reader.read() == b""  # its last connection goes when it goes
    writer.close()
    await writer.wait_closed()


async def test_a_host_that_does_not_start_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.model import Problem

    monkeypatch.setattr(sys, "executable", "/bin/false")
    host = await HostProcess.start(WORLD.seed)
    with pytest.raises(Problem, match="did not start"):
        await host.port()
    await host.close()
