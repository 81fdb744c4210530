"""Hosts of photos on loopback: nginx for speed, one of our own for latency and a limit."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.stack.cluster import free_port

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {photos}; }}
}}
"""


@contextmanager
def nginx(photos: Path, folder: Path) -> Iterator[str]:
    """Serve the photos from nginx; the address of the host."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        raise SystemExit("nginx serves the photos and is not installed: apt-get install nginx-light")
    port = free_port()
    config = folder / "nginx.conf"
    folder.mkdir(parents=True, exist_ok=True)
    user = "user root;" if folder.owner() == "root" else ""
    config.write_text(_NGINX.format(folder=folder, port=port, photos=photos, user=user))
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        yield _serving(port)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def limited(photos: Path, latency: float, allowed: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Serve them `latency` seconds late, at most `allowed` in any second (0: as many as wished), beyond which 429.

    Gives the address and, once the block has ended, what the host counted: requests by status, `requests` and the
    `seconds` from the first to the last of them, and the `most in a second`, by when each was read.
    """
    port = free_port()
    words = [sys.executable, "-m", "tests.bench.hosts", str(photos), str(port), str(latency), str(allowed)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    counted: dict[str, float] = {}
    try:
        yield _serving(port), counted
    finally:
        process.terminate()
        counted.update(json.loads(process.communicate()[0]))


def _serving(port: int) -> str:
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            httpx.get(f"{url}/is-it-there")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return url
    raise SystemExit(f"nothing serves at {url}")


class _Limited:
    def __init__(self, photos: Path, latency: float, allowed: int) -> None:
        self._photos, self._latency, self._allowed = photos, latency, allowed
        self._lately = deque[float]()
        self._arrivals: list[float] = []
        self._answers: Counter[str] = Counter({"200": 0, "404": 0, "429": 0})

    def counted(self) -> dict[str, float]:
        """What `limited` gives."""
        arrivals, lately, most = self._arrivals or [0.0], deque[float](), 0
        for arrival in arrivals:
            lately.append(arrival)
            while lately[0] <= arrival - 1:
                lately.popleft()
            most = max(most, len(lately))
        seconds = arrivals[-1] - arrivals[0]
        return {**self._answers, "requests": len(arrivals), "seconds": seconds, "most in a second": most}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, extra, body = self._answer(head.split(b" ", 2)[1].decode().lstrip("/"))
                await asyncio.sleep(self._latency)
                self._answers[str(status)] += 1
                writer.write(b"HTTP/1.1 %d x\r\n%sContent-Length: %d\r\n\r\n" % (status, extra, len(body)) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str) -> tuple[int, bytes, bytes]:
        if not (self._photos / path).is_file():
            return 404, b"", b""
        now = time.monotonic()
        self._arrivals.append(now)
        while self._lately and self._lately[0] <= now - 1:
            self._lately.popleft()
        if self._allowed and len(self._lately) >= self._allowed:
            return 429, b"Retry-After: 1\r\n", b""
        self._lately.append(now)
        return 200, b"Content-Type: image/jpeg\r\n", (self._photos / path).read_bytes()


async def _main(photos: Path, port: int, latency: float, allowed: int) -> None:
    host = _Limited(photos, latency, allowed)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with await asyncio.start_server(host.serve, "127.0.0.1", port):
        await over.wait()
    print(json.dumps(host.counted()))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
