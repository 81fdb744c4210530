"""From a feed into a store, batch by batch."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tui.listings.feeds import BadLine, read_feed
from tui.model import IntakeReport, Listing
from tui.stores import Store

BATCH = 5_000
_BAD_LINES_KEPT = 100

# A thread that parses can keep the event loop waiting for as long as it runs: so it runs for some 20 ms at a time.
_READ_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did so far: `lines` records read, each inserted, updated, unchanged or bad.

    `imageless` of the good ones told of no image: perhaps their column has a name that is not known here.
    `bad` are the first of the bad ones, `fraction` the share of the file that has been read, 0 to 1.
    """

    lines: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    bad_count: int = 0
    imageless: int = 0
    bad: tuple[BadLine, ...] = ()
    fraction: float = 0.0

    def plus(self, written: IntakeReport, bad: Sequence[BadLine], imageless: int, fraction: float) -> ImportReport:
        """The report after one more batch."""
        good = written.inserted + written.updated + written.unchanged
        return ImportReport(
            lines=self.lines + good + len(bad),
            inserted=self.inserted + written.inserted,
            updated=self.updated + written.updated,
            unchanged=self.unchanged + written.unchanged,
            bad_count=self.bad_count + len(bad),
            imageless=self.imageless + imageless,
            bad=(*self.bad, *bad)[:_BAD_LINES_KEPT],
            fraction=fraction,
        )


class _Source:
    """A feed that one thread reads while another may close it."""

    def __init__(self, path: Path, organization: str | None) -> None:
        self._lock = threading.Lock()
        self._feed = read_feed(path, organization)

    @property
    def fraction(self) -> float:
        return self._feed.fraction

    def take(self, count: int) -> list[Listing | BadLine]:
        with self._lock:
            return list(islice(self._feed, count))

    def close(self) -> None:
        with self._lock:
            self._feed.close()


async def import_feed(
    store: Store,
    path: Path,
    organization: str | None = None,
    on_progress: Callable[[ImportReport], None] | None = None,
    *,
    batch_size: int = BATCH,
) -> ImportReport:
    """Import a feed; `organization` is the dealer of records that name none.

    `on_progress` is called after every batch of `batch_size` records, each one transaction. A cancelled import leaves
    whole batches, and importing the same file again completes it. Raises `Problem` when the file cannot be read,
    `StoreError` when the store cannot be written.
    """
    source = await asyncio.to_thread(_Source, path, organization)
    report = ImportReport()
    try:
        while batch := await _batch(source, batch_size):
            bad = [record for record in batch if isinstance(record, BadLine)]
            imageless = sum(isinstance(record, Listing) and not record.image_urls for record in batch)
            report = report.plus(await store.intake(_drained(batch)), bad, imageless, source.fraction)
            if on_progress:
                on_progress(report)
    finally:
        await asyncio.to_thread(source.close)
    return replace(report, fraction=1.0)


async def _batch(source: _Source, size: int) -> deque[Listing | BadLine]:
    batch = deque[Listing | BadLine]()
    while len(batch) < size:
        records = await asyncio.to_thread(source.take, min(_READ_AT_ONCE, size - len(batch)))
        if not records:
            break
        batch += records
    return batch


def _drained(batch: deque[Listing | BadLine]) -> Iterator[Listing]:
    # Each record is forgotten as the next is taken: to free thousands at once would stop every thread.
    while batch:
        if isinstance(record := batch.popleft(), Listing):
            yield record
