"""The demo's image host: a small HTTP/1.1 server on loopback that answers for every host name of the world.

It runs as its own process (`python -m tui.demo.host --seed N`): drawing is CPU work. It tells its port as one JSON
line on stdout, and ends when its stdin closes, which is what the death of its parent looks like, SIGKILL included.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import threading
from dataclasses import dataclass
from http import HTTPStatus

from tui.demo.answers import Answers, Reply
from tui.demo.temperaments import DRIPS
from tui.demo.world import SEED, World, build_world

_HEAD_LIMIT = 16 * 1024
_BLOCK = bytes(64 * 1024)


class BadRequest(Exception):
    """What came in is no HTTP request that is understood here."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as far as it matters here."""

    method: str
    host: str
    target: str
    keep_alive: bool
    browsing: bool = False


def parse(head: bytes) -> Request:
    """The request of a head that ends in an empty line; raises BadRequest."""
    line, *fields = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = line.split(" ")
        headers = dict(_field(text) for text in fields if text)
    except ValueError:
        raise BadRequest("malformed head") from None
    if version not in ("HTTP/1.1", "HTTP/1.0") or not target.startswith("/"):
        raise BadRequest("not HTTP/1.x with a path")
    asked = headers.get("connection", "keep-alive" if version == "HTTP/1.1" else "close").lower()
    request = Request(method, _hostname(headers.get("host", "")), target, asked == "keep-alive")
    return _below_prefix(request)


def _field(text: str) -> tuple[str, str]:
    name, value = text.split(":", 1)
    return name.lower(), value.strip()


def _hostname(value: str) -> str:
    return value.rsplit(":", 1)[0].lower()


def _below_prefix(request: Request) -> Request:
    """`/~<host>/<path>` asks for that host, whatever the Host header says."""
    if not request.target.startswith("/~"):
        return request
    host, _, path = request.target[2:].partition("/")
    return Request(request.method, host.lower(), f"/{path}", request.keep_alive, browsing=True)


async def converse(answers: Answers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until either side has enough."""
    try:
        while await _exchange(answers, reader, writer):
            pass
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client has gone: its right
    except (BadRequest, asyncio.LimitOverrunError) as problem:
        writer.write(_head(Reply(400, f"{problem}\n".encode()), keep_alive=False) + f"{problem}\n".encode())
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _exchange(answers: Answers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """One request and its reply; whether another may follow."""
    request = parse(await reader.readuntil(b"\r\n\r\n"))
    if request.method not in ("GET", "HEAD"):
        await _send(writer, Reply(405, headers=(("Allow", "GET, HEAD"),)), keep_alive=False)
        return False
    reply = answers.answer(request.host, request.target, browsing=request.browsing)
    if request.method == "HEAD":
        writer.write(_head(reply, request.keep_alive))
        await writer.drain()
        return request.keep_alive
    return await _send(writer, reply, request.keep_alive)


async def _send(writer: asyncio.StreamWriter, reply: Reply, keep_alive: bool) -> bool:
    if reply.wait:
        await asyncio.sleep(reply.wait)
    head = _head(reply, keep_alive)
    if reply.cut is not None:
        writer.write(head + reply.body[: reply.cut])
        keep_alive = False
    elif reply.drip:
        await _drip(writer, head, reply)
    elif reply.chunked:
        await _chunks(writer, head, reply)
    else:
        await _whole(writer, head, reply)
    await writer.drain()
    return keep_alive


async def _whole(writer: asyncio.StreamWriter, head: bytes, reply: Reply) -> None:
    writer.write(head + reply.body)
    for start in range(0, reply.padding, len(_BLOCK)):
        writer.write(_BLOCK[: reply.padding - start])
        await writer.drain()


async def _drip(writer: asyncio.StreamWriter, head: bytes, reply: Reply) -> None:
    writer.write(head)
    portion = len(reply.body) // DRIPS + 1
    for start in range(0, len(reply.body), portion):
        writer.write(reply.body[start : start + portion])
        await writer.drain()
        await asyncio.sleep(reply.drip / DRIPS)


async def _chunks(writer: asyncio.StreamWriter, head: bytes, reply: Reply) -> None:
    writer.write(head + _chunk(reply.body))
    for start in range(0, reply.padding, len(_BLOCK)):
        writer.write(_chunk(_BLOCK[: reply.padding - start]))
        await writer.drain()
    writer.write(_chunk(b""))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _head(reply: Reply, keep_alive: bool) -> bytes:
    size = ("Transfer-Encoding", "chunked") if reply.chunked else ("Content-Length", len(reply.body) + reply.padding)
    fields = (
        ("Content-Type", reply.content_type),
        size,
        ("Connection", "keep-alive" if keep_alive else "close"),
        *reply.headers,
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{lines}\r\n".encode("latin-1")


class Host:
    """The running server; its connections end with it."""

    def __init__(self, world: World) -> None:
        self._answers = Answers(world, asyncio.get_running_loop().time)
        self._talks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Serve on a free port of 127.0.0.1, and say which."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_HEAD_LIMIT, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End every connection."""
        if self._server:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(converse(self._answers, reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)


def _when_stdin_closes(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    """Wait in a thread: a pipe, a terminal and a file all end by an empty read, but no selector takes all three."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop may have ended by a signal
        loop.call_soon_threadsafe(done.set)


async def _main(seed: int) -> None:
    host, done = Host(build_world(seed)), asyncio.Event()
    sys.stdout.write(json.dumps({"port": await host.start()}) + "\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    threading.Thread(target=_when_stdin_closes, args=(loop, done), daemon=True).start()
    await done.wait()
    await host.close()


def main() -> None:
    """Serve until stdin closes."""
    parser = argparse.ArgumentParser(prog="python -m tui.demo.host", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args().seed))


if __name__ == "__main__":
    main()
