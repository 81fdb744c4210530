from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stores.shelf import TTL, claim, claim_one
from tests.support.sidecar import forget_our_sql
from tests.support.stack import Project
from tui.model import VehicleQuery
from tui.settings import Secret, Settings
from tui.stores import Store, open_store
from tui.stores.schema import VERSION, drop_script, install_script

OURS = """
select array(select name from (
  select relname::text, relnamespace from pg_class union all select proname::text, pronamespace from pg_proc
) made (name, place) where place = 'public'::regnamespace and name like 'image\\_backfill\\_%')
"""
SHAPE = """
select array_agg(c::text order by c::text) from (
  select table_name, column_name, data_type, column_default, is_nullable from information_schema.columns
  where table_schema = 'public' and table_name not like 'image\\_backfill\\_%') c
"""
INDEXES = "select array_agg(indexname::text order by indexname) from pg_indexes where schemaname = 'public'"
EVERY_SHAPE = ["production", "lean", "bare"]


@pytest.fixture
def project(request: pytest.FixtureRequest) -> Iterator[Project]:
    """The project of the shape that the test names, and nothing of ours left in it afterwards."""
    project: Project = request.getfixturevalue(request.param)
    yield project
    forget_our_sql(project)


async def installed(project: Project) -> Store:
    project.psql(install_script())
    for _ in range(2):  # the first to end may have begun before
        project.reload_schema()
    return await open_store("supabase", Settings(supabase_url=project.url, supabase_key=Secret(project.secret_key)))


@pytest.mark.parametrize("project", EVERY_SHAPE, indirect=True)
def test_it_installs_twice_leaves_nothing_and_installs_again(project: Project) -> None:
    shape, indexes = project.value(SHAPE), project.value(INDEXES)
    for _ in range(2):
        project.psql(install_script())
        assert project.value("select public.image_backfill_version()") == VERSION
        assert project.value(SHAPE) == shape
    project.psql(drop_script())
    assert project.value(OURS) == []
    assert (project.value(SHAPE), project.value(INDEXES)) == (shape, indexes)
    project.psql(drop_script())
    project.psql(install_script())
    assert project.value("select public.image_backfill_version()") == VERSION


@pytest.mark.parametrize("project", ["lean"], indirect=True)
def test_the_table_of_organizations_can_be_named(project: Project) -> None:
    project.psql(install_script("organizations"))
    with pytest.raises(RuntimeError, match="no table dealers"):
        project.psql(install_script("dealers"))
    assert project.value("select public.image_backfill_version()") == VERSION


# What was there before the orders of pages had a table of their own.
FIRST_VERSION = """
drop table image_backfill_catalog, image_backfill_bookmarks, image_backfill_moves;
drop index image_backfill_jobs_leased;
create index image_backfill_jobs_held on image_backfill_jobs (worker) where worker is not null;
create index image_backfill_jobs_title on image_backfill_jobs (title, vehicle_id);
update image_backfill_about set version = 1;
delete from pg_description where description like 'made by backfill-tui%';
"""


@pytest.mark.parametrize("project", ["lean"], indirect=True)
async def test_leases_outlive_the_upgrade_from_the_first_version(project: Project) -> None:
    gallery = '{"image_urls": ["a"]}'
    project.sql(
        f"insert into vehicles (make, origin_metadata) select 'B' || n, '{gallery}' from generate_series(1, 9) n"
    )
    store = await installed(project)
    lease = await claim_one(store)
    await store.close()
    project.psql(FIRST_VERSION)
    store = await installed(project)
    page = await store.vehicles(VehicleQuery(descending=True))
    assert [vehicle.title for vehicle in page.rows] == [f"B{n}" for n in range(9, 0, -1)]
    assert await store.renew([lease], TTL) == frozenset()
    assert len(await claim(store)) == 8
    assert project.value("select to_regclass('image_backfill_jobs_title') is null")
    await store.close()
