"""The trickle: claim → images → record → mark, with pause, tuning, drain and stop while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tui.images.pace import PROFILES
from tui.model import Lease, Phase, Problem, RunOptions, RunRecord, Settlement, Snapshot, VehicleResult, Wish, Workload
from tui.stores import LeaseLost, Store
from tui.trickle.lane import Bench, VehicleLane
from tui.trickle.likeness import Placeholders, recall
from tui.trickle.progress import Progress
from tui.trickle.reporter import Once, Reporter

if TYPE_CHECKING:
    from tui.images.obtain import Images

LEASE = 60.0
"""Seconds that a claimed vehicle stays this worker's without a heartbeat."""

HEARTBEAT = 5.0

NAMED = 1_000
"""Organizations whose names are known before their first vehicle begins."""


def worker_name() -> str:
    """A new name for leases and journals, e.g. `mini:4242.7c3f`: no other worker ever has it, whatever its pid."""
    return f"{socket.gethostname()}:{os.getpid()}.{secrets.token_hex(2)}"


def new_run_id(now: float) -> str:
    """An id that sorts by time, e.g. `20260131-084107-3f9a`."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"


class Trickle:
    """One run of the engine over a store; every face drives this same class. It closes `images` when it ends.

    `run` works until nothing claimable is left, the limit is reached or it is stopped. The control methods may be
    called at any time from the same event loop; `snapshot` is how anyone watches.
    """

    def __init__(
        self,
        store: Store,
        images: Images,
        options: RunOptions,
        *,
        worker: str | None = None,
        run_id: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self.worker = worker or worker_name()
        self._store = store
        self._images = images
        self._clock = clock
        self._progress = Progress(run_id or new_run_id(clock()), clock)
        self._bench = Bench(store, images, self._progress, clock)
        self._reporter = Reporter(store, self._record, self._obey, self._progress.log)
        self._reporting: asyncio.Task[None] | None = None
        self._queue: deque[Lease] = deque()
        self._lanes: dict[asyncio.Task[None], VehicleLane] = {}
        self._claimed = 0
        self._asked = 0
        self._over = False
        self._stopping = False
        self._ended: Phase | None = None
        self._error = ""
        self._changed = asyncio.Event()
        self._recount = False
        self._exhausted = False

    @property
    def run_id(self) -> str:
        """The run that this worker is a part of; known for good once it has begun."""
        return self._progress.run_id

    @property
    def results(self) -> tuple[VehicleResult, ...]:
        """A line for each vehicle that ended in this run, in that order."""
        return tuple(self._progress.results)

    @property
    def placeholders(self) -> Placeholders:
        """The pictures that are counted in this run."""
        return self._progress.placeholders

    @property
    def phase(self) -> Phase:
        """Where the run stands at this moment."""
        if self._ended is not None:
            return self._ended
        if self._stopping:
            return Phase.STOPPING
        if self._images.pace.paused:
            return Phase.PAUSING if self._in_flight else Phase.PAUSED
        return Phase.RUNNING if self._claimed else Phase.STARTING

    @property
    def _in_flight(self) -> int:
        at_hand = sum(lane.at_hand for lane in self._lanes.values())
        return self._images.pace.in_flight + self._images.inspecting + at_hand

    def snapshot(self) -> Snapshot:
        """The whole run at this moment, frozen; cheap enough for ten times a second."""
        return self._progress.snapshot(
            self.phase,
            self.options,
            self._in_flight,
            self._images.pace.hosts(),
            self._error,
            trouble=self._store.trouble,
            workers=self._reporter.workers,
        )

    def pause(self) -> None:
        """Let no new request start, in any worker of the run; those in flight end, leases are kept."""
        self._hold("paused by the operator")
        self._reporter.want(Wish.PAUSE)

    def resume(self) -> None:
        """Go on after `pause`, in every worker of the run."""
        self._go_on("resumed")
        self._reporter.want(Wish.RUN)

    def _hold(self, why: str) -> None:
        self._images.pace.pause()
        self._progress.log(why)

    def _go_on(self, why: str) -> None:
        self._images.pace.resume()
        self._progress.resume()
        self._changed.set()
        self._progress.log(why)

    def hold_off(self, host: str, seconds: float, note: str) -> None:
        """Ask a host for nothing for so long, as it has told another process of the run; `note` says why."""
        self._images.pace.hold_off(host, seconds, note)

    def stop(self) -> None:
        """Drain: end what is in flight, claim no more, release what is left. Other workers of the run go on."""
        self._drain("stopping")

    def _drain(self, why: str) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._images.pace.drain()
        seconds = self._images.bandwidth.drain()
        for lane in self._lanes.values():
            lane.halt()
        self._changed.set()
        late = f"; what the bandwidth limit keeps for more than {seconds:g} s is left to a later run" if seconds else ""
        self._progress.log(f"{why}: requests in flight end, nothing new begins{late}")

    def _obey(self, wish: Wish) -> None:
        """Do what is wanted of the run, by whomever."""
        paused = self._images.pace.paused
        if self._stopping or self._ended is not None:
            return
        if wish is Wish.STOP:
            self._drain("the run was stopped from elsewhere")
        elif wish is Wish.PAUSE and not paused:
            self._hold("the run was paused from elsewhere")
        elif wish is Wish.RUN and paused:
            self._go_on("the run was resumed from elsewhere")

    def cut(self) -> None:
        """Stop at once: requests in flight are ended too; what is stored stays recorded."""
        self.stop()
        for lane in self._lanes.values():
            lane.cut()

    def tune(self, options: RunOptions) -> None:
        """Change batch size, cap, limit, pace and bandwidth while the run goes on; the scope stays.

        The cap holds for vehicles that begin from now on.
        """
        before, self.options = self.options, options
        if options.pace != before.pace:
            self._images.pace.retune(PROFILES[options.pace])
        if options.bandwidth != before.bandwidth:
            self._images.bandwidth.retune(options.bandwidth)
        self._recount |= (options.limit, options.max_images) != (before.limit, before.max_images)
        self._changed.set()

    async def run(self) -> Snapshot:
        """Work to the end and return the last snapshot; raises Problem when the run could not go on."""
        hearts = [
            asyncio.create_task(self._beat("heartbeat", self._keep_leases)),
            asyncio.create_task(self._beat("what is ahead", self._expect_of_shared)),
        ]
        try:
            await self._begin()
            await self._work()
            with contextlib.suppress(Problem):
                await self._expect_at_last()
            self._ended = Phase.STOPPED if self._stopping else Phase.FINISHED
        except Problem as problem:
            self._fail(str(problem))
            raise
        except Exception as error:
            fault = (
                f"The run ended on an unexpected fault ({type(error).__name__}: {error}); what is stored stays stored."
            )
            self._fail(fault)
            raise Problem(fault) from error
        except asyncio.CancelledError:
            self._ended = Phase.STOPPED
            raise
        finally:
            for heart in hearts:
                heart.cancel()
            await asyncio.shield(self._wind_up())
        return self.snapshot()

    def _fail(self, error: str) -> None:
        self._ended = Phase.FAILED
        self._error = error
        self._progress.log(error, "error")

    async def _begin(self) -> None:
        self._progress.run_id = await self._store.join_run(self._record())
        await self._reporter.tell()  # a run that is paused is known to be before anything is claimed
        self._reporting = asyncio.create_task(self._reporter.run())
        if self.placeholders.tell is None:  # else whoever counts for this process knows
            await recall(self.placeholders, self._store)
        await self._expect()
        named = await self._store.organizations(limit=NAMED)
        self._progress.name_organizations({organization.id: organization.name for organization in named.rows})
        self._progress.log(f"run {self.run_id} begins")

    async def _expect(self) -> None:
        """Ask the store what is ahead, within what is left of the limit."""
        self._recount = False
        self._asked += 1
        asked, claimed, options = self._asked, self._claimed, self.options
        left = max(0, options.limit - claimed)
        nothing = self._exhausted or not left
        work = {} if nothing else await self._store.workload_by_organization(options.scope, options.max_images, left)
        if (asked, claimed) != (self._asked, self._claimed):
            return  # an answer about a moment that has passed
        limited = sum(part.vehicles for part in work.values()) >= left
        for lease in self._queue:
            vehicle = lease.vehicle
            known = work.get(vehicle.organization_id or "", Workload())
            images = min(vehicle.url_count, options.max_images)
            work[vehicle.organization_id or ""] = Workload(known.vehicles + 1, known.images + images)
        self._progress.expect(work, sharing=1 if limited else self._reporter.workers)

    async def _expect_of_shared(self) -> None:
        """Ask what is ahead once more where others take from it as well."""
        if self._reporter.shared:
            await self._expect()

    async def _expect_at_last(self) -> None:
        """Once more: others may have taken what was ahead without a word of theirs that has come this far."""
        if self._exhausted or self._reporter.shared:
            await self._expect()

    async def _work(self) -> None:
        while True:
            if self._recount:
                await self._expect()
            if self._wants_more():
                await self._claim()
            self._fill_lanes()
            if not self._lanes and not self._held_back:
                return
            await self._wait()

    @property
    def _held_back(self) -> bool:
        """Whether only a pause keeps the run from looking for more."""
        return self._images.pace.paused and not self._stopping

    def _wants_more(self) -> bool:
        if self._stopping or self._exhausted or self._queue or self._held_back:
            return False
        return len(self._lanes) < self.options.batch_size and self._claimed < self.options.limit

    async def _claim(self) -> None:
        size = min(self.options.batch_size, self.options.limit - self._claimed)
        leases = await self._store.claim(self.options.scope, size, worker=self.worker, run_id=self.run_id, ttl=LEASE)
        self._claimed += len(leases)
        self._exhausted = not leases
        self._queue.extend(leases)

    def _fill_lanes(self) -> None:
        while self._queue and not self._stopping and len(self._lanes) < self.options.batch_size:
            lane = VehicleLane(self._bench, self._queue.popleft(), self.options.max_images)
            self._lanes[asyncio.create_task(lane.run())] = lane

    async def _wait(self) -> None:
        """Until a lane ends or a control method was called; raises what a lane raised."""
        self._changed.clear()
        change = asyncio.create_task(self._changed.wait())
        try:
            done, _ = await asyncio.wait({change, *self._lanes}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        for task in [task for task in self._lanes if task in done]:
            del self._lanes[task]
            task.result()

    async def _beat(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it at every heartbeat for as long as the run lasts, paused or not."""
        once = Once(what, self._progress.log)
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - a heart that stops would cost every lease
                once.failed(error)
            else:
                once.worked()

    async def _keep_leases(self) -> None:
        held = [*self._queue, *(lane.lease for lane in self._lanes.values())]
        lost = await self._store.renew(held, LEASE) if held else frozenset()
        self._queue = deque(lease for lease in self._queue if lease.vehicle.id not in lost)
        for lane in self._lanes.values():
            if lane.lease.vehicle.id in lost:
                lane.cut()

    async def _wind_up(self) -> None:
        """Leave nothing behind, however the run ended: lanes over, leases released, the journal closed."""
        for lane in self._lanes.values():
            lane.cut()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        await self._images.close()
        self._progress.end()
        with contextlib.suppress(Problem):
            for lease in self._queue:
                with contextlib.suppress(LeaseLost):
                    await self._store.settle(lease, Settlement(run_id=self.run_id))
        self._over = True
        self._reporter.end()
        await (self._reporting or self._reporter.tell())

    def _record(self) -> RunRecord:
        now = self._clock()
        seen = self.snapshot()
        return RunRecord(
            run_id=self.run_id,
            worker=self.worker,
            started_at=self._progress.started_at,
            seen_at=now,
            ended_at=now if self._over else None,
            phase=seen.phase,
            options=seen.options,
            tally=seen.tally,
            vehicles_done=seen.vehicles_done,
            vehicles_total=seen.vehicles_total,
            error=seen.error,
            images_per_second=seen.images_per_second,
            bytes_per_second=seen.bytes_per_second,
        )
