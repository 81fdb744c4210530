"""Eight workers, a network that fails in every way, workers that are killed, a database that crashes: it all ends as
an undisturbed run does."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.support.forked import Forked
from tests.support.hand import start_hand
from tests.support.sidecar import our_sql
from tests.support.stack import PRODUCTION, Answer, Cut, Delay, Project, Stack, storage_refusal
from tests.support.web import Web, jpeg, serving
from tests.support.world import listing
from tui.settings import Secret, Settings
from tui.stores import open_store

WORKERS = 8
VEHICLES, IMAGES = 36, 4
KILLS = 6

NEEDING = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND v.origin_metadata->>'image_urls' IS NOT NULL
AND (SELECT COUNT(*) FROM vehicle_images vi WHERE vi.vehicle_id = v.id) = 0
"""

STANDING = """
SELECT j.state, o.result, o.reason, o.detail, count(*) FROM vehicles v
LEFT JOIN image_backfill_jobs j ON j.vehicle_id = v.id LEFT JOIN image_backfill_outcomes o ON o.vehicle_id = v.id
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT 20
"""

OPEN = "SELECT count(*) FROM image_backfill_jobs WHERE open OR lease_token IS NOT NULL"


@pytest.fixture
def crashing(stack: Stack) -> Iterator[Stack]:
    """Servers of its own: those of all other tests need not live through the crash."""
    own = Stack()
    yield own
    own.close()


@pytest.fixture
def project(crashing: Stack) -> Iterator[Project]:
    project = crashing.project("production", PRODUCTION)
    project.clear()
    with our_sql(project) as installed:
        yield installed


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as host:
        host.answers = {
            "v1/64": (404, b""),
            "v2/129": (200, jpeg(128)),  # the bytes of its first image
            **{f"v3/{192 + index}": (410, b"") for index in range(IMAGES)},
        }
        yield host


def misbehave(project: Project, seed: int) -> None:
    """Every fault that passes, each now and then."""
    reset = {"code": "57P01", "message": "terminating connection due to administrator command"}
    timeout = {"code": "57014", "message": "canceling statement due to statement timeout"}
    reload = {"code": "PGRST002", "message": "Could not query the database for the schema cache. Retrying."}
    everywhere, storage, rpc = "/v1/", "POST /storage/v1/object/", "POST /rest/v1/rpc/"
    faults: list[tuple[str, Answer | Cut | Delay, float]] = [
        (everywhere, Answer(503, "upstream connect error"), 0.02),
        (everywhere, Answer(429, "", {"Retry-After": "0"}), 0.02),
        (everywhere, Answer(502, "<html><title>502 Bad Gateway</title></html>"), 0.01),
        (everywhere, Cut(), 0.02),
        (everywhere, Cut("after"), 0.03),
        (everywhere, Cut("answer", reset=True), 0.02),
        (everywhere, Delay(0.2), 0.02),
        (storage, Answer(544, {"statusCode": "544", "error": "DatabaseTimeout", "message": "timed out"}), 0.03),
        (storage, storage_refusal(429, "SlowDown", "Too many connections"), 0.03),
        (storage, Cut("request"), 0.05),
        (rpc, Answer(500, reset), 0.02),
        (rpc, Answer(500, timeout), 0.01),
        (rpc, Answer(503, reload), 0.02),
        (rpc, Answer(503, "lost", when="after"), 0.03),
    ]
    for number, (pattern, act, chance) in enumerate(faults):
        project.gateway.fault(pattern, act, times=None, chance=chance, seed=seed * 100 + number)


@asynccontextmanager
async def crew(project: Project, port: int) -> AsyncIterator[list[Forked]]:
    hands = [start_hand(project, port) for _ in range(WORKERS)]
    try:
        yield hands
    finally:
        for hand in hands:
            if hand.returncode is None:
                hand.kill()
            await hand.wait()


