"""Whether a host that says it is overloaded means its rate, or single images of it."""

from __future__ import annotations

import math

STRAIN = 3
"""Times that a host says it is overloaded, beside ten answers for each, that are more than a few URLs of it."""

SIGNS = 2
"""Times in a row that it says so as often as before, though it was asked half as much or less, that acquit the rate."""

SLOW = 2.0
"""Requests per second at which no host is overloaded by them."""

MEMORY = 256
"""Requests over which that is told."""


class Strain:
    """How often one host says that it is overloaded.

    Some hosts say so of one image in four, at any rate; `of_urls` is true once that is found out: asked for half as
    much, a host that has a limit would say so far less often, or still as often as that limit makes it.
    """

    def __init__(self) -> None:
        self.of_urls = False
        self._compared = math.inf
        self._share = 0.0
        self._signs = 0
        self._level = 0.0
        self._said = self._asked = 0.0

    def answered(self) -> None:
        """It gave an answer."""
        self._count(0)
        self._level = max(0.0, self._level - 0.1)

    def said(self, rate: float) -> bool:
        """It said so while it was asked `rate` times a second. Returns whether it is to be asked less often."""
        self._count(1)
        self._level += 1
        share = self._said / self._asked
        if self.of_urls:
            self.of_urls = self._asked < MEMORY / 8 or share <= 2 * self._share + 0.1
            return False
        if self._level < STRAIN:
            return False
        self._compare(rate, share)
        self.eased()
        return not self.of_urls

    def eased(self) -> None:
        """It is asked at another rate from now on."""
        self._level = self._said = self._asked = 0.0

    def _compare(self, rate: float, share: float) -> None:
        if rate <= SLOW and self._compared < math.inf:
            self._signs += 1
        elif 2 * rate <= self._compared < math.inf:
            # What it would be if all that it answered before were its limit.
            limited = max(0.0, 1.0 - self._compared * (1.0 - self._share) / rate)
            alike = (limited + self._share) / 2 < share <= 2 * self._share + 0.1
            self._signs = self._signs + 1 if alike else 0
        elif self._compared < math.inf:
            return
        self.of_urls = self._signs >= SIGNS
        self._compared, self._share = rate, share

    def _count(self, said: int) -> None:
        self._asked += 1
        self._said += said
        if self._asked >= MEMORY:
            self._asked, self._said = self._asked / 2, self._said / 2
