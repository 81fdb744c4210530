"""Runs on a project, with our SQL and without: to their end, and to one that nothing can be waited out for."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from supabase import AsyncClient, AsyncClientOptions

from tests.stores.contract.shelves import PlainShelf, ProjectShelf, plain_project, served_project
from tests.support.stack import Answer, Project, Stack, storage_refusal
from tests.support.web import Web, jpeg, serving
from tests.support.world import listing
from tests.test_monitoring import monitored, of
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Pace
from tui.model import Phase, Problem, RunOptions
from tui.trickle.run import LEASE, Trickle

VEHICLES, IMAGES = 6, 2
GONE = "v1/64"

EDGE = Answer(403, "<html><head><title>Attention Required!</title></head></html>")
FULL = Answer(500, {"code": "53100", "message": "could not extend file: No space left on device"})
EXPIRED = Answer(401, {"code": "PGRST301", "message": "JWT expired"})
ROWS = r"/rest/v1/(rpc/image_backfill_record|vehicle_images)"

STRIKES: dict[str, tuple[Callable[[Project], object], str]] = {
    "edge": (lambda it: it.gateway.fault("POST /storage/v1/object/", EDGE, times=None), "Attention Required!"),
    "expired key": (lambda it: it.gateway.fault("/rest/v1/", EXPIRED, times=None), "its key has expired"),
    "expired key of storage": (
        lambda it: it.gateway.fault(
            "POST /storage/v1/", storage_refusal(403, "AccessDenied", "jwt expired"), times=None
        ),
        "its key has expired",
    ),
    "storage full": (
        lambda it: it.gateway.fault("POST /storage/v1/object/", Answer(507), times=None),
        "has no room left for objects",
    ),
    "database full": (lambda it: it.gateway.fault(ROWS, FULL, times=None), "has no room left on its database's disk"),
    "row-level security": (lambda it: it.sql("revoke insert on vehicle_images from service_role"), "keeps this key"),
}


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as host:
        host.answers[GONE] = (404, b"")
        yield host


@pytest.fixture(params=["served", "plain"])
async def shelf(request: pytest.FixtureRequest, stack: Stack, web: Web) -> AsyncIterator[ProjectShelf]:
    """A project with a few vehicles; what a test took from the service role is given back."""
    kind: str = request.param
    made = (PlainShelf, plain_project) if kind == "plain" else (ProjectShelf, served_project)
    shelf = await made[0](kind, made[1](stack, kind)).start()
    await shelf.store.intake([listing(web, number, IMAGES) for number in range(VEHICLES)])
    await shelf.store.refresh()
    yield shelf
    shelf.project.sql("grant insert on vehicle_images to service_role")
    await shelf.close()


def worker(shelf: ProjectShelf, web: Web, limit: int = 100) -> Trickle:
    images = Images(Pace(PROFILES["unlimited"]), guard=Guard(exempt=web.exempt))
    return Trickle(shelf.store, images, RunOptions(batch_size=3, limit=limit, pace="unlimited"))


def expected(web: Web) -> Counter[tuple[str, str]]:
    """Source URL and hash of every image that is to be had."""
    paths = {f"v{number}/{number * 64 + index}" for number in range(VEHICLES) for index in range(IMAGES)} - {GONE}
    return Counter((web.url(path), hashlib.sha256(jpeg(int(path.partition("/")[2]))).hexdigest()) for path in paths)


async def rows_by_supabase_py(project: Project, http: httpx.AsyncClient) -> list[Any]:
    client = AsyncClient(project.url, project.service_key, AsyncClientOptions(httpx_client=http))
    return (await client.table("vehicle_images").select("*").order("id").execute()).data


async def assert_agreed(shelf: ProjectShelf, web: Web) -> None:
    """The seed's SQL, the rows by psql and by supabase-py, the objects at their URLs and the counts are all one."""
    project = shelf.project
    assert of(await shelf.store.counts()) == monitored(project) == (0, VEHICLES)
    by_sql = json.loads(project.psql("select json_agg(i order by id) from vehicle_images i", "-At"))
    async with httpx.AsyncClient() as http:
        rows = await rows_by_supabase_py(project, http)
        assert rows == by_sql
        answers = await asyncio.gather(*(http.get(row["image_url"]) for row in rows))
    assert Counter((row["source_url"], row["file_hash"]) for row in rows) == expected(web)
    for row, answer in zip(rows, answers, strict=True):
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == row["file_hash"]
        assert (len(answer.content), answer.headers["Content-Type"]) == (row["file_size"], row["mime_type"])
    assert project.objects().keys() == {row["storage_path"] for row in rows}
    assert sum(row["is_primary"] for row in rows) == VEHICLES


async def test_the_seeds_sql_supabase_py_and_a_plain_get_agree_on_what_a_run_leaves(
    shelf: ProjectShelf, web: Web
) -> None:
    await worker(shelf, web).run()
    await assert_agreed(shelf, web)


@pytest.mark.parametrize("name", STRIKES)
async def test_what_does_not_pass_ends_a_run_with_its_reason_and_the_next_one_completes(
    name: str, shelf: ProjectShelf, web: Web
) -> None:
    strike, sentence = STRIKES[name]
    await worker(shelf, web, limit=2).run()
    web.hold.clear()
    run = worker(shelf, web)
    going = asyncio.create_task(run.run())
    async with asyncio.timeout(60):
        while not web.holding:  # noqa: ASYNC110 - the host's own count
            await asyncio.sleep(0.01)
        strike(shelf.project)
        web.hold.set()
        with pytest.raises(Problem) as caught:
            await going
    assert sentence in str(caught.value)
    assert (run.phase, run.snapshot().error) == (Phase.FAILED, str(caught.value))
    assert len(shelf.project.objects()) < sum(expected(web).values()), "the fault was there in time"
    shelf.project.gateway.reset()
    shelf.project.sql("grant insert on vehicle_images to service_role")
    await shelf.pass_time(LEASE)
    await worker(shelf, web).run()
    await assert_agreed(shelf, web)
