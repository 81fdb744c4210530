"""How the local store does at size: `python tests/bench/bench_local_store.py [VEHICLES] [ORGANIZATIONS] [FOLDER]`.

Writes a feed, imports it, and prints seconds, memory and the latency of what a screen or a worker asks.
A folder that is given is kept, and a store in it is measured as it is.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from tui.listings.intake import ImportReport, import_feed
from tui.model import (
    BUCKET,
    OrganizationSort,
    Outcome,
    Result,
    Scope,
    Settlement,
    StoredImage,
    VehicleQuery,
    VehicleSort,
)
from tui.stores.local import LocalStore

MAKES = ("Ford", "Toyota", "Honda", "BMW", "Audi", "Mazda", "Volvo", "Kia")


def write_feed(path: Path, vehicles: int, organizations: int) -> None:
    dice = random.Random(1)
    with path.open("w") as file:
        for n in range(vehicles):
            record = {
                "vin": f"1FTEX{n:012d}",
                "year": dice.randint(1990, 2025),
                "make": dice.choice(MAKES),
                "model": f"Model {dice.randint(1, 200)}",
                "trim": "XLT",
                "mileage": f"{dice.randint(1, 200)},345 miles",
                "price": f"${dice.randint(1, 99)},500.00",
                "dealership_name": f"Dealer {n % organizations}",
                "link": f"https://dealer{n % organizations}.example/inventory/{n}",
                "image_urls": [f"https://img{k % 3}.example.com/photos/{n}/full/{k}.jpg?w=1600" for k in range(8)],
            }
            file.write(json.dumps(record) + "\n")


def megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def timed(name: str, ask: Callable[[], Awaitable[object]], repeat: int = 5) -> None:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - start) * 1000)
    print(f"{name:46} median {statistics.median(times):8.2f} ms   worst {max(times):8.2f} ms", flush=True)


async def fill(folder: Path, vehicles: int, organizations: int) -> None:
    feed = folder / "feed.jsonl"
    write_feed(feed, vehicles, organizations)
    store = await LocalStore.open(folder)
    start = last = time.perf_counter()

    def tell(report: ImportReport) -> None:
        nonlocal last
        if report.lines % 100_000 == 0:
            now = time.perf_counter()
            cpu = time.process_time()
            print(f"  {report.lines:,} lines, {now - last:.1f} s more, CPU {cpu:.0f} s, {megabytes()} MB", flush=True)
            last = now

    report = await import_feed(store, feed, on_progress=tell)
    print(f"imported {report.inserted:,} in {time.perf_counter() - start:.1f} s, peak {megabytes()} MB", flush=True)
    await store.close()


async def ask_pages(store: LocalStore, total: int) -> None:
    await timed("counts", store.counts)
    for order in OrganizationSort:
        await timed(f"organizations by {order}", partial(store.organizations, sort=order))
    largest = (await store.organizations(limit=1)).rows[0]
    for scope, of, size in (("all", None, total), ("the largest", largest.id, largest.counts.vehicles)):
        for sort in VehicleSort:
            for descending in (False, True):
                for offset in (0, size // 2, size - 100):
                    query = VehicleQuery(organization_id=of, sort=sort, descending=descending, offset=offset)
                    name = f"{scope} by {sort}{' desc' if descending else ''} at {offset:,}"
                    await timed(name, partial(store.vehicles, query))
        for text in ("model 17", "000000123", "no such thing"):
            found = VehicleQuery(organization_id=of, filter=text)
            await timed(f"{scope} with {text!r}", partial(store.vehicles, found))


async def work(store: LocalStore) -> None:
    claims, records, settles = [], [], []
    for _ in range(20):
        start = time.perf_counter()
        leases = await store.claim(Scope(), 20, worker="bench", run_id="bench", ttl=60)
        claims.append((time.perf_counter() - start) * 1000)
        for lease in leases:
            outcomes = []
            for position, url in enumerate(map(str, lease.gallery.urls)):
                path = f"{lease.vehicle.id}/external_import/{position}.jpg"
                image = StoredImage(
                    lease.vehicle.id, url, path, f"file:///{BUCKET}/{path}", url, 1, "image/jpeg", 1, 1, position
                )
                start = time.perf_counter()
                await store.record(lease, image)
                records.append((time.perf_counter() - start) * 1000)
                outcomes.append(Outcome(url, "img.example.com", Result.STORED))
            start = time.perf_counter()
            await store.settle(lease, Settlement(tuple(outcomes), backfilled=True))
            settles.append((time.perf_counter() - start) * 1000)
    for name, times in (("claim of 20", claims), ("record", records), ("settle of 8", settles)):
        print(f"{name:46} median {statistics.median(times):8.2f} ms   worst {max(times):8.2f} ms", flush=True)


async def measure(folder: Path) -> None:
    start = time.perf_counter()
    store = await LocalStore.open(folder)
    print(f"open: {(time.perf_counter() - start) * 1000:.1f} ms, {(folder / 'store.sqlite3').stat().st_size:,} bytes")
    await ask_pages(store, (await store.counts()).vehicles)
    await timed("workload", lambda: store.workload(Scope(), 20))
    await timed("workload by organization of 10,000", lambda: store.workload_by_organization(Scope(), 20, 10_000))
    await timed("peek 100", lambda: store.peek(Scope(), 0, 100))
    await timed("refusals", store.refusals)
    await work(store)
    await store.close()
    print(f"peak {megabytes()} MB")


def main() -> None:
    vehicles, organizations, *rest = [*sys.argv[1:], *("100000", "500")[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(rest[0] if rest else temporary)
        if not (folder / "store.sqlite3").exists():
            asyncio.run(fill(folder, int(vehicles), int(organizations)))
        asyncio.run(measure(folder))


if __name__ == "__main__":
    main()
