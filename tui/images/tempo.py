"""How fast one host may be asked: what the settings allow, and what the host has shown that it bears."""

from __future__ import annotations

import math
from statistics import median

from tui.images.spell import Spell
from tui.images.starts import CATCH_UP
from tui.images.strain import Strain

START = 100.0
"""Requests per second with which a host that nobody has set a rate for is asked first."""

STEP = 0.05
"""Seconds of good answers after which that rate doubles."""

ENOUGH = 20_000.0
"""Requests per second from which on a rate is no limit any more."""

BELOW = 0.94
"""The part of a rate that a host may just bear which is asked of it, so that it does not refuse at once again."""

LATE = 0.05
"""Seconds of requests that may be made up for at a rate that was found: fewer than `BELOW` leaves free in one."""

CALM = 10.0
"""Seconds of answers after which a rate has grown by `GROWTH` of itself; then it grows ever faster."""

LONGEST_CALM = 40.0

GROWTH = 0.05

LEAST = 0.5
"""Requests per second below which no rate is narrowed."""

MILD = 4.0
"""By how much a rate is divided at the most because a host says that it is overloaded."""

REST = 1.0
"""Seconds for which a host that does not say how long is left alone: most limits count by the second."""

SAMPLE = 32
"""Answers whose median latency is compared with the best."""


