"""From a feed into a store, batch by batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tui.listings.feeds import BadLine, Feed, read_feed
from tui.model import IntakeReport, Listing
from tui.stores import Store

BATCH = 5_000
_BAD_LINES_KEPT = 100


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did so far: `lines` records read, each inserted, updated, unchanged or bad.

    `bad` are the first of the bad ones, `fraction` the share of the file that has been read, 0 to 1.
    """

    lines: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    bad_count: int = 0
    bad: tuple[BadLine, ...] = ()
    fraction: float = 0.0

    def plus(self, batch: _Batch, written: IntakeReport) -> ImportReport:
        """The report after one more batch."""
        return ImportReport(
            lines=self.lines + len(batch.listings) + len(batch.bad),
            inserted=self.inserted + written.inserted,
            updated=self.updated + written.updated,
            unchanged=self.unchanged + written.unchanged,
            bad_count=self.bad_count + len(batch.bad),
            bad=(self.bad + batch.bad)[:_BAD_LINES_KEPT],
            fraction=batch.fraction,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    listings: tuple[Listing, ...]
    bad: tuple[BadLine, ...]
    fraction: float


class _Source:
    """A feed that one thread reads while another may close it."""

    def __init__(self, path: Path, organization: str | None) -> None:
        self._lock = threading.Lock()
        self._feed: Feed = read_feed(path, organization)

    def take(self, count: int) -> _Batch:
        with self._lock:
            records = list(islice(self._feed, count))
            listings = tuple(record for record in records if isinstance(record, Listing))
            bad = tuple(record for record in records if isinstance(record, BadLine))
            return _Batch(listings, bad, self._feed.fraction)

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
    reading = asyncio.create_task(asyncio.to_thread(source.take, batch_size))
    try:
        while (batch := await reading).listings or batch.bad:
            # The next batch is read while this one is written.
            reading = asyncio.create_task(asyncio.to_thread(source.take, batch_size))
            report = report.plus(batch, await store.intake(batch.listings) if batch.listings else IntakeReport())
            if on_progress:
                on_progress(report)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await asyncio.to_thread(source.close)
    return replace(report, fraction=1.0)
