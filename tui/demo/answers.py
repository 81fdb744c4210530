"""What the demo's image host says to a request: every temperament of the world, without any I/O."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html import escape
from zlib import crc32

from tui.demo.art import draw
from tui.demo.catalogue import LOTPIX
from tui.demo.galleries import Encoding, Photo
from tui.demo.temperaments import (
    DRIP_TIME,
    FIRST_BYTE,
    FLAKY_SHARE,
    HOSTS,
    LIMIT,
    LIMIT_PATIENCE,
    RETRY_AFTER,
    SIZE_CAP,
    WINDOW,
    Act,
    Manner,
)
from tui.demo.world import World

_PAGE = b"<!doctype html><title>Photo unavailable</title><p>This photo is no longer available.</p>"
_HOP = re.compile(r"/moved/(?P<hop>[123])/~(?P<host>[^/]+)(?P<target>/.*)")
_MOVED = {0: 301, 1: 302, 2: 307}
_LOOP = 2
_ARRIVAL = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to send: `wait` seconds before it, its body over `drip` seconds, at most `cut` bytes of it.

    `padding` bytes follow the body, counted in Content-Length, or in chunks without one when `chunked`.
    """

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0
    drip: float = 0.0
    cut: int | None = None
    padding: int = 0
    chunked: bool = False


@dataclass
class Answers:
    """The memory of a running host: who asked what how often, and when. `clock` gives seconds."""

    world: World
    clock: Callable[[], float]
    _asked: Counter[Photo] = field(default_factory=Counter)
    _refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    _served: dict[str, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._photos = {(photo.host, photo.target): photo for photo in self.world.photos()}

    def answer(self, host: str, target: str, *, browsing: bool = False) -> Reply:
        """The reply to a GET of `target` at `host`; where `browsing`, redirects stay below `/~host/`."""
        manner = HOSTS.get(host, Manner.FAST)
        if manner is Manner.LIMITED and self._too_fast(host, target):
            return Reply(429, b"Slow down.\n", headers=(("Retry-After", str(RETRY_AFTER)),))
        hop, photo = self._find(host, target)
        if photo is None:
            return self._index() if (browsing or host not in HOSTS) and target == "/" else _missing(404)
        self._asked[photo] += 1
        if manner is Manner.FLAKY and self._asked[photo] == 1 and crc32(target.encode()) % FLAKY_SHARE == 0:
            return Reply(503, b"Back in a moment.\n")
        return _mannered(manner, self._act(photo, hop, browsing))

    def _too_fast(self, host: str, target: str) -> bool:
        now, served = self.clock(), self._served.setdefault(host, deque())
        while served and served[0] <= now - WINDOW:
            served.popleft()
        if len(served) >= LIMIT and self._refused[host, target] < LIMIT_PATIENCE:
            self._refused[host, target] += 1
            return True
        served.append(now)
        return False

    def _find(self, host: str, target: str) -> tuple[int, Photo | None]:
        if moved := _HOP.fullmatch(target):
            return int(moved["hop"]), self._photos.get((moved["host"], moved["target"]))
        return 0, self._photos.get((host, target))

    def _act(self, photo: Photo, hop: int, browsing: bool) -> Reply:
        if photo.act in (Act.REDIRECTED, Act.REDIRECT_LOOP):
            return _redirect(photo, hop, browsing)
        if photo.act is Act.CUT_ONCE and self._asked[photo] == 1:
            whole = _image(photo)
            return replace(whole, cut=len(whole.body) // 2)
        return _ACTS[photo.act](photo)

    def _index(self) -> Reply:
        """A page for whoever opens the host in a browser: the first photo of every car."""
        firsts = (vehicle.photos[0] for vehicle in self.world.vehicles if vehicle.photos)
        lines = (f'<li><a href="/~{p.host}{escape(p.target)}">{escape(p.car.title)}</a>' for p in firsts)
        page = f"<!doctype html><meta charset=utf-8><title>Demo images</title><ul>{''.join(lines)}</ul>"
        return Reply(200, page.encode(errors="replace"), "text/html; charset=utf-8")


def _mannered(manner: Manner, reply: Reply) -> Reply:
    if manner is Manner.SLOW:
        return replace(reply, wait=FIRST_BYTE)
    if manner is Manner.DRIPPING:
        return replace(reply, drip=DRIP_TIME)
    return reply


def _redirect(photo: Photo, hop: int, browsing: bool) -> Reply:
    """Three hops, the second by way of another host, then the image; a loop goes back to its start after two."""
    if photo.act is Act.REDIRECTED and hop == _ARRIVAL:
        return _image(photo)
    host, target = (LOTPIX if hop == 1 else photo.host), f"/moved/{hop + 1}/~{photo.host}{photo.target}"
    if photo.act is Act.REDIRECT_LOOP and hop >= _LOOP:
        host, target = photo.host, photo.target
    location = f"/~{host}{target}" if browsing else f"http://{host}{target}"
    return Reply(_MOVED.get(hop, 302), b"Moved.\n", headers=(("Location", location),))


def _image(photo: Photo) -> Reply:
    body = draw(photo.car, photo.shown, photo.of, photo.encoding)
    return Reply(200, body, photo.encoding.mime_type, headers=(("Cache-Control", "max-age=86400"),))


def _missing(status: int) -> Reply:
    return Reply(status, _PAGE, "text/html; charset=utf-8")


def _wrong_type(photo: Photo) -> Reply:
    return replace(_image(photo), content_type=("text/plain", "application/octet-stream")[photo.number % 2])


def _truncated(photo: Photo) -> Reply:
    whole = _image(photo)
    return replace(whole, body=whole.body[: len(whole.body) // 2])


_ACTS: dict[Act, Callable[[Photo], Reply]] = {
    Act.GOOD: _image,
    Act.TWIN: _image,
    Act.CUT_ONCE: _image,
    Act.WRONG_TYPE: _wrong_type,
    Act.TRUNCATED: _truncated,
    Act.NOT_FOUND: lambda _: _missing(404),
    Act.GONE: lambda _: _missing(410),
    Act.FORBIDDEN: lambda _: _missing(403),
    Act.EMPTY: lambda _: Reply(200, b"", Encoding.JPEG.mime_type),
    Act.HTML: lambda _: Reply(200, _PAGE, Encoding.JPEG.mime_type),
    Act.DECLARED_HUGE: lambda photo: replace(_image(photo), padding=SIZE_CAP + SIZE_CAP // 2),
    Act.STREAMED_HUGE: lambda photo: replace(_image(photo), padding=SIZE_CAP + SIZE_CAP // 8, chunked=True),
}
