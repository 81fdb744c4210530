"""Watching a run or an import from a shell: live on a terminal, plain lines when piped; all of it on stderr."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from tui.app.words import MARKS, byte_rate, clean, duration, host_rate, host_trouble, phase_name, plural
from tui.model import LogLine, Snapshot, VehicleResult

if TYPE_CHECKING:  # rich takes its time to load, and who is piped needs none of it
    from rich.console import Console, RenderableType

    from tui.listings.intake import ImportReport

REFRESH = 0.1
AROUND_LANES = 6
"""Rows for all but the lanes: the bar, a line that may wrap, and the last word that was said above."""

PLAIN_EVERY = 5.0
"""Seconds between the progress lines of a run that is piped."""


def counters(snapshot: Snapshot) -> str:
    """The outcomes so far, zero ones left out."""
    tally = snapshot.tally
    named = {
        "stored": tally.stored,
        "duplicate": tally.duplicate,
        "refused": tally.refused,
        "deferred": tally.deferred,
    }
    return "   ".join(f"{name} {count:,}" for name, count in named.items() if count) or "nothing yet"


def progress_line(snapshot: Snapshot) -> str:
    """A run in one line."""
    eta = f"   ETA {duration(snapshot.eta)}" if snapshot.eta is not None else ""
    trouble = f"   waiting: {clean(snapshot.trouble)}" if snapshot.trouble else ""
    hosts = "" if snapshot.phase.over else "".join(f"   {told}" for told in troubled(snapshot, 2))
    phase = phase_name(snapshot.phase, snapshot.in_flight)
    return (
        f"{phase}   {snapshot.vehicles_done:,} / {plural(snapshot.vehicles_total, 'vehicle')}   "
        f"{snapshot.tally.done:,} / {plural(snapshot.images_total, 'image')}   {counters(snapshot)}   "
        f"{snapshot.images_per_second:.1f} images/s   {byte_rate(snapshot.bytes_per_second)}{eta}{trouble}{hosts}"
    )


def troubled(snapshot: Snapshot, most: int) -> list[str]:
    """The hosts that get fewer requests than the settings allow, at most so many, and how many more there are."""
    hosts = [host for host in snapshot.hosts if host_trouble(host)]
    hosts.sort(key=lambda host: (not host.open, -host.wait))
    told = [f"{clean(host.host)} {host_rate(host.rate)}: {host_trouble(host)}" for host in hosts[:most]]
    return [*told, f"+ {plural(len(hosts) - most, 'more host')}"] if len(hosts) > most else told


class Runner(Protocol):
    """A run that can be watched: a `Trickle`, or many of them in processes of their own."""

    @property
    def results(self) -> tuple[VehicleResult, ...]:
        """A line for each vehicle that ended."""
        ...

    def snapshot(self) -> Snapshot:
        """The whole run at this moment."""
        ...

    def stop(self) -> None:
        """Drain."""
        ...

    def cut(self) -> None:
        """Stop at once."""
        ...

    async def run(self) -> Snapshot:
        """Work to the end; raises Problem."""
        ...


class Lines:
    """New log lines of a run, each given once."""

    def __init__(self) -> None:
        self._last: LogLine | None = None

    def fresh(self, snapshot: Snapshot) -> tuple[LogLine, ...]:
        """Those since the last call."""
        log = snapshot.log
        start = next((i + 1 for i in range(len(log) - 1, -1, -1) if log[i] is self._last), 0)
        self._last = log[-1] if log else self._last
        return log[start:]


def _words(line: LogLine) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(line.at))}  {clean(line.text)}"


def display(snapshot: Snapshot, height: int) -> RenderableType:
    """What a terminal of `height` rows shows of a run: as many lanes as there is room for, and how far it is."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(max_width=36, no_wrap=True, overflow="ellipsis")
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for lane in snapshot.lanes[: max(0, height - AROUND_LANES)]:
        grid.add_row(Text(clean(lane.title)), Text("".join(MARKS[mark] for mark in lane.marks)))
    line = Table.grid()  # rich's bar does not end its line, and what comes after it would not be seen
    line.add_row(ProgressBar(total=max(1, snapshot.images_total), completed=snapshot.tally.done))
    return Group(grid, line, Text(progress_line(snapshot), no_wrap=False))


async def _follow_live(run: Runner, console: Console, running: asyncio.Task[Snapshot]) -> None:
    from rich.live import Live
    from rich.text import Text

    lines = Lines()
    with Live(console=console, refresh_per_second=1 / REFRESH, auto_refresh=False, transient=True) as live:
        while not running.done():
            snapshot = run.snapshot()
            for line in lines.fresh(snapshot):
                live.console.print(Text(_words(line)))
            live.update(display(snapshot, console.height), refresh=True)
            await asyncio.wait({running}, timeout=REFRESH)


async def _follow_plain(run: Runner, running: asyncio.Task[Snapshot]) -> None:
    lines = Lines()
    told = time.monotonic()
    while True:
        snapshot = run.snapshot()
        for line in lines.fresh(snapshot):
            _say(_words(line))
        if time.monotonic() - told >= PLAIN_EVERY or running.done():
            told = time.monotonic()
            _say(progress_line(snapshot))
        if running.done():
            return
        await asyncio.wait({running}, timeout=1.0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _terminal() -> Console | None:
    """Where something can be drawn, if stderr is such a place."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_terminal else None


@contextmanager
def telling_import() -> Iterator[Callable[[ImportReport], None]]:
    """Something to call with the report so far: a line that lives on a terminal, one now and then when piped."""
    if console := _terminal():
        from rich.text import Text

        with console.status("reading …") as status:
            yield lambda seen: status.update(Text(import_line(seen)))
        return
    told = time.monotonic()

    def tell(seen: ImportReport) -> None:
        nonlocal told
        if time.monotonic() - told >= PLAIN_EVERY:
            told = time.monotonic()
            _say(import_line(seen))

    yield tell


def import_line(seen: ImportReport) -> str:
    """An import in one line."""
    return f"{seen.fraction:.0%}   {plural(seen.lines, 'line')}   {seen.inserted:,} inserted   {seen.bad_count:,} bad"


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class Interrupts:
    """Ctrl-C drains the run, a second one cuts it."""

    def __init__(self, run: Runner) -> None:
        self.count = 0
        self._run = run

    def again(self) -> None:
        """One more signal has come."""
        self.count += 1
        if self.count == 1:
            self._run.stop()
        else:
            self._run.cut()


@contextmanager
def on_guard(run: Runner) -> Iterator[Interrupts]:
    """Signals drain and cut the run for as long as the block lasts, and do nothing else."""
    interrupts = Interrupts(run)
    with _signals(interrupts.again):
        yield interrupts


async def follow(run: Runner) -> Snapshot:
    """Run to the end while telling how it goes; the last snapshot. Raises Problem."""
    running = asyncio.create_task(run.run())
    try:
        if console := _terminal():
            await _follow_live(run, console, running)
        else:
            await _follow_plain(run, running)
        return await running
    finally:
        # A signal from before the guard cancels this; the run must not go on without its store.
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
