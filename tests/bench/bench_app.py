"""What the app on screen costs over a run without one: `python -m tests.bench.bench_app [--images N] [--rounds N]`.

Both fetch the same photos from nginx into a local store, in turn. The app runs in a terminal of 120x36 that somebody
reads, with `r` pressed once it is up. Prints CPU seconds of each without its start, their ratio, and the longest
callback of the app's event loop in milliseconds while it ran: nothing can be drawn and no key taken meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
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
from pathlib import Path

from tests.bench.bench_images import ENV, FEW, OURS, emptied, ours
from tests.bench.corpus import write_feed, write_photos
from tests.bench.hosts import nginx
from tests.bench.measure import run

SIZE = (36, 120)
_WATCHED = """
import asyncio.events, signal, sys, time
run, longest = asyncio.events.Handle._run, [0.0]
def timed(handle):
    began = time.perf_counter()
    run(handle)
    longest[0] = max(longest[0], time.perf_counter() - began)
asyncio.events.Handle._run = timed
signal.signal(signal.SIGUSR1, lambda *_: longest.__setitem__(0, 0.0))
signal.signal(signal.SIGUSR2, lambda *_: open(sys.argv[1], "w").write(str(longest[0])))
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
            time.sleep(0.1)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the program has ended
            while shown := os.read(self._terminal, 65536):
                self._shown += shown


def on_screen(urls: Sequence[str]) -> tuple[float, float]:
    """A run in the app: its CPU seconds and the longest callback in milliseconds."""
    with emptied() as folder:
        vehicles = write_feed(folder / "feed.jsonl", urls)
        store = ("--store", f"local:{folder}/store")
        run((*OURS, *store, "import", "feed.jsonl"), folder, ENV)
        options = {"BACKFILL_LIMIT": str(vehicles), "BACKFILL_PACE": "unlimited", "TERM": "xterm-256color"}
        words = [sys.executable, "-c", _WATCHED, str(folder / "longest"), *store]
        terminal = Terminal(words, {**os.environ, **ENV, **options})
        terminal.until(b"vehicles \xc2\xb7")  # the last line, once the inventory is there
        os.kill(terminal.process, signal.SIGUSR1)
        terminal.press(b"r")
        terminal.until(b"finished")
        os.kill(terminal.process, signal.SIGUSR2)
        for key in (b"\x1b", b"\x1b", b"q"):  # the summary, the run, the app
            terminal.press(key)
            time.sleep(0.5)
        _, _, used = os.wait4(terminal.process, 0)
        return used.ru_utime + used.ru_stime, float((folder / "longest").read_text()) * 1000


def compared(urls: Sequence[str]) -> tuple[float, float, float]:
    """CPU seconds of a run without and with the app, their starts taken off, and the longest callback of the app."""
    start, headless = (ours(some).cost.cpu for some in (urls[:FEW], urls))
    (app_start, _), (app, stall) = (on_screen(some) for some in (urls[:FEW], urls))
    return headless - start, app - app_start, stall


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
            pairs = [compared(urls) for _ in range(given.rounds)]
    finally:
        shutil.rmtree(folder)
    for headless, app, stall in pairs:
        print(f"headless {headless:.2f} s CPU, app {app:.2f} s, longest callback {stall:.0f} ms")
    print(f"the app takes {statistics.median(app / headless for headless, app, _ in pairs):.2f} × the CPU")


if __name__ == "__main__":
    main()
