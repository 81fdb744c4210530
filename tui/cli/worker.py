"""One process of `run --workers N`: it works its part, tells how it goes, and never outlives who started it.

On stdin come a line with its part, then `stop` and `cut`, and the end once nobody listens any more; on stdout go
messages, each a line with a JSON object. A key is in neither: the settings are read again, from the same sources.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tui.cli import watch
from tui.model import Lane, LogLine, Mark, Phase, Placeholder, Problem, Snapshot, Tally, VehicleResult
from tui.settings import load_settings
from tui.stores.reading import options_from
from tui.trickle.run import Trickle
from tui.trickle.session import open_session

EVERY = 0.2
"""Seconds between two messages."""


LONGEST_LINE = 1 << 26


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker is to do: flags as for `load_settings`, organizations, its limit, and where exempt hosts are.

    `sharing` workers keep the pace together.
    """

    run_id: str
    limit: int
    sharing: int
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


@dataclass(frozen=True, slots=True)
class Message:
    """How a worker stands: its snapshot (without what nobody prints), and what is new since the last message."""

    worker: str = ""
    seen: Snapshot | None = None
    results: tuple[VehicleResult, ...] = ()
    log: tuple[LogLine, ...] = ()
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
            "placeholders": tuple(Placeholder(**shown) for shown in content["placeholders"]),
            **dict.fromkeys(("history", "organizations", "hosts", "log"), ()),
        }
    )


class _Teller:
    """Messages about a run to whoever started this process; once that one is gone, to nobody."""

    def __init__(self, trickle: Trickle) -> None:
        self._trickle = trickle
        self._results = 0
        self._lines = watch.Lines()
        self._over = asyncio.Event()

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
        bare = replace(seen, history=(), organizations=(), hosts=(), log=())
        return Message(self._trickle.worker, bare, fresh, self._lines.fresh(seen), last, seen.error)


async def _say(message: Message) -> None:
    # In a thread: a reader that has stopped reading must not stop the run.
    with contextlib.suppress(BrokenPipeError):
        await asyncio.to_thread(_write, message.encoded())


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


async def _listen(orders: asyncio.StreamReader, trickle: Trickle) -> None:
    while line := await orders.readline():
        if line.strip() == b"cut":
            trickle.cut()
        else:
            trickle.stop()
    trickle.stop()


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
    try:
        await _work(part, orders)
    except Problem as problem:
        await _say(Message(last=True, error=str(problem)))


if __name__ == "__main__":
    asyncio.run(main())
