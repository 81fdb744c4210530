"""What a project with a million vehicles costs: our SQL beside the monitoring query of the original system.

    python -m tests.bench.bench_supabase_store [--vehicles N] [--images N] [--organizations N] [--rounds N]

It starts the Supabase stack of the tests, fills it, installs our SQL and prints the median and the worst of each
question in milliseconds, asked of the database itself and through PostgREST.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from tests.support.stack import PRODUCTION, Project, Stack
from tui.model import OrganizationSort, Scope, VehicleQuery, VehicleSort
from tui.settings import Secret, Settings
from tui.stores import Store, open_store
from tui.stores.schema import install_script

WORKERS = 8
BATCH = 20
EVERYTHING = '{"organization_ids": [], "vehicle_ids": [], "include_private": false}'

NEEDING = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND v.origin_metadata->>'image_urls' IS NOT NULL
AND (SELECT COUNT(*) FROM vehicle_images vi WHERE vi.vehicle_id = v.id) = 0
"""
BACKFILLED = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND (v.origin_metadata->>'images_backfilled')::boolean = true
"""

FILL = (
    "SET session_replication_role = replica",  # neither foreign keys nor triggers look at each of four million rows
    """
    INSERT INTO businesses (id, business_name, website)
    SELECT md5('o' || n)::uuid, 'Dealer ' || n, 'https://dealer-' || n || '.example.com'
    FROM generate_series(1, {organizations}) n
    """,
    """
    INSERT INTO vehicles (id, year, make, model, vin, is_public, origin_organization_id, origin_metadata, listing_url)
    SELECT md5('v' || n)::uuid, 1950 + n % 70, (ARRAY['Porsche', 'BMW', 'Fiat', 'Ford', 'Jaguar'])[1 + n % 5],
      'Model ' || n % 997, upper(left(md5('vin' || n), 17)), n % 50 <> 0, md5('o' || 1 + n % {organizations})::uuid,
      jsonb_build_object('image_urls', (
        SELECT jsonb_agg('https://img' || n % 20 || '.example.com/listings/' || n || '/photo-' || k || '.jpg')
        FROM generate_series(1, 4 + n % 13) k))
        || CASE WHEN n <= {filled} THEN '{{"images_backfilled": true}}' ELSE '{{}}' END::jsonb,
      'https://dealer.example.com/' || n
    FROM generate_series(1, {vehicles}) n
    """,
    """
    INSERT INTO vehicle_images (vehicle_id, image_url, source, source_url, file_hash, position)
    SELECT md5('v' || 1 + n % {filled})::uuid, 'https://project.example.com/' || n || '.jpg', 'external_import',
      'https://img.example.com/' || n || '.jpg', md5('h' || n), n / {filled}
    FROM generate_series(0, {images} - 1) n
    """,
    "RESET session_replication_role",
    "VACUUM ANALYZE",
)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say what is being done and how long it took."""
    print(f"{what} …", end=" ", flush=True)
    began = time.perf_counter()
    yield
    print(f"{time.perf_counter() - began:.1f} s", flush=True)


def line(what: str, seconds: list[float]) -> None:
    """One question: median and worst."""
    print(f"  {what:<58} {statistics.median(seconds) * 1e3:>9.1f} {max(seconds) * 1e3:>9.1f} ms", flush=True)


def timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


