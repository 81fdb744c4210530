"""One request on its way through the gateway, and what the gateway has against it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import ClientError, ClientResponse, ClientSession, web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.support.stack.faults import Act, Answer, Cut, Delay, Hold, Logged, storage_refusal
from tests.support.stack.keys import ANON_KEY, PUBLISHABLE_KEY, SECRET_KEY, SERVICE_KEY


class Way(NamedTuple):
    """Who answers a request, what its URL is there, and whom it has to wait for."""

    session: ClientSession
    url: str
    turn: AbstractAsyncContextManager[object]


FindWay = Callable[[web.BaseRequest], Awaitable[Way | None]]

LONGEST_URL = 8192
_KEYS = {SERVICE_KEY: SERVICE_KEY, ANON_KEY: ANON_KEY, SECRET_KEY: SERVICE_KEY, PUBLISHABLE_KEY: ANON_KEY}
_HOP_BY_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade")
_NO_KEY = Answer(
    401,
    {"message": "No API key found in request", "hint": "No `apikey` request header or url param was found."},
)
_BAD_KEY = Answer(
    401,
    {"message": "Invalid API key", "hint": "Double check your Supabase `anon` or `service_role` API key."},
)
_OBJECT = re.compile(r"[\w/!.*'() &$@=;:+,?-]*", re.ASCII)
"""The characters that hosted Storage takes in the name of an object."""
_BAD_OBJECT = storage_refusal(400, "InvalidKey", "Invalid key")
_NO_ROUTE = Answer(404, {"message": "no Route matched with those values"})
_TOO_LONG = Answer(414, "<html><head><title>414 Request-URI Too Large</title></head></html>")
_NO_UPSTREAM = Answer(502, {"message": "An invalid response was received from the upstream server"})


class Exchange:
    """Runs once: refuse, forward, relay, with the act of the fault that struck in its place."""

    def __init__(self, find_way: FindWay, request: web.BaseRequest, logged: Logged) -> None:
        self._find_way, self._request, self._logged = find_way, request, logged
        self._fault = logged.fault
        self._act = self._fault.act if self._fault else None

    async def run(self) -> web.StreamResponse:
        if self._act and self._act.when in ("before", "request") and (end := await self._strike(self._act)):
            return end
        if refusal := self._refusal():
            return self._answer(refusal)
        return await self._forward()

    async def _strike(self, act: Act) -> web.StreamResponse | None:
        """Do the act; None where the request goes on after it."""
        match act:
            case Answer():
                return self._answer(act)
            case Cut():
                return await self._cut(act)
            case Delay(seconds):
                end = asyncio.get_running_loop().time() + seconds
                return await self._wait(lambda: asyncio.get_running_loop().time() >= end)
            case Hold():
                return await self._wait(act.released.is_set)

    async def _wait(self, over: Callable[[], bool]) -> web.StreamResponse | None:
        """Both ways out are taken by other threads."""
        while not over():
            if self._fault and self._fault.withdrawn:
                return await self._cut(Cut())
            await asyncio.sleep(0.003)
        return None

    async def _cut(self, cut: Cut) -> web.StreamResponse:
        if cut.when == "request":
            await self._request.content.readexactly((self._request.content_length or 0) // 2)
        if transport := self._request.transport:
            transport.abort() if cut.reset else transport.close()
        return web.Response()

    def _answer(self, answer: Answer) -> web.Response:
        self._logged.status = answer.status
        try:
            reason = HTTPStatus(answer.status).phrase
        except ValueError:
            reason = "Unknown"
        headers = {"Content-Type": answer.kind, **answer.headers}
        return web.Response(status=answer.status, reason=reason, headers=headers, body=answer.content)

    def _refusal(self) -> Answer | None:
        """What the gateway itself has against a request. It lets storage's through: public objects need no key."""
        if len(self._request.raw_path) > LONGEST_URL:
            return _TOO_LONG
        if not self._request.path.startswith("/rest/v1/"):
            return None if _OBJECT.fullmatch(self._request.path) else _BAD_OBJECT
        key = self._key()
        if not key:
            return _NO_KEY
        return None if key in _KEYS else _BAD_KEY

    def _key(self) -> str:
        return self._request.headers.get("apikey") or self._request.query.get("apikey", "")

    def _headers(self) -> CIMultiDict[str]:
        """An opaque key becomes the JWT of its role, unless the request brings a JWT of its own."""
        headers = _end_to_end(self._request.headers)
        key = self._key()
        if key in (SECRET_KEY, PUBLISHABLE_KEY) and headers.get("Authorization", f"Bearer {key}") == f"Bearer {key}":
            headers["Authorization"] = f"Bearer {_KEYS[key]}"
        return headers

    async def _forward(self) -> web.StreamResponse:
        way = await self._find_way(self._request)
        if way is None:
            return self._answer(_NO_ROUTE)
        try:
            async with way.turn:
                answered = await self._ask(way)
            async with answered:
                return await self._relay(answered)
        except ClientError:
            return self._answer(_NO_UPSTREAM)

    async def _ask(self, way: Way) -> ClientResponse:
        return await way.session.request(
            self._request.method,
            URL(way.url, encoded=True),
            headers=self._headers(),
            data=self._request.content if self._request.can_read_body else None,
            allow_redirects=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )

    async def _relay(self, answered: ClientResponse) -> web.StreamResponse:
        act = self._act if self._act and self._act.when in ("after", "answer") else None
        body = await answered.read() if act else None
        if act and act.when == "after" and (end := await self._strike(act)):
            return end
        self._logged.status = answered.status
        response = web.StreamResponse(
            status=answered.status, reason=answered.reason, headers=_end_to_end(answered.headers)
        )
        await response.prepare(self._request)
        if isinstance(act, Cut) and body is not None:
            await response.write(body[: len(body) // 2])
            return await self._cut(act)
        async for chunk in answered.content.iter_any() if body is None else _whole(body):
            await response.write(chunk)
        await response.write_eof()
        return response


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept
