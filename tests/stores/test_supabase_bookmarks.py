"""Far pages of a large project: reached from bookmarks, and exact whatever changes meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.stores.contract.shelves import served_project
from tests.support.stack import Project
from tui.model import Phase, RunOptions, RunRecord, VehicleQuery, VehicleSort
from tui.settings import Secret, Settings
from tui.stores import open_store

if TYPE_CHECKING:
    from tests.support.stack import Stack

VEHICLES = 1500
APART = 20
COLUMNS = {VehicleSort.TITLE: "title", VehicleSort.URLS: "url_count", VehicleSort.STATE: "state"}

FILL = """
insert into vehicles (make, origin_metadata)
select 'Make ' || n %% 37, jsonb_build_object('image_urls', (
  select jsonb_agg('http://a/' || k) from generate_series(1, 1 + n %% 5) k)) from generate_series(1, %s) n
"""
WRONG = """
with asked as (
  select b.*, lead(b.title) over w as t, lead(b.number) over w as n, lead(b.vehicle_id) over w as v
  from image_backfill_bookmarks b window w as (partition by b.sort order by b.title, b.number, b.vehicle_id)),
there as (
  select k.*, j.vehicle_id, 1 as vehicles from image_backfill_jobs j
  cross join lateral (
    values ('title', j.title, 0), ('urls', '', j.url_count), ('state', '', j.state)) k (sort, title, number)
  union all select sort, title, number, vehicle_id, -vehicles from image_backfill_moves)
select a.sort, a.title, a.number, a.vehicles, sum(e.vehicles) from asked a left join there e on e.sort = a.sort
  and (e.title, e.number, e.vehicle_id) >= (a.title, a.number, a.vehicle_id)
  and (a.v is null or (e.title, e.number, e.vehicle_id) < (a.t, a.n, a.v))
