from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sidecar import forget_our_sql
from tests.support.stack import Project
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
