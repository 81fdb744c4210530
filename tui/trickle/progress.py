"""Counters that the engine bumps and watchers read as a frozen `Snapshot`: rates, ETA, lanes, log."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tui.model import (
    HostPace,
    Lane,
    LogLine,
    Mark,
    OrganizationProgress,
    Outcome,
    Phase,
    Result,
    RunOptions,
    Snapshot,
    Tally,
    VehicleResult,
    Workload,
)
from tui.trickle.likeness import Placeholders, Seen, Sight, news_of

WINDOW = 10
"""Seconds over which rates are averaged."""

HISTORY = 60
LOG_LINES = 200
FINISHED_LANES = 3.0
"""Seconds for which the lane of a finished vehicle stays visible when nothing takes its place."""

_MARKS = {
    Result.STORED: Mark.STORED,
    Result.DUPLICATE: Mark.DUPLICATE,
    Result.REFUSED: Mark.REFUSED,
    Result.DEFERRED: Mark.DEFERRED,
}


@dataclass
class LaneView:
    """The part of a lane that watchers see; its lane writes it."""

    slot: int
    vehicle_id: str
    title: str
    organization_id: str
    marks: list[Mark] = field(default_factory=list)
    host: str = ""
    ended_at: float | None = None

    def freeze(self) -> Lane:
        """A copy that does not change any more."""
        return Lane(
            slot=self.slot,
            vehicle_id=self.vehicle_id,
            title=self.title,
            marks=tuple(self.marks),
            host=self.host,
            finished=self.ended_at is not None,
        )


class Meter:
    """Events and bytes counted in one-second buckets."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self._rates_from = 0.0
        self._buckets: deque[tuple[int, int, int]] = deque(maxlen=HISTORY + 1)

    def add(self, size: int) -> None:
        """Count one event of `size` bytes, now."""
        second = int(self._clock() - self._start)
        if self._buckets and self._buckets[-1][0] == second:
            _, count, total = self._buckets.pop()
            self._buckets.append((second, count + 1, total + size))
        else:
            self._buckets.append((second, 1, size))

    def restart(self) -> None:
        """Average over nothing that was before."""
        self._rates_from = self._clock() - self._start

    def rates(self) -> tuple[float, float]:
        """Events and bytes per second over the last `WINDOW` seconds, as far as they are since the last `restart`."""
        elapsed = self._clock() - self._start
        since = max(elapsed - WINDOW, self._rates_from - 1)
        recent = [bucket for bucket in self._buckets if bucket[0] > since]
        span = max(1.0, min(elapsed - self._rates_from, WINDOW))
        return sum(b[1] for b in recent) / span, sum(b[2] for b in recent) / span

    def history(self) -> tuple[float, ...]:
        """Events in each of the last full seconds, oldest first."""
        now = int(self._clock() - self._start)
        counts = {second: count for second, count, _ in self._buckets}
        return tuple(float(counts.get(second, 0)) for second in range(max(0, now - HISTORY), now))