group by a.sort, a.title, a.number, a.vehicle_id, a.vehicles having coalesce(sum(e.vehicles), 0) <> a.vehicles
"""


@pytest.fixture
def project(stack: Stack) -> Project:
    """A project with our SQL and some vehicles, all taken in."""
    project = served_project(stack, "served")
    project.sql(FILL, [VEHICLES])
    project.sql("select image_backfill_sync()")
    return project


def keep(project: Project) -> None:
    while project.value("select image_backfill_keep_bookmarks(%s)", [APART]):
        pass


def check(project: Project) -> None:
    """Every bookmark counts right, and every page is what the order of all says."""
    assert project.sql(WRONG) == []
    total = project.value("select count(*) from image_backfill_jobs")
    for sort, column in COLUMNS.items():
        ids = project.value(
            f"select array_agg(vehicle_id::text order by {column}, vehicle_id) from image_backfill_jobs"
        )
        for descending in (False, True):
            expected = ids[::-1] if descending else ids
            for skip in (0, total // 2 - 77, total // 2, total // 2 + 130, total - 5):
                page = project.value(
                    "select image_backfill_vehicles(sort => %s, descending => %s, skip => %s, most => 10)",
                    [sort.value, descending, skip],
                )
                assert page["total"] == total
                assert [row["id"] for row in page["rows"]] == expected[skip : skip + 10]


def test_pages_are_exact_whatever_changes(project: Project) -> None:
    check(project)
    keep(project)
    assert project.value("select min(n) from (select count(*) from image_backfill_bookmarks group by sort) s (n)") > 30
    check(project)
    project.sql("update image_backfill_jobs set parked = true where vehicle_id::text < '6'")
    project.sql("update vehicles set make = 'Another' where make like 'Make 2%'")
    project.sql(FILL, [300])
    project.sql("delete from vehicles where make = 'Make 3'")
    project.sql("select image_backfill_sync()")
    assert project.value("select count(*) from image_backfill_moves") > 1000
    check(project)
    keep(project)
    assert project.value("select count(*) from image_backfill_moves") == 0
    check(project)


def test_bookmarks_go_where_vehicles_go(project: Project) -> None:
    keep(project)
    project.sql("update image_backfill_jobs set parked = true")
    keep(project)
    numbers = "select array_agg(distinct number order by number) from image_backfill_bookmarks where sort = 'state'"
    assert project.value(numbers) == [0, 2]
    assert project.value("select max(vehicles) from image_backfill_bookmarks") <= APART * 4
    check(project)
    project.sql("delete from vehicles")
    project.sql("select image_backfill_sync()")
    keep(project)
    assert project.value("select count(*) from image_backfill_bookmarks") == 3, "the beginning of each order"
    project.sql(FILL, [VEHICLES])
    project.sql("select image_backfill_sync()")
    keep(project)
    check(project)


def test_what_is_being_written_while_bookmarks_are_set_is_counted_once(project: Project) -> None:
    keep(project)
    project.sql("update image_backfill_jobs set parked = true")
    with psycopg.connect(project.dsn) as slow:
        slow.execute("update image_backfill_jobs set parked = false, url_count = 9 where vehicle_id::text < '8'")
        keep(project)
        check(project)
        slow.commit()
    check(project)
    keep(project)
    check(project)


def test_what_comes_just_before_a_new_bookmark_is_counted_once(project: Project) -> None:
    assert project.value("select image_backfill_keep_bookmarks(%s)", [APART])
    project.sql("update vehicles set make = 'Another' where make like 'Make 2%'")
    project.sql("select image_backfill_sync()")
    first = "select image_backfill_split_bookmark('title', '', 0, %s, null, null, null, %s)"
    project.sql(first, ["00000000-0000-0000-0000-000000000000", APART])
    assert project.sql("select distinct sort from image_backfill_moves") == []
    check(project)


async def test_the_first_bookmarks_wait_for_who_writes(project: Project) -> None:
    with psycopg.connect(project.dsn) as slow:
        slow.execute("update image_backfill_jobs set parked = true where vehicle_id::text < '8'")
        slow.execute("delete from image_backfill_jobs where vehicle_id::text > 'c'")
        with psycopg.connect(project.dsn) as other:
            begun = asyncio.create_task(
                asyncio.to_thread(other.execute, "select image_backfill_keep_bookmarks(%s)", [APART])
            )
            async with asyncio.timeout(10):
                while not project.value("select count(*) from pg_locks where not granted"):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            slow.commit()
            await begun
    keep(project)
    check(project)


def test_who_adds_up_does_not_wait_for_another(project: Project) -> None:
    keep(project)
    with psycopg.connect(project.dsn) as other:
        other.execute("select image_backfill_keep_bookmarks()")
        assert project.value("select image_backfill_keep_bookmarks()") is False


async def test_a_store_sets_them_where_a_project_is_large(project: Project) -> None:
    settings = Settings(supabase_url=project.url, supabase_key=Secret(project.secret_key))
    store = await open_store("supabase", settings)
    await store.refresh()
    assert project.value("select count(*) from image_backfill_bookmarks") == 0, "none is needed"
    project.sql(FILL, [9000])
    await store.refresh()
    assert project.value("select count(*) from image_backfill_bookmarks") > 20
    project.sql("update image_backfill_jobs set parked = vehicle_id::text < '5'")
    page = await store.vehicles(VehicleQuery(sort=VehicleSort.STATE, offset=5000, limit=10))
    assert project.value("select count(*) from image_backfill_moves") == 0, "what changed was added up"
    ids = project.value("select array_agg(vehicle_id::text order by state, vehicle_id) from image_backfill_jobs")
    assert [vehicle.id for vehicle in page.rows] == ids[5000:5010]
    await store.close()


async def test_workers_that_nobody_looks_at_tidy_up(project: Project) -> None:
    keep(project)
    store = await open_store("supabase", Settings(supabase_url=project.url, supabase_key=Secret(project.secret_key)))
    project.sql("update image_backfill_jobs set parked = true")
    await store.save_run(RunRecord("r", "w", 0.0, 0.0, None, Phase.RUNNING, RunOptions()))
    assert project.value("select count(*) from image_backfill_moves") == 0
    await store.close()