class Tempo:
    """What one host bears, in requests per second, learned from its answers; never above `limit`.

    A host without a limit of its own (`careful`) is asked slowly at first, twice as fast after each `STEP` that went
    well, and with few requests in flight until many were answered, so that a host that turns away wastes few. How many
    it answered from one time that it turned away to the next tells how many it bears (`Spell`). A rate that was found
    is kept for a while before more is tried, and longer each time that was too much.
    """

    def __init__(self, limit: float, *, careful: bool) -> None:
        self.limit = limit
        self._careful = careful
        self._learned = START if careful else math.inf
        self._step_at = -math.inf
        self._step_answers = 0
        self._answered = 0
        self._turned_away = False
        self._refused_start = -math.inf
        self._spell = Spell()
        self._burst: Spell | None = None
        self._found = math.inf
        self._kept = 0.0
        self._calm = CALM
        self._grown_at = -math.inf
        self._strain = Strain()
        self._unstrained: tuple[float, bool, Spell | None] | None = None
        self._latency = Latency()

    @property
    def rate(self) -> float:
        """Requests per second at this moment; inf where nothing limits them."""
        return min(self.limit, self._learned)

    @property
    def narrowed(self) -> bool:
        """Whether the host's answers have made the rate smaller than what the settings allow."""
        return not self._starting and self._learned < self.limit

    @property
    def room(self) -> float:
        """Requests that may be in flight at once; inf where only the slots bound them."""
        return 4 + self._answered // 30 if self._careful and not self._turned_away else math.inf

    @property
    def catch_up(self) -> float:
        """Seconds by which a start may be late without the next ones being late as well."""
        if self._learned >= self.limit:
            return CATCH_UP
        if self._burst is None:
            return LATE
        at_once = self._burst.answers - self._found * self._burst.asking
        return min(LATE, max(0.0, at_once - 1) / 2 / self._found)  # some hosts mind the distance

    @property
    def _starting(self) -> bool:
        return self._careful and not self._turned_away and not math.isinf(self._learned)

    def started(self, now: float) -> None:
        """A request was sent."""
        self._spell.started(now)
        if self._step_at == -math.inf:
            self._step_at = now

    def answered(self, now: float, started: float, *, whole: bool = True) -> None:
        """A request was answered; `whole` where the picture came, which tells how long the host takes."""
        self._answered += 1
        self._strain.answered()
        if started > self._refused_start:
            self._spell.answers += 1
        if self._starting:
            self._climb(now, started)
        elif self.narrowed and self._turned_away:
            self._grow(now)
        if whole and self._latency.add(now, now - started):
            self._heed(now)

    def turned_away(self, now: float, started: float, held: float) -> None:
        """The host asked for fewer requests and is left alone for `held` seconds.

        Answers to requests from before it last did so tell nothing new.
        """
        if started > self._refused_start:
            self._unstrained = None
            self._narrow(now, started, held)

    def overloaded(self, now: float, started: float) -> bool:
        """The host says that it is. Returns whether that turns away: it may be no more than a few URLs of it."""
        if started <= self._refused_start or not self._spell.answers:
            return False
        rate, of_urls = self.rate, self._strain.of_urls
        if self._strain.said(rate):
            self._unstrained = self._unstrained or (self._learned, self._turned_away, self._burst)
            self._narrow(now, started, REST)
            self._learned = self._found = max(self._learned, min(rate, START) / MILD)
            return True
        if self._strain.of_urls and not of_urls and self._unstrained:
            # It had nothing to do with the rate: as before.
            self._learned, self._turned_away, self._burst = self._unstrained
            self._keep(now)
        return False

    def _narrow(self, now: float, started: float, held: float) -> None:
        spell = self._spell
        spell.end(started)
        self._learned = max(LEAST, self._bearable(spell))
        if spell.answers and (self._burst is None or spell.answers < self._burst.answers):
            self._burst = spell
        self._keep(now + held)
        self._turned_away = True
        self._refused_start = now
        self._spell = Spell(since=started)
        self._strain.eased()

    def _bearable(self, spell: Spell) -> float:
        """The rate to go on with after a spell that ended with being turned away."""
        refused = self.rate if self.rate < math.inf else max(START, spell.answers / spell.asking)
        if not spell.answers:  # where nothing is answered, that is no question of the rate
            return 0.7 * refused
        if self._burst is None:
            # How many it lets through at once is not known. What it bore at first is, for a moment.
            return min(BELOW * refused, max(BELOW * START if self._careful else 0.0, 0.97 * spell.at_least))
        if self._kept > self._calm / 2:
            self._calm = min(2 * self._calm, LONGEST_CALM)
            return min(BELOW * refused, (self._found + refused) / 2)
        return min(BELOW * refused, 0.97 * spell.borne(self._burst))

    def _keep(self, since: float) -> None:
        self._found, self._kept, self._grown_at = self._learned, 0.0, since

    def _climb(self, now: float, started: float) -> None:
        if started >= self._step_at:
            self._step_answers += 1
        if now - self._step_at >= STEP and self._step_answers >= 0.7 * self._learned * STEP:
            self._learned = 2 * self._learned if self._learned < ENOUGH else math.inf
            self._step_at, self._step_answers = now, 0

    def _grow(self, now: float) -> None:
        """Grow with what is used of the rate: an answer is worth the time of two at most.

        Hardly at first, and then ever faster, like CUBIC beyond its plateau: RFC 9438, section 4.4.
        """
        self._kept += max(0.0, min(now - self._grown_at, 2.0 / self._learned))
        self._grown_at = max(now, self._grown_at)
        grown = self._found * (1.0 + GROWTH * (self._kept / self._calm) ** 3)
        self._learned = grown if grown < ENOUGH else math.inf

    def _heed(self, now: float) -> None:
        """A sample of latencies is complete: ask for less where they rise, and for more again where they do not."""
        latency = self._latency
        if latency.rising:
            self._ease(now)
        elif self.narrowed and not self._turned_away:
            self._learned = 2 * self._learned if self._learned < 4 * latency.rate else math.inf

    def _ease(self, now: float) -> None:
        """Ask for less than what is answered, but never for less than two requests at a time."""
        if now <= self._grown_at:
            return  # it is left alone already
        latency = self._latency
        floor = max(LEAST, 2.0 / latency.typical)
        self._learned = max(floor, 0.7 * min(self.rate, latency.rate))
        self._careful = False
        self._keep(now)


class Latency:
    """Whether a host answers much more slowly than it did at its best, by the medians of `SAMPLE` answers each.

    `typical` is the last median in seconds (a guess before the first), `rate` the answers per second that it was taken
    from, and `rising` says that it is far above the best.
    """

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._began = 0.0
        self._best = math.inf
        self.typical = 0.1
        self.rate = math.inf
        self.rising = False

    def add(self, now: float, seconds: float) -> bool:
        """Count an answer; true where it completes a sample."""
        if not self._seconds:
            self._began = now - seconds
        self._seconds.append(seconds)
        if len(self._seconds) < SAMPLE:
            return False
        self.typical = max(median(self._seconds), 0.001)
        self.rate = SAMPLE / max(now - self._began, 0.001)
        self._seconds.clear()
        # What was best long ago counts for less and less.
        self._best = min(self._best * 1.05, self.typical)
        self.rising = self.typical > max(4 * self._best, self._best + 0.5)
        return True
