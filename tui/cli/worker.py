"""One process of `run --workers N`: it works its part, tells how it goes, and never outlives who started it.

On stdin come a line with its part, then `stop`, `cut` and news, and the end once nobody listens any more; on stdout
go messages. Parts, news and messages are lines with a JSON object. A key is in none: the settings are read again, from
the same sources.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from tui.app.words import host_trouble
from tui.cli import watch
from tui.cores import keep_to
from tui.model import HostPace, Lane, LogLine, Mark, Phase, Problem, Snapshot, Tally, VehicleResult
from tui.settings import load_settings
from tui.stores.reading import options_from
from tui.trickle.likeness import Sight
from tui.trickle.run import Trickle
from tui.trickle.session import open_session

EVERY = 0.2
"""Seconds between two messages."""


LONGEST_LINE = 1 << 26


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker is to do: flags as for `load_settings`, organizations, its limit, and where exempt hosts are.

    `sharing` workers keep the pace together; this one keeps to `core`, if that is told.
    """

    run_id: str
    limit: int
    sharing: int
    core: int | None = None
    flags: Mapping[str, object] = field(default_factory=dict)
    organization_ids: tuple[str, ...] = ()
    exempt: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """One line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decoded(cls, line: bytes) -> Part:
        """What `encoded` gave."""
        content = json.loads(line)
        exempt = {name: (ip, port) for name, (ip, port) in content.pop("exempt").items()}
        return cls(**content | {"organization_ids": tuple(content["organization_ids"]), "exempt": exempt})


class Hold(NamedTuple):
    """A host that asked to be left alone for so many seconds; `note` says why."""

    host: str
    seconds: float
    note: str


@dataclass(frozen=True, slots=True)
class News:
    """What a worker learns from the others: pictures that are placeholders, and hosts to be left alone."""

    placeholders: tuple[Sight, ...] = ()
    holds: tuple[Hold, ...] = ()

    def encoded(self) -> bytes:
        """One line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decoded(cls, line: bytes) -> News:
        """What `encoded` gave."""
        content = json.loads(line)
        return cls(
            tuple(Sight(*sight) for sight in content["placeholders"]), tuple(Hold(*hold) for hold in content["holds"])
        )


@dataclass(frozen=True, slots=True)
class Message:
    """How a worker stands: its snapshot (without what nobody prints), and what is new since the last message."""

    worker: str = ""
    seen: Snapshot | None = None
    results: tuple[VehicleResult, ...] = ()
    log: tuple[LogLine, ...] = ()
    sights: tuple[Sight, ...] = ()
    last: bool = False
    error: str = ""

    def encoded(self) -> str:
        """One line."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def decoded(cls, line: bytes) -> Message:
        """What `encoded` gave."""
        content = json.loads(line)
        return cls(
            worker=content["worker"],
            seen=_snapshot(content["seen"]) if content["seen"] else None,
            results=tuple(VehicleResult(**result) for result in content["results"]),
            log=tuple(LogLine(**entry) for entry in content["log"]),
            sights=tuple(Sight(*sight) for sight in content["sights"]),
            last=content["last"],
            error=content["error"],
        )


def _snapshot(content: dict[str, Any]) -> Snapshot:
    lanes = (Lane(**lane | {"marks": tuple(map(Mark, lane["marks"]))}) for lane in content["lanes"])
    return Snapshot(
        **content
        | {
            "phase": Phase(content["phase"]),
            "options": options_from(content["options"]),
            "tally": Tally(**content["tally"]),
            "lanes": tuple(lanes),
            "hosts": tuple(HostPace(**host) for host in content["hosts"]),
            **dict.fromkeys(("history", "organizations", "placeholders", "log"), ()),
        }
    )


class _Teller:
    """Messages about a run to whoever started this process; once that one is gone, to nobody."""

    def __init__(self, trickle: Trickle) -> None:
        self._trickle = trickle
        self._results = 0
        self._lines = watch.Lines()
        self._sights: list[Sight] = []
        self._over = asyncio.Event()
        trickle.placeholders.tell = self._sights.append

    async def tell(self) -> None:
        """Tell every now and then until `end`, and then once more."""
        last = False
        while not last:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._over.wait()
            last = self._over.is_set()
            await _say(self._message(last))

    def end(self) -> None:
        """The run is over."""
        self._over.set()

    def _message(self, last: bool) -> Message:
        seen = self._trickle.snapshot()
        fresh = self._trickle.results[self._results :]
        self._results += len(fresh)
        sights = tuple(self._sights)
        self._sights.clear()
        hosts = tuple(host for host in seen.hosts if host_trouble(host))
        bare = replace(seen, history=(), organizations=(), hosts=hosts, placeholders=(), log=())
        return Message(self._trickle.worker, bare, fresh, self._lines.fresh(seen), sights, last, seen.error)


async def _say(message: Message) -> None:
    # In a thread: a reader that has stopped reading must not stop the run.
    with contextlib.suppress(BrokenPipeError):
        await asyncio.to_thread(_write, message.encoded())


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


async def _listen(orders: asyncio.StreamReader, trickle: Trickle) -> None:
    while line := await orders.readline():
        match line:
            case b"stop\n":
                trickle.stop()
            case b"cut\n":
                trickle.cut()
            case news:
                _learn(trickle, news)
    trickle.stop()


def _learn(trickle: Trickle, line: bytes) -> None:
    with contextlib.suppress(ValueError):  # the last line of one that was killed may be cut
        news = News.decoded(line)
        for sight in news.placeholders:
            trickle.placeholders.learn(sight)
        for hold in news.holds:
            trickle.hold_off(*hold)


async def _work(part: Part, orders: asyncio.StreamReader) -> None:
    session = replace(await open_session(load_settings(part.flags)), exempt=part.exempt)
    try:
        options = session.settings.options(part.organization_ids).tuned(limit=part.limit)
        trickle = session.trickle(options, run_id=part.run_id, sharing=part.sharing)
        await _run(trickle, orders)
    finally:
        await session.close()


async def _run(trickle: Trickle, orders: asyncio.StreamReader) -> None:
    teller = _Teller(trickle)
    telling = asyncio.create_task(teller.tell())
    listening = asyncio.create_task(_listen(orders, trickle))
    try:
        with watch.on_guard(trickle):
            await trickle.run()
    except Problem:
        pass  # it is told as the snapshot's error
    finally:
        teller.end()
        await telling
        listening.cancel()


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def main() -> None:
    """Work the part that comes on stdin."""
    orders = await _stdin()
    part = Part.decoded(await orders.readline())
    keep_to(part.core)
    try:
        await _work(part, orders)
    except Problem as problem:
        await _say(Message(last=True, error=str(problem)))


if __name__ == "__main__":
    asyncio.run(main())
