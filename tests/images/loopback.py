"""A real host on loopback that answers byte for byte what a test tells it to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tui.images.guard import Guard

Answer = bytes | Callable[[], AsyncIterator[bytes]]
"""The bytes of one answer; an iterator's connection is closed after its last piece."""

RESET = b"reset"
"""In place of a piece: the connection ends as if the host had crashed."""


@dataclass(frozen=True)
class Request:
    target: str
    headers: Mapping[str, str]


def reply(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Status"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "Content_Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def closed_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        port: int = it.getsockname()[1]
        return port


class Loopback:
    """Answers a request by its target, else as "*" says; a list gives its entries in turn, the last for good."""

    def __init__(self, answers: Mapping[str, Answer | list[Answer]]) -> None:
        self.answers = dict(answers)
        self.requests: list[Request] = []
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.closed = asyncio.Condition()
        self.asked = asyncio.Event()
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Loopback]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self._writers:
                writer.transport.abort()  # which waits for nobody to read the rest

    def guard(self, *hosts: str) -> Guard:
        return Guard(dict.fromkeys(hosts or ("host.test",), ("127.0.0.1", self.port)))

    async def until_open(self, count: int) -> None:
        async with self.closed:
            await self.closed.wait_for(lambda: len(self.open) <= count)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        self._writers.append(writer)
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except OSError:
            pass  # the client went away first, as some tests make it do
        finally:
            writer.close()
            self.open.discard(writer)
            async with self.closed:
                self.closed.notify_all()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.split("\r\n")[:-2]
        request = Request(first.split(" ")[1], dict(line.lower().split(": ", 1) for line in lines))
        self.requests.append(request)
        self.asked.set()
        return await self._answer(self._choose(request.target), writer)

    def _choose(self, target: str) -> Answer:
        answer = self.answers.get(target, self.answers.get("*", reply(status=404)))
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
            return True
        async for piece in answer():
            if piece is RESET:
                _reset(writer)
                return False
            writer.write(piece)
            await writer.drain()
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: https://man7.org/linux/man-pages/man7/socket.7.html, SO_LINGER."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class SkippingClock:
    """A clock whose sleeps are over at once, for a test where one request at a time waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
