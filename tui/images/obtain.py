"""The whole way of one URL, with its retries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from functools import partial

from tui.cores import cores
from tui.images.bandwidth import Bandwidth
from tui.images.fetch import Body, Fetcher, Limits, Trail, headers
from tui.images.files.inspect import MAX_PIXELS, Facts, inspect
from tui.images.guard import Guard
from tui.images.originals import PLAUSIBLE, Originals, is_no_smaller
from tui.images.pace import Pace
from tui.images.transport import GuardedTransport, Stale
from tui.images.trial import Trial, tell
from tui.images.urls import host_of, normalise
from tui.model import Picture, Reason, Refusal
from tui.threads import Threads

LARGE = 8 * 1024 * 1024
"""Bytes of a body from which on one is inspected at a time, by one thread: others would keep its memory each."""

GLANCED_AT = 512 * 1024
"""Bytes of a body up to which its structure is looked at on the event loop: a thread would cost as much again."""

PATIENCE = 60.0
"""Seconds that a host may ask to be left alone before its images are put off to a later run."""


COPY_ATTEMPTS = 2
"""Tries of a larger copy: a connection that was closed meanwhile must not cost a photo its size."""


def _nothing() -> None:
    return None


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
        self._inspectors = Threads(len(cores()), "inspect")
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
                if is_no_smaller(url, picture.width, picture.height):
                    self._originals.found(url)
                    return picture
                picture.content.close()
                passing = passing or max(picture.width, picture.height) >= PLAUSIBLE
        if larger:
            self._originals.missed(url, passing=passing)
        return None

    async def _tried(self, url: str, attempts: int, began: Callable[[], None], redirects: int | None = None) -> Picture:
        trial = Trial(attempts, self._patience, self._rng)
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

    async def _fetched(self, url: str, trial: Trial, began: Callable[[], None], redirects: int | None) -> Body:
        trail = self._fetcher.trail(url, redirects)
        while True:
            body = await self._asked(trail, trial, began)
            if body is not None:
                return body

    async def _asked(self, trail: Trail, trial: Trial, began: Callable[[], None]) -> Body | None:
        """One request; every host on the way of a redirect is treated as one that was asked for itself.

        None where it takes another one, which waits for its turn like the first.
        """
        host = host_of(trail.url)
        async with self.pace.slot(host, self._patience) as turn:
            began()
            try:
                body = await self._fetcher.ask(trail, turn.heard)
            except Stale:
                return None
            except Refusal as refusal:
                hold = trial.hold(refusal)
                tell(turn, refusal, hold)
                # Before the slot is free again, so that nobody who waits for it slips through.
                if hold is not None:
                    self.pace.hold_off(host, hold, refusal.detail)
                raise
            # What our own limit slows down says nothing of how long the host takes.
            turn.answered(whole=body is not None and not self.bandwidth.limit)
            # Before the slot is free, so that a picture is always either in flight or being inspected.
            self.inspecting += body is not None
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
