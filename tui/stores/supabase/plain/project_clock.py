"""What time it is at a project, whatever this machine's clock says."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

_STALE = 2.0
"""Seconds by which a date may be behind when it is sent: it is cut to the second, and servers make it once a second."""


class ProjectClock:
    """Seconds since the epoch as the dates of a project's answers tell them, never ahead of its own clock.

    At most two seconds behind at first, and closer with every answer: of all machines that work on a project none needs
    a clock that is right.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ahead: float | None = None

    def observe(self, date: str, sent: float) -> None:
        """Learn from the Date header of an answer to a request that was sent when this machine's clock said `sent`."""
        try:
            told = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        least, most = told - self._clock(), told + _STALE - sent
        # What contradicts all that was seen before tells that one of the clocks was set.
        if self._ahead is None or self._ahead < least or self._ahead > most:
            self._ahead = least

    def now(self) -> float:
        """The time there."""
        return self._clock() + (self._ahead or 0.0)

    def moment_here(self, there: float) -> float:
        """What this machine's clock says at a moment there."""
        return there - (self._ahead or 0.0)

    def here(self) -> float:
        """The time on this machine."""
        return self._clock()
