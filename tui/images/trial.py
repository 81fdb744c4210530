"""What becomes of one URL whose requests are refused, and what its host is told by that."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tui.images.circuit import BREAKING
from tui.images.pace import BACKOFF_BASE, Turn, backoff
from tui.images.tempo import REST
from tui.model import Reason, Refusal

TIMEOUTS = 2
"""Attempts at a URL whose host keeps silent: each costs a whole deadline."""

_UNASKED = frozenset({Reason.BAD_URL, Reason.BLOCKED_ADDRESS, Reason.TLS})
"""Refusals that say nothing of what the host bears."""


@dataclass(slots=True)
class Trial:
    """How often one URL failed, how often it was turned away for its rate, and the seconds of waiting that cost it.

    It may fail `attempts` times, and wait `patience` seconds because it was turned away.
    """

    attempts: int
    patience: float
    rng: random.Random
    failures: int = 0
    timeouts: int = 0
    turned_away: int = 0
    waited: float = 0.0

    def hold(self, refusal: Refusal) -> float | None:
        """Seconds for which the whole host is to be left alone after an answer; None where it may be asked on."""
        if refusal.reason is not Reason.RATE_LIMITED:
            return refusal.retry_after if refusal.reason is Reason.SERVER_ERROR else None
        seconds = max(refusal.retry_after or 0.0, REST, backoff(self.turned_away, self.rng))
        self.turned_away += 1
        # Never nothing, so that a host which always turns away is given up in the end.
        self.waited += max(seconds, BACKOFF_BASE)
        return seconds

    def delay(self, refusal: Refusal) -> float | None:
        """Seconds to wait after a refusal, beyond what the host's hold-off makes it wait; None to give up."""
        if not refusal.reason.retry_may_help or (refusal.retry_after or 0.0) > self.patience:
            return None
        if not refusal.asked:
            return None
        if refusal.reason is Reason.RATE_LIMITED:
            return 0.0 if self.waited <= self.patience else None
        self.failures += 1
        self.timeouts += refusal.reason is Reason.TIMEOUT
        if self.failures >= self.attempts or self.timeouts >= TIMEOUTS:
            return None
        if refusal.retry_after is None:
            return backoff(self.failures - 1, self.rng)
        return 0.0 if refusal.reason is Reason.SERVER_ERROR else refusal.retry_after


def tell(turn: Turn, refusal: Refusal, hold: float | None) -> None:
    """What a refusal says of how its host is to be treated."""
    if hold is not None:
        turn.turned_away(hold, overloaded=refusal.reason is Reason.SERVER_ERROR)
    elif refusal.reason in BREAKING:
        turn.failed(refusal.reason, overloaded=refusal.detail == "HTTP 503")
    elif refusal.reason not in _UNASKED:
        turn.answered(whole=False)
