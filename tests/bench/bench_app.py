"""What the app on screen costs: `python -m tests.bench.bench_app [ticks] [runs] [stalls] [--images N] [--rounds N]`.

`ticks`: the run screen over a made-up run, without an engine (see `run_screen`): CPU milliseconds for each of the ten
looks a second, which hardly differ from one time to the next. `runs`: the app and a run without one fetch the same
photos from nginx into a local store, in turn and each first every other time: CPU seconds of both without their start,
CPU seconds per second of run, and their ratios. `stalls`: the longest callbacks of the app's event loop in such a run,
in milliseconds: nothing can be drawn and no key taken meanwhile; and how much of that its thread worked, for the rest
it waited for others. The app is in a terminal of 120x36 that somebody reads, with `r` pressed once it is up.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench_images import ENV, FEW, OURS, emptied, ours
from tests.bench.corpus import write_feed, write_photos
from tests.bench.hosts import nginx
from tests.bench.measure import run

PARTS = ("ticks", "runs", "stalls")
SIZE = (36, 120)
MADE_UP = ((10, 2, 300.0), (10, 12, 15.0), (40, 12, 100.0))
"""Lanes, hosts and images per second of made-up runs: unlimited, polite, wide."""

_TIMED = """
import asyncio.events, json, signal, sys, time
run, callbacks = asyncio.events.Handle._run, []
def timed(handle):
    began, worked = time.perf_counter(), time.thread_time()
    run(handle)
    callbacks.append((time.perf_counter() - began, time.thread_time() - worked))
    if len(callbacks) > 10_000:
        callbacks[:] = sorted(callbacks)[-5:]
asyncio.events.Handle._run = timed
signal.signal(signal.SIGUSR1, lambda *_: callbacks.clear())
signal.signal(signal.SIGUSR2, lambda *_: open(sys.argv[1], "w").write(json.dumps(sorted(callbacks)[-5:])))
from tui.cli import main
sys.exit(main(sys.argv[2:]))
"""


class Terminal:
    """A program in a terminal of its own, and the hands of who sits before it."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str]) -> None:
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            os.execvpe(words[0], list(words), dict(env))  # noqa: S606 - it is what we measure
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self._shown = bytearray()
        threading.Thread(target=self._read, daemon=True).start()

    def press(self, key: bytes) -> None:
        """Press a key; what is shown from now on counts for `until`."""
        self._shown.clear()
        os.write(self._terminal, key)

    def until(self, text: bytes, seconds: float = 120.0) -> None:
        """Wait until it shows a text."""
        end = time.monotonic() + seconds
        while text not in self._shown:
            if time.monotonic() > end:
                raise SystemExit(f"the app never showed {text.decode()}")
            time.sleep(0.02)

    def end(self) -> float:
        """Wait for its end; the CPU seconds that it took."""
        _, _, used = os.wait4(self.process, 0)
        return used.ru_utime + used.ru_stime

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the program has ended
            while shown := os.read(self._terminal, 65536):
                self._shown += shown


@dataclass(frozen=True, slots=True)
class Took:
    """CPU seconds and seconds of wall clock of a run."""

    cpu: float
    seconds: float

    def beyond(self, start: Took) -> Took:
        """Without what it costs to start."""
        return Took(max(self.cpu - start.cpu, 1e-3), max(self.seconds - start.seconds, 1e-3))


def headless(urls: Sequence[str]) -> Took:
    """A run without the app."""
    cost = ours(urls).cost
    return Took(cost.cpu, cost.seconds)


def on_screen(urls: Sequence[str], timed: Path | None = None) -> Took:
    """A run in the app; writes its longest callbacks to the file `timed`, which costs CPU."""
    with emptied() as folder:
        vehicles = write_feed(folder / "feed.jsonl", urls)
        store = ("--store", f"local:{folder}/store")
        run((*OURS, *store, "import", "feed.jsonl"), folder, ENV)
        options = {"BACKFILL_LIMIT": str(vehicles), "BACKFILL_PACE": "unlimited", "TERM": "xterm-256color"}
        program = OURS if timed is None else (sys.executable, "-c", _TIMED, str(timed))
        terminal = Terminal((*program, *store), {**os.environ, **ENV, **options})
        terminal.until(b"vehicles \xc2\xb7")  # the last line, once the inventory is there
        seconds = _watched_run(terminal, timed is not None)
        for key in (b"\x1b", b"\x1b", b"q"):  # the summary, the run, the app
            terminal.press(key)
            time.sleep(0.5)
        return Took(terminal.end(), seconds)


def _watched_run(terminal: Terminal, timed: bool) -> float:
    if timed:
        os.kill(terminal.process, signal.SIGUSR1)
    began = time.monotonic()
    terminal.press(b"r")
    terminal.until(b"finished")
    seconds = time.monotonic() - began
    if timed:
        os.kill(terminal.process, signal.SIGUSR2)
    return seconds


def ticks() -> None:
    """The run screen without an engine."""
    for lanes, hosts, rate in MADE_UP:
        with emptied() as folder:
            words = (sys.executable, "-m", "tests.bench.run_screen", str(folder / "told"), "100")
            terminal = Terminal(
                (*words, str(lanes), str(hosts), str(rate)), {**os.environ, **ENV, "TERM": "xterm-256color"}
            )
            terminal.end()
            told = json.loads((folder / "told").read_text())
        print(
            f"  {lanes} lanes, {hosts:>2} hosts, {rate:>3.0f} images/s: {told['all']:.2f} ms CPU per look, "
            f"{told['snapshot']:.2f} of them for the snapshot",
            flush=True,
        )


def runs(urls: Sequence[str], rounds: int) -> None:
    """The app beside a run without one."""
    programs = (headless, on_screen)
    starts: list[list[Took]] = [[], []]
    wholes: list[list[Took]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            starts[which].append(programs[which](urls[:FEW]))
            wholes[which].append(programs[which](urls))
    bare, app = ([whole.beyond(_middle(start)) for whole in some] for start, some in zip(starts, wholes, strict=True))
    for one, other in zip(bare, app, strict=True):
        print(f"  headless {_words(one)}   app {_words(other)}")
    cost = statistics.median(b.cpu / a.cpu for a, b in zip(bare, app, strict=True))
    pace = statistics.median(b.cpu / b.seconds / (a.cpu / a.seconds) for a, b in zip(bare, app, strict=True))
    print(f"  the app takes {cost:.2f} × the CPU, {pace:.2f} × per second of run")


def _middle(tries: Sequence[Took]) -> Took:
    return Took(statistics.median(one.cpu for one in tries), statistics.median(one.seconds for one in tries))


def _words(took: Took) -> str:
    return f"{took.cpu:.2f} s CPU, {took.cpu / took.seconds:.2f} per second"


def stalls(urls: Sequence[str], rounds: int) -> None:
    """The longest callbacks."""
    for _ in range(rounds):
        with emptied() as folder:
            on_screen(urls, folder / "longest")
            longest = json.loads((folder / "longest").read_text())
        told = (f"{1000 * wall:.0f} ms ({1000 * cpu:.0f} of work)" for wall, cpu in reversed(longest))
        print(f"  longest callbacks: {', '.join(told)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    parts = given.parts or PARTS
    if "ticks" in parts:
        ticks()
    if not {"runs", "stalls"} & {*parts}:
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-app-"))
    try:
        names = write_photos(folder / "photos", given.images)
        with nginx(folder / "photos", folder / "nginx") as host:
            urls = [f"{host}/{name}" for name in names]
            if "runs" in parts:
                runs(urls, given.rounds)
            if "stalls" in parts:
                stalls(urls, 2)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
