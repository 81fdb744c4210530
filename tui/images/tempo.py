"""How fast one host may be asked: what the settings allow, and what the host has shown that it bears."""

from __future__ import annotations

import math
from statistics import median

START = 100.0
"""Requests per second with which a host that nobody has set a rate for is asked first."""

STEP = 0.05
"""Seconds of good answers after which that rate doubles."""

ENOUGH = 20_000.0
"""Requests per second from which on a rate is no limit any more."""

GROWTH = 0.05
"""By how much of itself a narrowed rate grows in a second of answers."""

QUICK_GROWTH = 0.15
"""The same after the first refusal, while the rate is far below what was refused."""

PLATEAU = 10.0
"""Seconds for which a rate that was found twice is kept before it is tried whether the host bears more."""

MEMORY = 10.0
"""Seconds of answers that an average is taken over."""

LEAST = 0.5
"""Requests per second below which no rate is narrowed."""

SAMPLE = 32
"""Answers whose median latency is compared with the best."""


class Tempo:
    """What one host bears, in requests per second, learned from its answers; never above `limit`.

    A host without a limit of its own (`careful`) is asked slowly at first, twice as fast after each `STEP` that went
    well, and with few requests in flight until many were answered, so that a host that turns away wastes few. What it
    turned away tells an upper bound, what it answered since it last did a lower one; the next rate lies between them.
    """

    def __init__(self, limit: float, *, careful: bool) -> None:
        self.limit = limit
        self._careful = careful
        self._learned = START if careful else math.inf
        self._step_at = -math.inf
        self._step_answers = 0
        self._answered = 0
        self._episodes = 0
        self._borne = self._refused_at = 0.0
        self._last_episode = -math.inf
        self._cycle_at = math.inf
        self._asked_at = 0.0
        self._cycle_answers = self._cycle_starts = 0.0
        self._burst = (0.0, 0.0)
        self._grown_at = 0.0
        self._eased_at = -math.inf
        self._calm_until = -math.inf
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
        return 4 + self._answered // 30 if self._careful and not self._episodes else math.inf

    @property
    def _starting(self) -> bool:
        return self._careful and not self._episodes and not math.isinf(self._learned)

    def started(self, now: float) -> None:
        """A request was sent."""
        if not self._cycle_starts:
            self._asked_at = now
        if self._cycle_at == math.inf:
            self._cycle_at = self._step_at = now
        self._cycle_starts += 1

    def answered(self, now: float, started: float, *, whole: bool = True) -> None:
        """A request was answered; `whole` where the picture came, which tells how long the host takes."""
        self._answered += 1
        self._cycle_answers += 1
        self._forget(now)
        if self._starting:
            self._climb(now, started)
        elif self.narrowed:
            self._grow(now)
        if whole and self._latency.add(now, now - started):
            self._heed(now)

    def turned_away(self, now: float, started: float, held: float) -> None:
        """The host asked for fewer requests and is left alone for `held` seconds.

        Answers to requests from before it last did so tell nothing new.
        """
        if started <= self._last_episode:
            return
        seconds = max(now - max(self._asked_at, self._cycle_at), 0.001)
        refused_at = self._refused_at = min(self.rate, self._cycle_starts / seconds)
        if not self._cycle_answers:  # where nothing is answered, that is no question of the rate
            rate = 0.7 * refused_at
        elif self._borne:
            rate = self._between(refused_at, self._estimate(now))
        else:
            # Nobody knows how many it lets through at once: take it for a second's worth.
            self._borne = self._cycle_answers / (seconds + 1.0)
            self._burst = (self._cycle_answers, seconds)
            rate = max(self._borne**0.4 * refused_at**0.6, 0.1 * refused_at)
        self._learned = max(LEAST, min(rate, 0.9 * refused_at))
        self._episodes += 1
        self._last_episode = now
        found = self._episodes > 1 and self._learned > 0.4 * refused_at
        self._calm_until = now + held + PLATEAU if found else -math.inf
        self._cycle_at, self._cycle_answers, self._cycle_starts, self._grown_at = now, 0.0, 0.0, now + held

    def overloaded(self, now: float) -> None:
        """The host says that it is, without a word on what it would bear; it may be no more than a few URLs of it."""
        if now - self._eased_at >= 1.0:
            self._eased_at = now
            self._ease(now)

    def _estimate(self, now: float) -> float:
        """Answers per second since it last refused, without those that it had saved up for."""
        average = self._cycle_answers / (now - self._cycle_at)
        answers, seconds = self._burst
        asking = now - max(self._asked_at, self._cycle_at)
        if max(seconds, asking) < 1.0 and abs(self._cycle_answers - answers) <= 0.03 * answers:
            return 0.97 * answers  # the same number again, at another speed: so many it lets through in a second
        longer = asking - seconds
        return max(average, (self._cycle_answers - answers) / longer) if longer > 0.3 else average

    def _between(self, refused_at: float, average: float) -> float:
        """What was answered between two refusals is what the host bears, or less where a wait was too long."""
        if average > 0.45 * self._borne:
            self._borne = max(average, 0.97 * self._borne)
        else:  # it bears less than it used to
            self._borne = math.sqrt(average * self._borne)
        self._borne = max(self._borne, 0.3 * refused_at)
        return self._borne

    def _climb(self, now: float, started: float) -> None:
        if started >= self._step_at:
            self._step_answers += 1
        if now - self._step_at >= STEP and self._step_answers >= 0.7 * self._learned * STEP:
            self._learned = 2 * self._learned if self._learned < ENOUGH else math.inf
            self._step_at, self._step_answers = now, 0

    def _grow(self, now: float) -> None:
        """Grow with what is used of the rate: an answer is worth the time of two at most."""
        seconds = min(now - self._grown_at, 2.0 / self._learned)
        self._grown_at = max(now, self._grown_at)
        if seconds > 0 and now > self._calm_until:
            quick = self._episodes == 1 and self._learned < 0.4 * self._refused_at
            self._learned *= 1.0 + (QUICK_GROWTH if quick else GROWTH) * seconds

    def _heed(self, now: float) -> None:
        """A sample of latencies is complete: ask for less where they rise, and for more again where they do not."""
        latency = self._latency
        if latency.rising:
            self._ease(now)
        elif self.narrowed and not self._episodes:
            self._learned = 2 * self._learned if self._learned < 4 * latency.rate else math.inf

    def _ease(self, now: float) -> None:
        """Ask for less than what is answered, but never for less than two requests at a time."""
        if self.narrowed and now <= self._grown_at:
            return  # it is left alone already
        latency = self._latency
        floor = max(LEAST, 2.0 / latency.typical)
        self._learned = max(floor, 0.7 * min(self.rate, latency.rate))
        self._grown_at, self._careful = now, False

    def _forget(self, now: float) -> None:
        seconds = now - self._cycle_at
        if seconds > MEMORY:
            self._cycle_at = now - seconds / 2
            self._cycle_answers, self._cycle_starts = self._cycle_answers / 2, self._cycle_starts / 2


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
