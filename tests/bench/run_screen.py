"""The run screen at work without an engine, in a process of its own: `bench_app` starts it in a terminal.

    python -m tests.bench.run_screen FILE TICKS LANES HOSTS RATE

A made-up run of that many lanes and hosts ends RATE images a second; the app looks at it ten times a second, as it
does at a real one. Writes to FILE, as JSON, CPU milliseconds per tick: of the whole process without making the run up
(`all`), and of freezing the snapshots among them (`snapshot`). The median of several stretches counts.
"""

from __future__ import annotations

import inspect
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, cast

from tui.app.app import LOOKS_PER_SECOND, BackfillApp
from tui.app.doors import Doors
from tui.app.screens.run import RunScreen
from tui.model import HostPace, Mark, Outcome, Phase, Reason, Result, RunOptions, Snapshot, VehicleResult, Workload
from tui.trickle.progress import LaneView, Progress
from tui.trickle.session import Session

STRETCH = 20
"""Ticks that are measured together."""

WARM = 10
IMAGES = 20
DEALERS = 5
REFUSED_EVERY = 50


class MadeUpRun:
    """What the app sees of a run: every lane has its images fetched four at a time."""

    phase = Phase.RUNNING
    results: tuple[VehicleResult, ...] = ()

    def __init__(self, lanes: int, hosts: int, rate: float) -> None:
        self.options = RunOptions(batch_size=lanes, limit=100_000)
        self.making = self.freezing = 0.0
        self._rate = rate / LOOKS_PER_SECOND
        self._due = 0.0
        self._ended = self._begun = 0
        self._hosts = [f"img{number}.dealer.example" for number in range(hosts)]
        self._progress = Progress("20260105-090042-d29a")
        self._progress.expect({str(dealer): Workload(20_000, 20_000 * IMAGES) for dealer in range(DEALERS)})
        self._lanes = [self._open() for _ in range(lanes)]

    def go_on(self) -> None:
        """End as many images as are due with a tick."""
        began = time.thread_time()
        self._due += self._rate
        while self._due >= 1:
            self._due -= 1
            self._end_image()
        self.making += time.thread_time() - began

    def snapshot(self) -> Snapshot:
        """It at this moment."""
        began = time.thread_time()
        busy = len(self._lanes)
        hosts = [HostPace(host, 8.0, 4, (self._ended + number) % 5, note="") for number, host in enumerate(self._hosts)]
        seen = self._progress.snapshot(self.phase, self.options, 4 * busy, hosts)
        self.freezing += time.thread_time() - began
        return seen

    def _open(self) -> LaneView:
        dealer = str(self._begun % DEALERS)
        title = f"2019 Ford Model {self._begun}"
        lane = self._progress.open_lane(f"vehicle-{self._begun}", title, dealer, f"Dealer {dealer}")
        lane.marks = [Mark.FETCHING] * 4 + [Mark.WAITING] * (IMAGES - 4)
        lane.host = self._hosts[self._begun % len(self._hosts)]
        self._begun += 1
        return lane

    def _end_image(self) -> None:
        place = self._ended % len(self._lanes)
        lane = self._lanes[place]
        index = lane.marks.index(Mark.FETCHING)
        url = f"https://{lane.host}/inventory/{lane.vehicle_id}/{index}.jpg"
        self._ended += 1
        if self._ended % REFUSED_EVERY:
            self._progress.count(lane, index, Outcome(url, lane.host, Result.STORED), 150_000)
        else:
            self._progress.count(lane, index, Outcome(url, lane.host, Result.REFUSED, Reason.NOT_FOUND))
        if Mark.WAITING in lane.marks:
            lane.marks[lane.marks.index(Mark.WAITING)] = Mark.FETCHING
        elif Mark.FETCHING not in lane.marks:
            self._progress.close_lane(lane, VehicleResult(lane.vehicle_id, lane.title, "success", IMAGES, IMAGES))
            self._lanes[place] = self._open()


class WatchedApp(BackfillApp):
    """The app on the run screen of a made-up run; leaves after so many ticks."""

    CSS_PATH = str(Path(inspect.getfile(BackfillApp)).with_name("app.tcss"))

    def __init__(self, made_up: MadeUpRun, ticks: int) -> None:
        super().__init__(Doors(_nothing, cast(Any, _nothing)))
        self.made_up = made_up
        self.costs: list[tuple[float, float]] = []
        self._left = WARM + ticks
        self._mark = (0.0, 0.0)

    def on_mount(self) -> None:
        """Watch from the first paint on."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.trickle = cast(Any, self.made_up)
        self._run_over.clear()
        self.snapshot = self.made_up.snapshot()
        self.push_screen(RunScreen())
        self.set_interval(1 / LOOKS_PER_SECOND, self._tick)

    def _tick(self) -> None:
        if self._left % STRETCH == 0:
            self._measure()
        if not self._left:
            self._run_over.set()
            self.exit()
            return
        self._left -= 1
        self.made_up.go_on()
        self._look()

    def _measure(self) -> None:
        before, self._mark = self._mark, (time.process_time() - self.made_up.making, self.made_up.freezing)
        if before[0]:
            whole, freezing = (now - then for now, then in zip(self._mark, before, strict=True))
            self.costs.append((1000 * whole / STRETCH, 1000 * freezing / STRETCH))


async def _nothing() -> Session:
    raise NotImplementedError


def main() -> None:
    file, ticks, lanes, hosts, rate = sys.argv[1:6]
    app = WatchedApp(MadeUpRun(int(lanes), int(hosts), float(rate)), int(ticks))
    app.run()
    whole, freezing = (statistics.median(costs) for costs in zip(*app.costs, strict=True))
    Path(file).write_text(json.dumps({"all": whole, "snapshot": freezing}))


if __name__ == "__main__":
    main()
