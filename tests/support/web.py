"""A loopback host of images for the tests of the engine: real sockets, answers by path."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from PIL import Image

HOST = "img.test.example"


def jpeg(number: int, side: int = 32) -> bytes:
    """A whole JPEG whose bytes differ for each number."""
    content = io.BytesIO()
    Image.new("RGB", (side, side), (number % 256, 64, 128)).save(content, "JPEG", comment=f"image {number}")
    return content.getvalue()


@dataclass
class Web:
    """What is served, and what was asked. The number that ends a path names its image, unless `answers` knows it."""

    port: int = 0
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    holding: int = 0

    def __post_init__(self) -> None:
        self.hold.set()

    @property
    def exempt(self) -> dict[str, tuple[str, int]]:
        """For the guard: where the host really is."""
        return {HOST: ("127.0.0.1", self.port)}

    def url(self, path: str) -> str:
        return f"http://{HOST}/{path}"

    def answer(self, path: str) -> tuple[int, bytes]:
        if path in self.answers:
            return self.answers[path]
        last = path.rpartition("/")[2]
        return 200, jpeg(int(last) if last.isdecimal() else 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].decode().lstrip("/")
                self.asked[path] += 1
                self.holding += 1
                await self.hold.wait()
                self.holding -= 1
                status, body = self.answer(path)
                more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Web]:
    """A host on a free loopback port for as long as the block lasts."""
    web = Web()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        web.hold.set()
        server.close()