async def work_to_the_end(project: Project, web: Web, stack: Stack, rng: random.Random) -> None:
    """Keep eight workers at it, killing some and crashing the database on the way, until nothing is open."""
    kills, crash_at = 0, VEHICLES * IMAGES // 2
    async with crew(project, web.port) as hands:
        while project.value(OPEN):
            await asyncio.sleep(rng.uniform(0.05, 0.4))  # the instants are meant to be random ones
            if crash_at and web.asked.total() > crash_at:
                crash_at = 0
                await asyncio.to_thread(stack.restart_database, "immediate")
            if kills < KILLS and web.asked.total() > kills * VEHICLES * IMAGES // KILLS:
                kills += 1
                victim = rng.choice(hands)
                if victim.returncode is None:
                    victim.kill()
            await replace_the_fallen(hands, project, web.port)


async def replace_the_fallen(hands: list[Forked], project: Project, port: int) -> None:
    """New workers for those that were killed or gave up; and one, when all others found nothing left to claim."""
    for place, hand in enumerate(hands):
        if hand.returncode or (place == 0 and all(hand.returncode is not None for hand in hands)):
            await hand.wait()
            hands[place] = start_hand(project, port)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1])
async def test_whatever_happens_it_ends_as_if_nothing_had(
    seed: int, crashing: Stack, project: Project, web: Web
) -> None:
    settings = Settings(supabase_url=project.url, supabase_key=Secret(project.service_key))
    store = await open_store("supabase", settings)
    await store.intake([listing(web, number, IMAGES) for number in range(VEHICLES)])
    await store.refresh()
    assert (await store.counts()).needing == VEHICLES
    misbehave(project, seed)
    async with asyncio.timeout(150):
        await work_to_the_end(project, web, crashing, random.Random(seed))
    project.gateway.reset()
    assert_complete(project, web)
    counts = await store.counts()
    assert (counts.needing, counts.parked, counts.backfilled) == (project.value(NEEDING), 1, VEHICLES - 1)
    await store.close()


def expected(web: Web) -> dict[tuple[int, str], str]:
    """(vehicle's year, source URL) → hash of its bytes."""
    gone = {"v1/64", "v2/129", *(f"v3/{192 + index}" for index in range(IMAGES))}
    return {
        (1960 + number, web.url(path)): hashlib.sha256(jpeg(number * 64 + index)).hexdigest()
        for number in range(VEHICLES)
        for index in range(IMAGES)
        if (path := f"v{number}/{number * 64 + index}") not in gone
    }


def assert_complete(project: Project, web: Web) -> None:
    """Rows, objects and marks are exactly those of an undisturbed run."""
    rows = project.sql(
        "SELECT v.year, i.source_url, i.file_hash, i.storage_path"
        " FROM vehicle_images i JOIN vehicles v ON v.id = i.vehicle_id"
    )
    assert {(year, url): digest for year, url, digest, _ in rows} == expected(web), project.sql(STANDING)
    assert len(rows) == len(expected(web)), "no row twice"
    objects = {path: hashlib.sha256(content).hexdigest() for path, content in project.objects().items()}
    assert objects == {path: digest for _, _, digest, path in rows}
    marked = project.sql("SELECT year FROM vehicles WHERE origin_metadata->>'images_backfilled' = 'true' ORDER BY 1")
    assert [year for (year,) in marked] == [1960 + number for number in range(VEHICLES) if number != 3]
    primaries = project.value("SELECT count(*) FROM vehicle_images WHERE is_primary AND position = 0")
    assert primaries == VEHICLES - 2, "the first image of each vehicle, but of the two whose first one failed"
    assert project.value("SELECT count(*) FROM vehicle_images WHERE is_primary") == VEHICLES - 1
    leftovers = "SELECT count(*) FROM image_backfill_jobs WHERE lease_token IS NOT NULL OR worker IS NOT NULL"
    assert project.value(leftovers) == 0