class Progress:
    """What a run has done so far. Written from the engine's event loop, read from the same one."""

    def __init__(
        self, run_id: str, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.run_id = run_id
        self.started_at = clock()
        self.vehicles_done = 0
        self.results: list[VehicleResult] = []
        self._clock = clock
        self._monotonic = monotonic
        self._began = monotonic()
        self._ended: float | None = None
        self._meter = Meter(monotonic)
        self._results: Counter[Result] = Counter()
        self._refusals: Counter[str] = Counter()
        self._bytes = 0
        self._images_total = 0
        self._images_of_others = 0.0
        self._vehicles_total = 0
        self._names: dict[str, str] = {}
        self._totals: dict[str, int] = {}
        self._done: Counter[str] = Counter()
        self._lanes: dict[int, LaneView] = {}
        self._log: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.placeholders = Placeholders()
        self._similar = 0

    def expect(self, work: dict[str, Workload], sharing: int = 1) -> None:
        """What is still ahead beside the open lanes, per organization id; what is done already is added.

        `sharing` workers, this one among them, take from it.
        """
        begun = self._done + Counter(lane.organization_id for lane in self._open_lanes())
        ahead = Counter({org: part.vehicles for org, part in work.items()})
        self._totals = dict(ahead + begun)
        self._vehicles_total = sum(self._totals.values())
        going = sum(mark in (Mark.WAITING, Mark.FETCHING) for lane in self._open_lanes() for mark in lane.marks)
        images = sum(part.images for part in work.values())
        self._images_total = self.tally().done + going + images
        self._images_of_others = images * (1 - 1 / sharing)

    def name_organizations(self, names: dict[str, str]) -> None:
        """Names for the ids given to `expect`."""
        self._names.update(names)

    def correct_images(self, expected: int, actual: int) -> None:
        """A vehicle turned out to have `actual` images to fetch where `expected` were counted."""
        self._images_total += actual - expected

    def open_lane(self, vehicle_id: str, title: str, organization_id: str, organization_name: str) -> LaneView:
        """Give a vehicle the lowest free place."""
        taken = {lane.slot for lane in self._open_lanes()}
        slot = next(n for n in range(len(taken) + 1) if n not in taken)
        view = LaneView(slot, vehicle_id, title, organization_id)
        self._names.setdefault(organization_id, organization_name)
        self._totals.setdefault(organization_id, 0)
        self._lanes[slot] = view
        return view

    def _open_lanes(self) -> list[LaneView]:
        return [lane for lane in self._lanes.values() if lane.ended_at is None]

    def close_lane(self, view: LaneView, result: VehicleResult | None) -> None:
        """A vehicle has ended; `result` None means that it was let go without one."""
        view.ended_at = self._monotonic()
        if result is None:
            return
        self.vehicles_done += 1
        self._done[view.organization_id] += 1
        self.results.append(result)

    def count(self, view: LaneView, index: int, outcome: Outcome, size: int = 0) -> None:
        """One image of a lane has ended, `size` bytes stored."""
        view.marks[index] = _MARKS[outcome.result]
        self._results[outcome.result] += 1
        self._bytes += size
        self._meter.add(size)
        if outcome.reason is not None:
            self._refusals[outcome.reason.value] += 1
            reason = f"{outcome.reason.words} ({outcome.reason.advice})"
            self.log(f"{outcome.result.value:<9} {outcome.source_url}  {reason}", "warn")

    def count_similar(self) -> None:
        """An image looks like an earlier one of its vehicle."""
        self._similar += 1

    def is_placeholder(self, sight: Sight) -> bool:
        """Whether a host shows this picture for so many vehicles that it is a placeholder; one more has it now."""
        seen = self.placeholders.see(sight)
        if seen is Seen.NEWS:
            self.log(news_of(sight), "warn")
        return seen in (Seen.NEWS, Seen.PLACEHOLDER)

    def log(self, text: str, level: str = "info") -> None:
        """Tell something about the run."""
        self._log.append(LogLine(self._clock(), text, level))

    def resume(self) -> None:
        """The run goes on after a pause, in which nothing was to be expected: what is left is reckoned without it."""
        self._meter.restart()

    def end(self) -> None:
        """Stop the clock."""
        self._ended = self._monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, until it ended."""
        return (self._ended if self._ended is not None else self._monotonic()) - self._began

    def tally(self) -> Tally:
        """The images so far."""
        return Tally(
            stored=self._results[Result.STORED],
            duplicate=self._results[Result.DUPLICATE],
            refused=self._results[Result.REFUSED],
            deferred=self._results[Result.DEFERRED],
            bytes=self._bytes,
            refusals=dict(self._refusals.most_common()),
        )

    def snapshot(
        self,
        phase: Phase,
        options: RunOptions,
        in_flight: int,
        hosts: Sequence[HostPace],
        error: str = "",
        *,
        trouble: str = "",
        workers: int = 1,
    ) -> Snapshot:
        """Everything at this moment, frozen."""
        tally = self.tally()
        images, size = self._rates(phase)
        return Snapshot(
            run_id=self.run_id,
            phase=phase,
            options=options,
            elapsed=self.elapsed,
            vehicles_total=max(self._vehicles_total, self.vehicles_done),
            vehicles_done=self.vehicles_done,
            images_total=max(self._images_total, tally.done),
            tally=tally,
            in_flight=in_flight,
            images_per_second=images,
            bytes_per_second=size,
            history=self._meter.history(),
            eta=self._eta(phase, images, tally.done),
            organizations=self._organizations(),
            lanes=self._visible_lanes(),
            hosts=tuple(hosts),
            log=tuple(self._log),
            error=error,
            trouble=trouble,
            similar=self._similar,
            placeholders=self.placeholders.noticed(),
            workers=workers,
        )

    def _rates(self, phase: Phase) -> tuple[float, float]:
        if phase is Phase.PAUSED:
            return 0.0, 0.0
        if not phase.over:
            return self._meter.rates()
        span = max(self.elapsed, 0.001)
        return self.tally().done / span, self._bytes / span

    def _eta(self, phase: Phase, rate: float, done: int) -> float | None:
        if phase is not Phase.RUNNING or rate <= 0:
            return None
        return max(0, self._images_total - self._images_of_others - done) / rate

    def _organizations(self) -> tuple[OrganizationProgress, ...]:
        return tuple(
            OrganizationProgress(org, self._names.get(org, ""), self._done[org], max(total, self._done[org]))
            for org, total in self._totals.items()
        )

    def _visible_lanes(self) -> tuple[Lane, ...]:
        now = self._monotonic()
        return tuple(
            self._lanes[slot].freeze()
            for slot in sorted(self._lanes)
            if (ended := self._lanes[slot].ended_at) is None or now - ended < FINISHED_LANES
        )
