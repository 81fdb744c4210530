"""Processes of their own that start in no time: forks of one that has the engine loaded."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Mapping
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.mortal", "tests.support.hand", "supabase"])


class Forked:
    """Runs from construction on what `target` does with its arguments; what it returns is the exit code."""

    def __init__(
        self, target: Callable[..., int], *arguments: object, environ: Mapping[str, str] | None = None
    ) -> None:
        whole = {**os.environ, **(environ or {})}
        self._process = _CONTEXT.Process(target=_run, args=(target, arguments, whole))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def _run(target: Callable[..., int], arguments: tuple[Any, ...], environ: Mapping[str, str]) -> None:
    # The process that forks has the environment of the moment it was first needed.
    os.environ.clear()
    os.environ.update(environ)
    raise SystemExit(target(*arguments))
