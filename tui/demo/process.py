"""The image host as a child process that cannot outlive this one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from typing import IO

from tui.model import Problem

_START_SECONDS = 20.0
_END_SECONDS = 3.0


class HostProcess:
    """A running host. `port` waits until it is ready; `close` ends it."""

    def __init__(self, process: Process, complaints: IO[bytes]) -> None:
        self._process = process
        self._complaints = complaints

    @classmethod
    async def start(cls, seed: int) -> HostProcess:
        """Start a host for the world of a seed; its stdin is the thread its life hangs by."""
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "tui.demo.host", "--seed", str(seed)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=complaints,
            start_new_session=True,  # Ctrl-C is for the run, which then drains and still needs its host
        )
        return cls(process, complaints)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.returncode

    async def port(self) -> int:
        """The port it listens on; raises Problem when it does not start."""
        line = b""
        if self._process.stdout:
            with contextlib.suppress(TimeoutError):
                line = await asyncio.wait_for(self._process.stdout.readline(), _START_SECONDS)
        try:
            return int(json.loads(line)["port"])
        except (ValueError, KeyError, TypeError):
            raise Problem(f"The demo's image host did not start: {self._last_words()}.") from None

    async def close(self) -> None:
        """End it and wait until it is gone."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._complaints.close()

    def _last_words(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
