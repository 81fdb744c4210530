"""`run --workers N`: several processes of this machine on one run, watched as one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import IO

from tui.app.words import plural
from tui.cli.merged import merged
from tui.cli.worker import LONGEST_LINE, Hold, Message, News, Part
from tui.cores import share_out
from tui.model import HostPace, LogLine, Phase, Problem, RunOptions, RunRecord, Snapshot, VehicleResult, Workload
from tui.trickle.likeness import Placeholders, Seen, Sight, news_of, recall
from tui.trickle.progress import LOG_LINES
from tui.trickle.run import new_run_id
from tui.trickle.session import Session

END_SECONDS = 10.0
"""What workers have to end in when this process cannot wait for them any longer."""

SHORTEST_HOLD = 1.0
"""Seconds of a host's hold-off from which on it is passed on: a shorter one is over before the others have heard."""

LONGER = 0.5
"""Seconds by which a hold-off has to end later than the last one to be another one."""


def split(limit: int, workers: int) -> tuple[int, ...]:
    """A limit in parts that differ by one at most; fewer parts where there would be empty ones."""
    count = min(limit, workers)
    return tuple(limit // count + (number < limit % count) for number in range(count))


class Worker:
    """A process that works one part. `name` is what the store knows it by, `seen` what it told last, `over` whether
    that was its end.
    """

    def __init__(self, number: int, process: Process, complaints: IO[bytes]) -> None:
        self.number = number
        self.name = ""
        self.seen: Snapshot | None = None
        self.over = False
        self._process = process
        self._complaints = complaints
        self._last_words = "it said nothing"

    @classmethod
    async def start(cls, number: int, part: Part) -> Worker:
        """Start it; its stdin is the thread its life hangs by."""
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "tui.cli.worker"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=complaints,
            limit=LONGEST_LINE,
            start_new_session=True,  # Ctrl-C is for the one who started it, who passes it on
        )
        worker = cls(number, process, complaints)
        worker.send(part.encoded())
        return worker

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def done(self) -> int:
        """Vehicles that it has ended."""
        return self.seen.vehicles_done if self.seen else 0

    def send(self, line: bytes) -> None:
        """Tell it something, unless it is gone."""
        if self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    async def messages(self) -> AsyncIterator[Message]:
        """What it tells, until its end."""
        while self._process.stdout and (line := await self._process.stdout.readline()):
            with contextlib.suppress(ValueError):  # the last line of a killed one may be cut
                yield Message.decoded(line)

    async def close(self) -> None:
        """Wait until it is gone, which it is soon once nobody listens to it."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        with self._complaints as said:
            said.seek(0)
            if lines := said.read().decode(errors="replace").strip().splitlines():
                self._last_words = lines[-1]

    def fate(self) -> str:
        """How one ended that did not tell, and what becomes of its vehicles."""
        code = self._process.returncode or 0
        how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended on a fault ({self._last_words})"
        held = sum(not lane.finished for lane in self.seen.lanes) if self.seen else 0
        freed = f", and its {plural(held, 'vehicle')} can be taken over within a minute" if held else ""
        return f"worker {self.number} (pid {self.pid}) {how}{freed}"

    def remains(self) -> Snapshot | None:
        """What it told last, with nothing ahead of it any more."""
        seen = self.seen
        return seen and replace(seen, vehicles_total=seen.vehicles_done, images_total=seen.tally.done, hosts=())


class Workers:
    """Many trickles in processes of their own, driven like one: `run`, `snapshot`, `stop`, `cut`, `results`.

    `flags` are those that the settings were loaded under. One that dies is replaced, as often as there are workers.
    """

    def __init__(self, session: Session, flags: Mapping[str, object], options: RunOptions, workers: int) -> None:
        limits, run_id = split(options.limit, workers), new_run_id(time.time())
        self._parts = [
            Part(run_id, limit, len(limits), core, flags, options.scope.organization_ids, session.exempt)
            for limit, core in zip(limits, share_out(len(limits)), strict=True)
        ]
        self._store = session.store
        self._options = options
        self._replacements = len(limits)
        self._live: list[Worker] = []
        self._ended: list[Snapshot] = []
        self._results: list[VehicleResult] = []
        self._log: deque[LogLine] = deque(maxlen=LOG_LINES)
        self._placeholders = Placeholders()
        self._held: dict[str, float] = {}
        self._error = ""
        self._there: Workload | None = None
        self._orders: list[bytes] = []
        self._phase = Phase.STARTING
        self._began = time.monotonic()
        self._over: float | None = None

    @property
    def results(self) -> tuple[VehicleResult, ...]:
        """A line for each vehicle that ended, in that order."""
        return tuple(self._results)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes at work."""
        return tuple(worker.pid for worker in self._live)

    def snapshot(self) -> Snapshot:
        """The whole run at this moment."""
        going = [worker.seen for worker in self._live if worker.seen]
        whole = Snapshot(
            run_id=self._parts[0].run_id,
            phase=self._phase,
            options=self._options,
            elapsed=(self._over or time.monotonic()) - self._began,
            log=tuple(self._log),
            error=self._error,
            placeholders=self._placeholders.noticed(),
        )
        return merged(whole, [*self._ended, *going], going, self._there)

    def stop(self) -> None:
        """Drain every worker."""
        self._order(b"stop\n")

    def cut(self) -> None:
        """Stop every worker at once."""
        self._order(b"cut\n")

    def _order(self, order: bytes) -> None:
        self._orders.append(order)
        for worker in self._live:
            worker.send(order)

    async def run(self) -> Snapshot:
        """Work to the end; raises Problem when none of them could go on."""
        self._began = time.monotonic()
        await recall(self._placeholders, self._store)
        tasks = [asyncio.create_task(self._keep(number, part)) for number, part in enumerate(self._parts, 1)]
        weighing = asyncio.create_task(self._weigh())
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (weighing, *tasks):
                task.cancel()
            await asyncio.gather(weighing, *tasks, return_exceptions=True)
            self._over = time.monotonic()
        self._phase = self._end()
        return self.snapshot()

    async def _weigh(self) -> None:
        """Learn how much is there in all: each worker sees to its own limit, and not that others see the same."""
        with contextlib.suppress(Problem):
            self._there = await self._store.workload(self._options.scope, self._options.max_images)

    def _end(self) -> Phase:
        ended = {seen.phase for seen in self._ended}
        if self._error and not ended & {Phase.FINISHED, Phase.STOPPED}:
            raise Problem(self._error)
        if self._error:
            return Phase.FAILED
        return Phase.STOPPED if Phase.STOPPED in ended else Phase.FINISHED

    async def _keep(self, number: int, part: Part) -> None:
        """Have a part worked to its end, by one worker after the other where they die."""
        try:
            while part.limit > 0 and not (worker := await self._work(number, part)).over:
                await self._bury(worker)
                part = replace(part, limit=part.limit - worker.done)
                if not self._replace(worker, part.limit):
                    return
        except OSError as error:
            self._fail(f"worker {number} could not be started: {error.strerror or error}.")

    async def _work(self, number: int, part: Part) -> Worker:
        worker = await Worker.start(number, part)
        self._live.append(worker)
        worker.send(News(placeholders=self._placeholders.to_learn()).encoded())
        for order in self._orders:
            worker.send(order)
        try:
            async for message in worker.messages():
                self._take(worker, message)
        finally:
            await worker.close()
            self._live.remove(worker)
            if seen := worker.seen if worker.over else worker.remains():
                self._ended.append(seen)
        return worker

    def _take(self, worker: Worker, message: Message) -> None:
        worker.name = message.worker or worker.name
        worker.seen = message.seen or worker.seen
        worker.over = message.last
        self._results.extend(message.results)
        self._log.extend(replace(line, text=f"{worker.number} · {line.text}") for line in message.log)
        if message.error and message.last:
            self._error = self._error or message.error
        for sight in message.sights:
            self._see(sight)
        for host in message.seen.hosts if message.seen else ():
            self._pass_on(worker, host)

    def _see(self, sight: Sight) -> None:
        """Count a picture for all workers, and let them know when the next vehicle makes it a placeholder."""
        seen = self._placeholders.see(sight)
        if seen is Seen.NEARLY:
            self._tell(self._live, News(placeholders=(sight,)))
        if seen is Seen.NEWS:
            self._log.append(LogLine(time.time(), news_of(sight), "warn"))

    def _pass_on(self, worker: Worker, host: HostPace) -> None:
        """What a host has asked one worker for holds for all of them; whether it is down each finds out for itself."""
        until = time.monotonic() + host.wait
        if host.open or host.wait < SHORTEST_HOLD or until < self._held.get(host.host, 0.0) + LONGER:
            return
        self._held[host.host] = until
        others = [other for other in self._live if other is not worker]
        self._tell(others, News(holds=(Hold(host.host, host.wait, host.note),)))

    @staticmethod
    def _tell(workers: Sequence[Worker], news: News) -> None:
        for worker in workers:
            worker.send(news.encoded())

    async def _bury(self, worker: Worker) -> None:
        """Tell the store that one has died, which would take it for alive for a while."""
        with contextlib.suppress(Problem):
            for member in await self._store.fleet():
                if member.share.worker == worker.name and worker.seen:
                    await self._store.save_run(_last_report(member.share, worker.seen, f"{worker.fate()}."))

    def _replace(self, worker: Worker, limit: int) -> bool:
        """Tell the fate of one that died; whether another one is to take its part, `limit` vehicles."""
        if self._orders or limit <= 0:
            self._log.append(LogLine(time.time(), f"{worker.fate()}.", "warn"))
            return False
        self._replacements -= 1
        if self._replacements < 0:
            left = f"{plural(limit, 'vehicle')} of the limit stay undone; the same command goes on with them"
            self._fail(f"{worker.fate()}; too many have died to start another: {left}.")
            return False
        self._log.append(LogLine(time.time(), f"{worker.fate()}; another one takes its place.", "warn"))
        return True

    def _fail(self, error: str) -> None:
        self._error = self._error or error
        self._log.append(LogLine(time.time(), error, "error"))


def _last_report(share: RunRecord, seen: Snapshot, error: str) -> RunRecord:
    """What one that died would have reported; what it had not done of its limit is another's."""
    return replace(
        share,
        ended_at=share.seen_at,
        phase=Phase.FAILED,
        options=share.options.tuned(limit=max(1, seen.vehicles_done)),
        tally=seen.tally,
        vehicles_done=seen.vehicles_done,
        vehicles_total=seen.vehicles_done,
        error=error,
    )
