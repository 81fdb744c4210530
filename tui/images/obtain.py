"""The whole way of one URL, with its retries."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tui.images.bandwidth import Bandwidth
from tui.images.circuit import BREAKING
from tui.images.fetch import Body, Fetcher, Limits, headers
from tui.images.guard import Guard
from tui.images.inspect import MAX_PIXELS, Facts, inspect
from tui.images.originals import Originals
from tui.images.pace import BACKOFF_BASE, Pace, Turn, backoff
from tui.images.transport import GuardedTransport
from tui.images.urls import host_of, normalise
from tui.model import Picture, Reason, Refusal
from tui.threads import Threads

LARGE = 8 * 1024 * 1024
"""Bytes of a body from which on one is inspected at a time, by one thread: others would keep its memory each."""

GLANCED_AT = 512 * 1024
"""Bytes of a body up to which its structure is looked at on the event loop: a thread would cost as much again."""

PATIENCE = 60.0
"""Seconds that a host may ask to be left alone before its images are put off to a later run."""


TIMEOUTS = 2
"""Attempts at a URL whose host keeps silent: each costs a whole deadline."""

_UNASKED = frozenset({Reason.BAD_URL, Reason.BLOCKED_ADDRESS, Reason.TLS})
"""Refusals that say nothing of what the host bears."""


@dataclass(slots=True)
class _Trial:
    """How often one URL failed, how often it was turned away for its rate, and the seconds of waiting that cost it."""

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
            return refusal.retry_after
        seconds = max(refusal.retry_after or 0.0, backoff(self.turned_away, self.rng))
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
        return backoff(self.failures - 1, self.rng) if refusal.retry_after is None else 0.0


def _nothing() -> None:
    return None


def _tell(turn: Turn, refusal: Refusal, hold: float | None) -> None:
    """What a refusal says of how its host is to be treated."""
    if hold is not None:
        turn.turned_away(hold)
    elif refusal.reason in BREAKING:
        turn.failed(refusal.reason, overloaded=refusal.detail == "HTTP 503")
    elif refusal.reason not in _UNASKED:
        turn.answered(whole=False)


COPY_ATTEMPTS = 2
"""Tries of a larger copy: a connection that was closed meanwhile must not cost a photo its size."""


class Images:
    """One URL in, a verified Picture out or a Refusal raised.

    `inspecting` counts the bodies that have come and are being looked at. `attempts` bounds how often a passing failure
    is tried again. A request that was turned away for its rate (429) does not count as one: it may come back until the
    waits that it was given add up to `patience` seconds. `bandwidth` is in bytes per second (0: no limit) and can be
    retuned. `host_headers` go to the hosts that they are for alone. Where `respect_opt_out` is set, what its host keeps
    from being collected (X-Robots-Tag) is left there. With `originals`, larger copies of a photo are looked for. Where
    a photo was taken is taken out of it unless `keep_gps` is set. Without `decoding`, their structure has to prove
    images whole. `rng` and `now` (wall clock, seconds since the epoch) can be injected.
    """

    def __init__(
        self,
        pace: Pace,
        *,
        guard: Guard | None = None,
        limits: Limits | None = None,
        attempts: int = 4,
        patience: float = PATIENCE,
        bandwidth: int = 0,
        contact: str = "",
        host_headers: Mapping[str, Mapping[str, str]] | None = None,
        respect_opt_out: bool = True,
        originals: bool = True,
        max_pixels: int = MAX_PIXELS,
        keep_gps: bool = False,
        decoding: bool = True,
        rng: random.Random | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.pace = pace
        self.bandwidth = Bandwidth(bandwidth)
        self.inspecting = 0
        self._transport = GuardedTransport(guard or Guard())
        self._fetcher = Fetcher(
            self._transport,
            limits,
            heading=headers(contact),
            host_headers=host_headers,
            respect_opt_out=respect_opt_out,
            bandwidth=self.bandwidth,
            now=now,
        )
        self._inspectors = Threads(os.cpu_count() or 1, "inspect")
        self._alone = Threads(1, "inspect-large")
        self._glancing = 0 if decoding else GLANCED_AT
        self._originals = Originals(wanted=originals)
        self._attempts = attempts
        self._patience = patience
        self._inspect = partial(inspect, max_pixels=max_pixels, keep_gps=keep_gps, decoding=decoding)
        self._rng = rng or random.Random()

    async def obtain(self, url: str, began: Callable[[], None] = _nothing) -> Picture:
        """The verified picture behind a URL; the caller closes its content. Raises Refusal, or Drained by `Pace`.

        Where its host is known to keep a larger copy, that is asked for first; whatever is wrong with it, the URL
        itself is asked for then. `began` is called whenever a request starts, after its wait for a slot.

        A refusal that may pass is the last of several, with `retry_after` in seconds where the host gave one.
        """
        target = normalise(url)
        if target is None:
            raise Refusal(Reason.BAD_URL, "no http or https address")
        picture = await self._larger(target, began)
        if picture is not None:
            return picture
        return await self._tried(target, self._attempts, began)

    async def _larger(self, url: str, began: Callable[[], None]) -> Picture | None:
        larger = self._originals.of(url)
        passing = False
        for copy in larger:
            try:
                # With no redirect: some hosts lead from a size that they lack to a picture that says so.
                picture = await self._tried(copy, COPY_ATTEMPTS, began, redirects=0)
            except Refusal as refusal:
                if not refusal.asked or refusal.reason is Reason.OPTED_OUT:
                    raise
                passing = passing or refusal.reason.retry_may_help
            else:
                self._originals.found(url)
                return picture
        if larger:
            self._originals.missed(url, passing=passing)
        return None

    async def _tried(self, url: str, attempts: int, began: Callable[[], None], redirects: int | None = None) -> Picture:
        trial = _Trial(attempts, self._patience, self._rng)
        while True:
            try:
                return await self._verified(await self._fetched(url, trial, began, redirects))
            except Refusal as refusal:
                delay = trial.delay(refusal)
                if delay is None:
                    raise
            await self.pace.rest(delay)

    async def close(self) -> None:
        """Close every connection."""
        for inspectors in (self._inspectors, self._alone):
            inspectors.close()
        await self._transport.aclose()

    async def _fetched(self, url: str, trial: _Trial, began: Callable[[], None], redirects: int | None) -> Body:
        host = host_of(url)
        async with self.pace.slot(host, self._patience) as turn:
            began()
            try:
                body = await self._fetcher.fetch(url, redirects)
            except Refusal as refusal:
                hold = trial.hold(refusal)
                _tell(turn, refusal, hold)
                # Before the slot is free again, so that nobody who waits for it slips through.
                if hold is not None:
                    self.pace.hold_off(host, hold, refusal.detail)
                raise
            # What our own limit slows down says nothing of how long the host takes.
            turn.answered(whole=not self.bandwidth.limit)
            # Before the slot is free, so that a picture is always either in flight or being inspected.
            self.inspecting += 1
            return body

    async def _facts(self, body: Body) -> Facts:
        if body.size <= self._glancing:
            return self._inspect(body.content)
        inspectors = self._alone if body.size > LARGE else self._inspectors
        return await inspectors.run(partial(self._inspect, body.content))

    async def _verified(self, body: Body) -> Picture:
        try:
            facts = await self._facts(body)
        except BaseException:
            body.content.close()
            raise
        finally:
            self.inspecting -= 1
        return Picture(
            content=body.content,
            size=facts.size,
            sha256=facts.sha256,
            mime_type=facts.mime_type,
            extension=facts.extension,
            width=facts.width,
            height=facts.height,
            perceptual_hash=facts.perceptual_hash,
            preview=facts.preview,
            orientation=facts.orientation,
            taken_at=facts.taken_at,
        )
