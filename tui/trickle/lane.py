"""One vehicle in progress: candidates → images → object, row, mark."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, TypeVar

from tui.images.candidates import Candidate, choose
from tui.images.pace import Drained
from tui.model import (
    Lease,
    Mark,
    Outcome,
    Picture,
    Problem,
    Reason,
    Refusal,
    Result,
    Settlement,
    StoredImage,
    VehicleResult,
)
from tui.stores import LeaseLost, Store
from tui.trickle.likeness import Album, Sight
from tui.trickle.progress import LaneView, Progress

if TYPE_CHECKING:
    from tui.images.obtain import Images

T = TypeVar("T")

WIDTH = 4
"""Images of one vehicle under way at once, those that are being stored among them."""

DEFERRALS = 5
"""Runs that may defer one candidate; the last of them refuses it for good, so that no dead host is tried for ever."""

_FINAL_MARKS = {Result.DUPLICATE: Mark.DUPLICATE, Result.REFUSED: Mark.REFUSED}

FIRST_DELAY = 15 * 60.0
LONGEST_DELAY = 6 * 3600.0


def object_path(vehicle_id: str, source: str, source_url: str, extension: str) -> str:
    """`{vehicle_id}/{source}/{source}_{sha1(source_url|ext)}.{ext}`: a function of its arguments alone."""
    digest = hashlib.sha1(f"{source_url}|{extension}".encode(), usedforsecurity=False).hexdigest()
    return f"{vehicle_id}/{source}/{source}_{digest}.{extension}"


def retry_delay(attempts: int, asked: float | None) -> float:
    """Seconds until a candidate deferred for the nth time is tried again; never sooner than its server asked."""
    return max(asked or 0.0, min(FIRST_DELAY * 2.0 ** (attempts - 1), LONGEST_DELAY))


@dataclass(frozen=True)
class Bench:
    """What every lane of a run works with."""

    store: Store
    images: Images
    progress: Progress
    clock: Callable[[], float]


class VehicleLane:
    """Works one leased vehicle to its settlement.

    Images are fetched and stored `WIDTH` at a time; pictures are taken in candidate order, so which of two equal images
    is the duplicate never depends on timing.
    """

    def __init__(self, bench: Bench, lease: Lease, cap: int) -> None:
        self.lease = lease
        self._bench = bench
        self._cap = cap
        self._candidates = choose(lease.gallery.urls, cap).chosen
        self._known = {outcome.source_url: outcome for outcome in lease.outcomes}
        self._stored_urls = {image.source_url for image in lease.stored}
        self._album = Album(lease.stored)
        self._hashes = {image.file_hash for image in lease.stored}
        self._outcomes: list[Outcome] = []
        self._put_off: list[float] = []
        self._inserted = 0
        self._halted = False
        self._moved = asyncio.Event()
        self._fetching: deque[tuple[int, Candidate, asyncio.Task[Picture]]] = deque()
        # The index of each image that is being stored, and its size.
        self._keeping: dict[asyncio.Task[Outcome], tuple[int, int]] = {}
        vehicle = lease.vehicle
        self._view: LaneView = bench.progress.open_lane(
            vehicle.id, vehicle.title, vehicle.organization_id or "", vehicle.organization_name or ""
        )

    def halt(self) -> None:
        """Start no further image; those in flight end."""
        self._halted = True

    def cut(self) -> None:
        """Start no further image and end those in flight."""
        self._halted = True
        for _, _, task in self._fetching:
            task.cancel()

    @property
    def at_hand(self) -> int:
        """Images that have come and wait for nothing but being stored and counted."""
        return len(self._keeping) + sum(1 for _ in takewhile(lambda one: one[2].done(), self._fetching))

    async def run(self) -> None:
        """Work to the end; raises Problem, never Refusal or LeaseLost. However it ends, the lease does too."""
        result: VehicleResult | None = None
        try:
            await self._work(self._to_fetch())
            result = await self._settle()
        except LeaseLost:
            await self._end_keeping()
            self._bench.progress.log(f"{self.lease.vehicle.title}: another worker has taken this vehicle over", "warn")
        except Exception:
            await self._end_keeping()
            await self._let_go()
            raise
        finally:
            await self._drop_tasks()
            self._bench.progress.close_lane(self._view, result)

    def _to_fetch(self) -> list[tuple[int, Candidate]]:
        todo = []
        for index, candidate in enumerate(self._candidates):
            mark = self._settled_mark(candidate.url)
            self._view.marks.append(mark or Mark.WAITING)
            if mark is None:
                todo.append((index, candidate))
        vehicle = self.lease.vehicle
        finals = sum(outcome.final for outcome in self.lease.outcomes)
        expected = max(min(vehicle.url_count, self._cap) - finals, 0)
        self._bench.progress.correct_images(expected, len(todo))
        self._view.host = self._candidates[0].host if self._candidates else next(iter(vehicle.hosts), "")
        return todo

    def _settled_mark(self, url: str) -> Mark | None:
        """The mark of a candidate that needs no fetch: stored before, final in an earlier run, or not due yet."""
        if url in self._stored_urls:
            return Mark.STORED
        known = self._known.get(url)
        if known is None or known.result is Result.STORED:
            return None
        if known.retry_at is not None and known.retry_at > self._bench.clock():
            self._put_off.append(known.retry_at)
            return Mark.DEFERRED
        return _FINAL_MARKS.get(known.result)

    async def _work(self, todo: Sequence[tuple[int, Candidate]]) -> None:
        ahead = deque(todo)
        while True:
            while ahead and not self._halted and len(self._fetching) + len(self._keeping) < WIDTH:
                self._begin(*ahead.popleft())
            if not self._fetching and not self._keeping:
                return
            await self._moved.wait()
            self._moved.clear()
            self._take()

    def _begin(self, index: int, candidate: Candidate) -> None:
        def began() -> None:
            self._view.marks[index] = Mark.FETCHING
            self._view.host = candidate.host

        self._fetching.append((index, candidate, self._task(self._bench.images.obtain(candidate.url, began))))

    def _task(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._moved.set())
        return task

    def _take(self) -> None:
        """Take the pictures that have come, in candidate order, and what was stored meanwhile."""
        while self._fetching and self._fetching[0][2].done():
            index, candidate, fetch = self._fetching.popleft()
            try:
                self._admit(index, candidate, fetch.result())
            except Refusal as refusal:
                self._note(index, self._refused(candidate, refusal))
            except (asyncio.CancelledError, Drained):
                if not self._halted:
                    raise
                self._view.marks[index] = Mark.WAITING
        self._take_kept()

    def _take_kept(self) -> None:
        for keep in [keep for keep in self._keeping if keep.done()]:
            index, size = self._keeping.pop(keep)
            outcome = keep.result()
            self._note(index, outcome, size if outcome.result is Result.STORED else 0)

    def _admit(self, index: int, candidate: Candidate, picture: Picture) -> None:
        """Have it stored, unless the vehicle has these bytes."""
        if picture.sha256 in self._hashes:
            picture.content.close()
            self._note(index, Outcome(candidate.url, candidate.host, Result.DUPLICATE))
            return
        self._hashes.add(picture.sha256)
        keep = self._keep(candidate, picture, *self._looks(candidate, picture))
        self._keeping[self._task(keep)] = index, picture.size

    def _note(self, index: int, outcome: Outcome, size: int = 0) -> None:
        self._outcomes.append(outcome)
        self._bench.progress.count(self._view, index, outcome, size)

    async def _keep(self, candidate: Candidate, picture: Picture, similar_to: str, placeholder: bool) -> Outcome:
        try:
            with picture.content:
                fresh = await self._record(candidate, picture, similar_to, placeholder)
        except Refusal as refusal:
            return self._refused(candidate, refusal)
        self._inserted += fresh
        return Outcome(candidate.url, candidate.host, Result.STORED if fresh else Result.DUPLICATE)

    async def _record(self, candidate: Candidate, picture: Picture, similar_to: str, placeholder: bool) -> bool:
        """Object first, then its row: killed in between, the next run writes the same object again and adopts it."""
        store, vehicle_id = self._bench.store, self.lease.vehicle.id
        path = object_path(vehicle_id, store.source, candidate.url, picture.extension)
        url = await store.put_object(path, picture.content, picture.mime_type)
        image = StoredImage(
            vehicle_id=vehicle_id,
            source_url=candidate.url,
            storage_path=path,
            image_url=url,
            file_hash=picture.sha256,
            file_size=picture.size,
            mime_type=picture.mime_type,
            width=picture.width,
            height=picture.height,
            position=candidate.position,
            orientation=picture.orientation,
            taken_at=picture.taken_at,
            perceptual_hash=picture.perceptual_hash,
            similar_to=similar_to,
            placeholder=placeholder,
        )
        return await store.record(self.lease, image)

    def _looks(self, candidate: Candidate, picture: Picture) -> tuple[str, bool]:
        """The earlier image of the vehicle that it looks like, and whether its host shows it for many vehicles."""
        earlier = self._album.earlier_like(picture, candidate.url)
        if earlier:
            self._bench.progress.count_similar()
        look = self._album.first_look(picture)
        return earlier, bool(look) and self._bench.progress.is_placeholder(Sight(candidate.host, look, candidate.url))

    def _refused(self, candidate: Candidate, refusal: Refusal) -> Outcome:
        known = self._known.get(candidate.url)
        attempts = (known.attempts if known else 0) + refusal.asked
        deferred = refusal.reason.retry_may_help and (attempts < DEFERRALS or not refusal.asked)
        delay = retry_delay(max(attempts, 1), refusal.retry_after)
        return Outcome(
            candidate.url,
            candidate.host,
            Result.DEFERRED if deferred else Result.REFUSED,
            reason=refusal.reason,
            detail=refusal.detail,
            retry_at=self._bench.clock() + delay if deferred else None,
            attempts=attempts,
        )

    async def _end_keeping(self) -> None:
        """Count what is still being stored when one of them fails; nothing is written any more then."""
        while self._keeping:
            await asyncio.wait(self._keeping)
            with contextlib.suppress(Exception):
                self._take_kept()

    async def _let_go(self) -> None:
        """End the lease on the way out of a failure; where even that fails, its deadline ends it."""
        with contextlib.suppress(Problem, LeaseLost):
            await self._bench.store.settle(self.lease, self._settlement())

    async def _settle(self) -> VehicleResult | None:
        settlement = self._settlement()
        await self._bench.store.settle(self.lease, settlement)
        return None if self._unfinished else self._result(settlement)

    @property
    def _unfinished(self) -> bool:
        return any(mark in (Mark.WAITING, Mark.FETCHING) for mark in self._view.marks)

    def _settlement(self) -> Settlement:
        """Backfilled when every candidate is final and an image is there, parked when none is, else claimable."""
        retries = self._put_off + [outcome.retry_at for outcome in self._outcomes if outcome.retry_at is not None]
        complete = not self._unfinished and not retries
        has_image = bool(self._inserted or self.lease.stored)
        return Settlement(
            outcomes=tuple(self._outcomes),
            backfilled=complete and has_image,
            parked=complete and not has_image,
            retry_at=None if complete or self._unfinished else min(retries),
            run_id=self._bench.progress.run_id,
        )

    def _result(self, settlement: Settlement) -> VehicleResult:
        reasons = Counter(o.reason for o in (*self.lease.outcomes, *self._outcomes) if o.reason is not None)
        good = settlement.backfilled or self._inserted > 0
        return VehicleResult(
            vehicle_id=self.lease.vehicle.id,
            vehicle_name=self.lease.vehicle.title,
            status="success" if good else "failed",
            image_urls_count=len(self._candidates),
            images_inserted=self._inserted,
            error=None if good else _explain(reasons),
        )

    async def _drop_tasks(self) -> None:
        tasks = [*(task for _, _, task in self._fetching), *self._keeping]
        self._fetching.clear()
        self._keeping.clear()
        for task in tasks:
            task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Picture):
                done.content.close()


def _explain(reasons: Counter[Reason]) -> str:
    if not reasons:
        return "no candidate among its URLs"
    return ", ".join(f"{reason.words} ×{count}" for reason, count in reasons.most_common())
