"""What a host lets through from one time that it turned away to the next, and how much it bears by that."""

from __future__ import annotations

import math

MEMORY = 10.0
"""Seconds of answers that an average is taken over."""

FEW = 5
"""Answers that are too few to tell anything."""


class Spell:
    """From one time that a host turned a request away, which was sent at `since`, to the next.

    It has `answers` to requests that were sent within its last `asking` seconds; before, the host was left alone.
    """

    def __init__(self, since: float = -math.inf) -> None:
        self._since = since
        self._first = self._end = math.inf
        self.answers = 0.0

    @property
    def asking(self) -> float:
        """Seconds from its first request to the one that was turned away."""
        return max(self._end - self._first, 0.001)

    @property
    def at_least(self) -> float:
        """Requests per second that a host bears which counts them in one second after the other.

        They may have fallen into one more second than they lasted, which also bounds what a host had saved up.
        """
        return self.answers / (max(self.asking, 1.0) + 1.0)

    def started(self, now: float) -> None:
        """A request was sent. What was long ago counts for less."""
        if self._first == math.inf:
            self._first = now
        elif now - self._first > MEMORY:
            self._since = self._first = (self._first + now) / 2
            self.answers /= 2

    def end(self, started: float) -> None:
        """A request sent at `started` was turned away."""
        self._end = started

    def borne(self, burst: Spell) -> float:
        """Requests per second that the host bears, by this spell and one in which it let through what it had saved up.

        A host that counts by the second lets through the same number at any speed. Any other bears what it answered
        between two refusals, or more where it could not save up all of a rest: that shows in a spell that is longer.
        """
        average, delivered = self.answers / (self._end - self._since), self.answers / self.asking
        if self.asking < 2 * burst.asking or self.answers < FEW:
            return max(math.sqrt(average * delivered), 0.45 * delivered)  # which makes the next one longer
        if self.asking < 1.0 and self.answers <= 1.05 * burst.answers:
            return min(self.answers, burst.answers)
        return max(average, (self.answers - burst.answers) / (self.asking - burst.asking))
