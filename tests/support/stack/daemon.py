"""A server process whose log tells how far it is."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0


class Daemon:
    """Runs from construction to `close`, in the process group that the reaper ends."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, group: int, environ: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env=environ,
                process_group=group,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def said(self, text: str) -> int:
        """How often the log has a text."""
        return self._log.read_text(errors="replace").count(text)

    def heard(self, text: str, times: int, seconds: float) -> bool:
        """Whether the log comes to have a text so many times before the seconds are over."""
        end = time.monotonic() + seconds
        while self.said(text) < times:
            if self._process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def wait_for(self, text: str) -> None:
        """Wait until the log has a text."""
        if not self.heard(text, 1, PATIENCE):
            raise RuntimeError(f"{self._log.stem} did not come to say {text!r}:\n{self._log.read_text()}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
