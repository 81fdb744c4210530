"""What the app on screen costs over a run without one: `python -m tests.bench.bench_app [--images N] [--rounds N]`.

Both fetch the same photos from nginx into a local store, in turn. The app runs in a terminal of 120x36 that somebody
reads, with `r` pressed once it is up. Prints CPU seconds of each, their ratio, and the longest callback of the app's
event loop in milliseconds: nothing can be drawn and no key taken meanwhile.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import shutil
import sqlite3
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.bench.bench_images import ENV, OURS, emptied, ours
from tests.bench.corpus import write_feed, write_photos
from tests.bench.hosts import nginx
from tests.bench.measure import run

SIZE = (36, 120)
_WATCHED = """
import asyncio.events, atexit, sys, time
run, longest = asyncio.events.Handle._run, [0.0]
def timed(handle):
    began = time.perf_counter()
    run(handle)
    took = time.perf_counter() - began
    if began - start > float(sys.argv[2]):
        longest[0] = max(longest[0], took)
start = time.perf_counter()
asyncio.events.Handle._run = timed
atexit.register(lambda: open(sys.argv[1], "w").write(str(longest[0])))
from tui.cli import main
sys.exit(main(sys.argv[3:]))
"""
SETTLED = 2.0
"""Seconds in which the app comes up; stalls of its start are those of a program that is loading."""


def on_screen(urls: Sequence[str]) -> tuple[float, float]:
    """A run in the app: its CPU seconds and the longest callback in milliseconds."""
    with emptied() as folder:
        vehicles = write_feed(folder / "feed.jsonl", urls)
        store = ("--store", f"local:{folder}/store")
        run((*OURS, *store, "import", "feed.jsonl"), folder, ENV)
        process, terminal = pty.fork()
        if process == 0:
            options = {"BACKFILL_LIMIT": str(vehicles), "BACKFILL_PACE": "unlimited", "TERM": "xterm-256color"}
            words = [sys.executable, "-c", _WATCHED, str(folder / "longest"), str(SETTLED), *store]
            os.execvpe(sys.executable, words, {**os.environ, **ENV, **options})  # noqa: S606 - it is what we measure
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        threading.Thread(target=_read, args=(terminal,), daemon=True).start()
        time.sleep(SETTLED + 0.5)
        os.write(terminal, b"r")
        _until_run(folder / "store" / "store.sqlite3")
        os.write(terminal, b"\x1bq")
        _, _, used = os.wait4(process, 0)
        return used.ru_utime + used.ru_stime, float((folder / "longest").read_text()) * 1000


def _read(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the program has ended
        pass


def _until_run(file: Path, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with closing(sqlite3.connect(file)) as db:
            if db.execute("SELECT 1 FROM image_backfill_shares WHERE ended_at IS NOT NULL").fetchone():
                time.sleep(1.0)
                return
        time.sleep(0.2)
    raise SystemExit("the run in the app did not end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-app-"))
    try:
        names = write_photos(folder / "photos", given.images)
        with nginx(folder / "photos", folder / "nginx") as host:
            urls = [f"{host}/{name}" for name in names]
            pairs = [(ours(urls).cost.cpu, *on_screen(urls)) for _ in range(given.rounds)]
    finally:
        shutil.rmtree(folder)
    for headless, app, stall in pairs:
        print(f"headless {headless:.2f} s CPU, app {app:.2f} s, longest callback {stall:.0f} ms")
    print(f"the app takes {statistics.median(app / headless for headless, app, _ in pairs):.2f} × the CPU")


if __name__ == "__main__":
    main()
