"""One URL for the parts of a project, as the hosted gateway has it; fails on demand and remembers what it saw."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from aiohttp import ClientSession, ClientTimeout, TCPConnector, UnixConnector, web

from tests.support.stack.exchange import Exchange, Way
from tests.support.stack.faults import Act, Fault, Faults, Logged
from tests.support.stack.storage import Storage

T = TypeVar("T")

PATIENCE = 15.0
"""Seconds that a request may take to end by itself: more than any statement has."""


class Loop:
    """An event loop in a thread of its own: a test that blocks its own loop is still answered."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that runs in that loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Gateway:
    """Serves on a free loopback port from construction to `close`. `log` holds every request in order of arrival."""

    def __init__(self, loop: Loop, rest_socket: str, storage: Storage) -> None:
        self._loop, self._storage = loop, storage
        self._faults = Faults()
        self.log: list[Logged] = []
        self._under_way = 0
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.port = loop.run(self._open(rest_socket))

    def fault(self, pattern: str, act: Act, *, times: int | None = 1, chance: float = 1.0, seed: int = 0) -> Fault:
        """Do `act` to the next `times` requests (None: to all) whose `METHOD /path?query` has `pattern` in it."""
        fault = Fault(re.compile(pattern), act, times, chance, random.Random(seed))
        self._faults.add(fault)
        return fault

    def requests(self, pattern: str = "") -> list[Logged]:
        """Those of the log whose `METHOD /path?query` has `pattern` in it."""
        return [logged for logged in self.log if re.search(pattern, f"{logged.method} {logged.path}")]

    def reset(self) -> None:
        """No faults, nobody under way, an empty log; connections of whoever was held or delayed are cut."""
        self._faults.clear()
        end = time.monotonic() + PATIENCE
        while self._under_way:
            if time.monotonic() > end:
                raise RuntimeError(f"these do not end: {[logged for logged in self.log if logged.status is None]}")
            time.sleep(0.002)
        self.log = []

    def close(self) -> None:
        self.reset()
        self._loop.run(self._close())

    async def _open(self, rest_socket: str) -> int:
        # Node closes idle connections after five seconds: give them up before that.
        self._to_rest = _session(UnixConnector(rest_socket, limit=0, keepalive_timeout=3))
        self._to_storage = _session(TCPConnector(limit=0, keepalive_timeout=3))
        self._front = web.Server(self._serve, access_log=None, max_line_size=2**20, max_field_size=2**16)
        self._server = await asyncio.get_running_loop().create_server(self._front, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        await self._front.shutdown(1)
        await self._to_rest.close()
        await self._to_storage.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        logged = Logged(request.method, request.raw_path)
        self.log.append(logged)
        logged.fault = self._faults.pick(f"{request.method} {request.raw_path}")
        self._under_way += 1
        try:
            return await Exchange(self._find_way, request, logged).run()
        finally:
            self._under_way -= 1

    async def _find_way(self, request: web.BaseRequest) -> Way | None:
        path = request.raw_path
        if path.startswith("/rest/v1/"):
            return Way(self._to_rest, f"http://rest{path.removeprefix('/rest/v1')}", nullcontext())
        if path.startswith("/storage/v1/"):
            self._storage.touched |= request.method not in ("GET", "HEAD")
            if not self._storage.running:
                await asyncio.to_thread(self._storage.start)
            return Way(self._to_storage, f"http://127.0.0.1:{self._storage.port}{path}", self._turn(request))
        return None

    def _turn(self, request: web.BaseRequest) -> AbstractAsyncContextManager[object]:
        """Uploads of one object go one after the other: hosted Storage bears a race, this one answers 500."""
        if request.method not in ("POST", "PUT"):
            return nullcontext()
        return self._turns.setdefault(request.path, asyncio.Lock())


def _session(connector: UnixConnector | TCPConnector) -> ClientSession:
    return ClientSession(
        connector=connector,
        auto_decompress=False,
        timeout=ClientTimeout(None),
        max_line_size=2**20,
        max_field_size=2**16,
    )
