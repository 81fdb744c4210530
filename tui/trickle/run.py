"""The trickle: claim → images → record → mark, with pause, tuning, drain and stop while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.images.pace import PROFILES
from tui.model import Lease, Phase, Problem, RunOptions, RunRecord, Settlement, Snapshot, VehicleResult, Workload
from tui.stores import LeaseLost, Store
from tui.trickle.lane import Bench, VehicleLane
from tui.trickle.progress import Progress

if TYPE_CHECKING:
    from tui.images.obtain import Images

LEASE = 60.0
"""Seconds that a claimed vehicle stays this worker's without a heartbeat."""

HEARTBEAT = 5.0

NAMED = 1_000
"""Organizations whose names are known before their first vehicle begins."""


def worker_name() -> str:
    """Who this process is in leases and journals: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


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
        self._store = store
        self._images = images
        self._worker = worker or worker_name()
        self._clock = clock
        self.run_id = run_id or new_run_id(clock())
        self._progress = Progress(self.run_id, clock)
        self._bench = Bench(store, images, self._progress, self.run_id, clock)
        self._queue: deque[Lease] = deque()
        self._lanes: dict[asyncio.Task[None], VehicleLane] = {}
        self._claimed = 0
        self._stopping = False
        self._ended: Phase | None = None
        self._error = ""
        self._changed = asyncio.Event()
        self._recount = False
        self._exhausted = False

    @property
    def results(self) -> tuple[VehicleResult, ...]:
        """A line for each vehicle that ended in this run, in that order."""
        return tuple(self._progress.results)

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
        return self._images.pace.in_flight + self._images.inspecting + self._progress.recording

    def snapshot(self) -> Snapshot:
        """The whole run at this moment, frozen; cheap enough for ten times a second."""
        return self._progress.snapshot(
            self.phase, self.options, self._in_flight, self._images.pace.hosts(), self._error
        )

    def pause(self) -> None:
        """Let no new request start; those in flight end, leases are kept."""
        self._images.pace.pause()
        self._progress.log("paused by the operator")

    def resume(self) -> None:
        """Go on after `pause`."""
        self._images.pace.resume()
        self._changed.set()
        self._progress.log("resumed")

    def stop(self) -> None:
        """Drain: end what is in flight, claim no more, release what is left."""
        if self._stopping:
            return
        self._stopping = True
        self._images.pace.drain()
        for lane in self._lanes.values():
            lane.halt()
        self._changed.set()
        self._progress.log("stopping: requests in flight end, nothing new begins")

    def cut(self) -> None:
        """Stop at once: requests in flight are ended too; what is stored stays recorded."""
        self.stop()
        for lane in self._lanes.values():
            lane.cut()

    def tune(self, options: RunOptions) -> None:
        """Change batch size, cap, limit and pace while the run goes on; the scope stays.

        The cap holds for vehicles that begin from now on.
        """
        before, self.options = self.options, options
        if options.pace != before.pace:
            self._images.pace.retune(PROFILES[options.pace])
        self._recount |= (options.limit, options.max_images) != (before.limit, before.max_images)
        self._changed.set()

    async def run(self) -> Snapshot:
        """Work to the end and return the last snapshot; raises Problem when the run could not go on."""
        heart = asyncio.create_task(self._beat())
        try:
            await self._begin()
            await self._work()
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
            heart.cancel()
            await asyncio.shield(self._wind_up())
        return self.snapshot()

    def _fail(self, error: str) -> None:
        self._ended = Phase.FAILED
        self._error = error
        self._progress.log(error, "error")

    async def _begin(self) -> None:
        await self._store.save_run(self._record())
        await self._expect()
        named = await self._store.organizations(limit=NAMED)
        self._progress.name_organizations({organization.id: organization.name for organization in named.rows})
        self._progress.log(f"run {self.run_id} begins")

    async def _expect(self) -> None:
        """Ask the store what is ahead, within what is left of the limit."""
        self._recount = False
        options = self.options
        left = max(0, options.limit - self._claimed)
        work = await self._store.workload_by_organization(options.scope, options.max_images, left)
        for lease in self._queue:
            vehicle = lease.vehicle
            known = work.get(vehicle.organization_id or "", Workload())
            images = min(vehicle.url_count, options.max_images)
            work[vehicle.organization_id or ""] = Workload(known.vehicles + 1, known.images + images)
        self._progress.expect(work)

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
        leases = await self._store.claim(self.options.scope, size, worker=self._worker, run_id=self.run_id, ttl=LEASE)
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

    async def _beat(self) -> None:
        """Keep leases and the journal entry alive for as long as the run lasts, paused or not."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await self._keep_leases()
                await self._store.save_run(self._record())
            except Exception as error:  # noqa: BLE001 - a heart that stops would cost every lease
                self._progress.log(f"heartbeat: {error}", "warn")

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
            await self._store.save_run(self._record())

    def _record(self) -> RunRecord:
        now = self._clock()
        seen = self.snapshot()
        return RunRecord(
            run_id=self.run_id,
            worker=self._worker,
            started_at=self._progress.started_at,
            seen_at=now,
            ended_at=now if seen.phase.over else None,
            phase=seen.phase,
            options=seen.options,
            tally=seen.tally,
            vehicles_done=seen.vehicles_done,
            vehicles_total=seen.vehicles_total,
            error=seen.error,
        )
