"""A host that only fails is left alone for a while, then asked once whether it is back."""

from __future__ import annotations

import math

from tui.model import Reason, Refusal

FAILURES = 8
"""Failures in a row, none of the host's answers between them, that open the circuit."""

SPREAD = 2.0
"""Seconds that these failures have to be spread over: a burst that one fault hit is no verdict on a host."""

FIRST_WAIT = 15.0
LONGEST_WAIT = 300.0

BREAKING = frozenset({Reason.TIMEOUT, Reason.CONNECTION, Reason.SERVER_ERROR, Reason.DNS})
"""Refusals that say that a host as a whole may be down."""


class HostDown(Refusal):
    """Nothing was asked of a host that only fails; `retry_after` is when somebody will find out whether it is back."""


class Circuit:
    """Opens after `FAILURES` in a row; then one request goes through after a wait that doubles, and closes it again.

    https://learn.microsoft.com/azure/architecture/patterns/circuit-breaker names the states: closed, open, half-open.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._since = math.inf
        self._wait = 0.0
        self._next_try = -math.inf
        self._probing = False
        self._last = Reason.CONNECTION

    @property
    def open(self) -> bool:
        """Whether the host is being left alone, or asked whether it is back."""
        return self._wait > 0

    @property
    def failing(self) -> bool:
        """Whether the last requests failed, half as many as open it."""
        return self._failures >= FAILURES // 2

    @property
    def note(self) -> str:
        """What opened it, for people."""
        return f"{self._last.words}, {self._failures} in a row" if self.open else ""

    def wait(self, now: float) -> float:
        """Seconds until the next request may find out whether the host is back."""
        return max(0.0, self._next_try - now) if self.open else 0.0

    def hold(self, now: float, patience: float) -> float:
        """Seconds until a request may start, inf until the one that finds out has ended.

        Only the first wait is waited out, for a host that stumbled. Raises HostDown where it is longer than `patience`,
        and for a host that was asked again and failed again.
        """
        wait = self.wait(now)
        if not self.open or (not wait and not self._probing):
            return 0.0
        if self._wait <= FIRST_WAIT and wait <= patience:
            return wait or math.inf
        wait = max(1.0, wait)
        detail = f"the host failed {self._failures} times in a row; next try in {math.ceil(wait)} s"
        raise HostDown(self._last, detail, wait, asked=False)

    def began(self) -> bool:
        """A request starts; true where it is the one that finds out."""
        self._probing = self.open
        return self._probing

    def gave_up(self) -> None:
        """The request that was to find out was ended before it did."""
        self._probing = False

    def succeeded(self) -> None:
        """The host answered."""
        self._failures, self._since, self._wait, self._probing = 0, math.inf, 0.0, False

    def failed(self, now: float, reason: Reason, *, probe: bool) -> None:
        """A request failed for one of the reasons in `BREAKING`; `probe` where it was the one to find out."""
        self._failures += 1
        self._since = min(self._since, now)
        self._last = reason
        if probe:
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        elif self.open or self._failures < FAILURES or now - self._since < SPREAD:
            return
        else:
            self._wait = FIRST_WAIT
        self._probing = False
        self._next_try = now + self._wait