async def timed_await(ask: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await ask()
    return time.perf_counter() - began


def fill(project: Project, vehicles: int, images: int, organizations: int) -> None:
    numbers = {
        "vehicles": vehicles,
        "images": images,
        "organizations": organizations,
        "filled": max(1, vehicles * 3 // 10),
    }
    with told(f"filling {vehicles:,} vehicles, {images:,} images, {organizations:,} organizations"):
        for statement in FILL:
            project.sql(statement.format(**numbers))


def original(project: Project, rounds: int) -> None:
    """The two counts of the original system."""
    print("the original monitoring queries")
    line("vehicles needing backfill", [timed(lambda: project.sql(NEEDING)) for _ in range(min(rounds, 3))])
    line("vehicles backfilled", [timed(lambda: project.sql(BACKFILLED)) for _ in range(min(rounds, 3))])


def in_the_database(project: Project, rounds: int, vehicles: int) -> None:
    """Our functions, without PostgREST."""
    print("our SQL, asked of the database")
    questions = {
        "what changed since": "SELECT image_backfill_catch_up()",
        "counts": "SELECT image_backfill_totals()",
        "organizations with their counts, 100 of them": "SELECT image_backfill_organizations()",
        "vehicles, first page of 100 by title": "SELECT image_backfill_vehicles()",
        "vehicles, page at 1 %": f"SELECT image_backfill_vehicles(skip => {vehicles // 100})",
        "vehicles, page in the middle": f"SELECT image_backfill_vehicles(skip => {vehicles // 2})",
        "vehicles by state, page in the middle": (
            f"SELECT image_backfill_vehicles(sort => 'state', skip => {vehicles // 2})"
        ),
        "vehicles by URLs downwards, page in the middle": (
            f"SELECT image_backfill_vehicles(sort => 'urls', descending => true, skip => {vehicles // 2})"
        ),
        "vehicles, last page": f"SELECT image_backfill_vehicles(skip => {vehicles - 100})",
        "vehicles of one organization by state": (
            "SELECT image_backfill_vehicles(organization => md5('o7')::uuid::text, sort => 'state')"
        ),
        "vehicles with `model 55` in the title": "SELECT image_backfill_vehicles(wanted => 'model 55')",
        "workload of everything": f"SELECT image_backfill_workload('{EVERYTHING}', 20)",
    }
    for what, query in questions.items():
        line(what, [timed(lambda query=query: project.sql(query)) for _ in range(rounds)])  # type: ignore[misc]


def claiming(project: Project, rounds: int) -> None:
    """Eight workers that claim 20 at a time, as fast as they can."""

    def work(worker: int) -> list[float]:
        with psycopg.connect(project.dsn, autocommit=True) as db:
            query = f"SELECT image_backfill_claim('{EVERYTHING}', {BATCH}, 'w{worker}', 'bench', 600)"
            return [timed(lambda: db.execute(query.encode()).fetchall()) for _ in range(rounds * 5)]

    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        seconds = [one for many in pool.map(work, range(WORKERS)) for one in many]
    took = time.perf_counter() - began
    line(f"a claim of {BATCH}, {WORKERS} workers claiming", seconds)
    twice = project.value(
        "SELECT count(*) - count(DISTINCT vehicle_id) FROM image_backfill_jobs WHERE worker LIKE 'w%'"
    )
    held = project.value("SELECT count(*) FROM image_backfill_jobs WHERE worker LIKE 'w%'")
    print(f"  {len(seconds)} claims, {len(seconds) / took:.0f}/s, {held:,} vehicles held, {twice} of them twice")
    line(f"a claim of {BATCH}, one worker", work(99)[:rounds])


async def through_postgrest(store: Store, rounds: int, vehicles: int) -> None:
    """The store as the screens use it."""
    print("the store, through PostgREST")
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "counts": store.counts,
        "organizations with their counts": lambda: store.organizations(sort=OrganizationSort.NEEDING),
        "vehicles, first page": lambda: store.vehicles(VehicleQuery()),
        "vehicles, page in the middle": lambda: store.vehicles(VehicleQuery(offset=vehicles // 2)),
        "vehicles by number of URLs": lambda: store.vehicles(VehicleQuery(sort=VehicleSort.URLS, descending=True)),
        f"a claim of {BATCH}": lambda: store.claim(Scope(), BATCH, worker="solo", run_id="bench", ttl=600.0),
    }
    for what, ask in questions.items():
        line(what, [await timed_await(ask) for _ in range(rounds)])

    async def work(worker: int) -> list[float]:
        return [
            await timed_await(lambda: store.claim(Scope(), BATCH, worker=f"p{worker}", run_id="bench", ttl=600.0))
            for _ in range(rounds)
        ]

    many = await asyncio.gather(*(work(worker) for worker in range(WORKERS)))
    line(f"a claim of {BATCH}, {WORKERS} claiming in this process", [one for few in many for one in few])


async def look(project: Project, rounds: int, vehicles: int) -> None:
    settings = Settings(supabase_url=project.url, supabase_key=Secret(project.service_key))
    store = await open_store("supabase", settings)
    with told("taking everything in for the first time"):
        await store.refresh()
    with told("taking everything in again"):
        await store.refresh()
    project.sql("VACUUM ANALYZE")
    in_the_database(project, rounds, vehicles)
    claiming(project, rounds)
    await through_postgrest(store, rounds, vehicles)
    counts = await store.counts()
    needing, backfilled = project.value(NEEDING), project.value(BACKFILLED)
    print(f"needing {counts.needing:,} (original query {needing:,}), backfilled {counts.backfilled:,} ({backfilled:,})")
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=3_000_000)
    parser.add_argument("--organizations", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=11)
    given = parser.parse_args()
    stack = Stack()
    try:
        project = stack.project("bench", PRODUCTION)
        fill(project, given.vehicles, given.images, given.organizations)
        original(project, given.rounds)
        with told("installing our SQL"):
            project.psql(install_script())
            project.reload_schema()
        asyncio.run(look(project, given.rounds, given.vehicles))
    finally:
        stack.close()


if __name__ == "__main__":
    main()
