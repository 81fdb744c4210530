"""Our SQL among what others have made: what it leaves alone, what it refuses to stand on, who may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.sidecar import forget_our_sql
from tests.support.stack import Project
from tui.stores.schema import NAMES, VERSION, drop_script, install_script

MADE = """
select array(select name from (
  select relname::text, relnamespace from pg_class where relkind in ('r', 'v')
  union select indexrelid::regclass::text, 'public'::regnamespace from pg_index
  where indexrelid::regclass::text not in (select conindid::regclass::text from pg_constraint where contype = 'p')
  union select proname::text, pronamespace from pg_proc
) made (name, place) where place = 'public'::regnamespace and name like 'image\\_backfill\\_%')
"""
UNMARKED = "delete from pg_description where description like 'made by backfill-tui%';"
STRANGE = """
create table image_backfill_log (what text);
insert into image_backfill_log values ('mine');
create function image_backfill_mine() returns integer language sql as 'select 1';
create view image_backfill_report_view as select 1 as one;
create index image_backfill_by_make on vehicles (make);
"""
GONE = """
drop view if exists image_backfill_report_view; drop table if exists image_backfill_log;
drop function if exists image_backfill_mine; drop index if exists image_backfill_by_make;
"""


@pytest.fixture
def project(lean: Project) -> Iterator[Project]:
    """A project with nothing of ours, before and after."""
    yield lean
    lean.psql(GONE)
    forget_our_sql(lean)


def strange(project: Project) -> list[object]:
    """What is left of what others made, and whether anybody put row-level security on it."""
    ((table, secured, function, view, index),) = project.sql(
        "select (select what from image_backfill_log), relrowsecurity, image_backfill_mine(),"
        " (select one from image_backfill_report_view), to_regclass('image_backfill_by_make')::text"
        " from pg_class where relname = 'image_backfill_log'"
    )
    return [table, secured, function, view, index]


def test_all_that_it_makes_is_known_by_name(project: Project) -> None:
    project.psql(install_script())
    assert set(NAMES) - set(project.value(MADE)) == {"image_backfill_photos_added"}  # there is no column for it
    assert set(project.value(MADE)) <= set(NAMES)


@pytest.mark.parametrize("unmarked", [False, True])
def test_what_others_made_stays_whatever_its_name(project: Project, unmarked: bool) -> None:
    untouched = ["mine", False, 1, 1, "image_backfill_by_make"]
    project.psql(STRANGE)
    for _ in range(2):
        project.psql(install_script())
        assert strange(project) == untouched
        if unmarked:  # as the first versions left it
            project.psql(f"{UNMARKED} update image_backfill_about set version = 2")
    assert project.value("select version from image_backfill_about") == (2 if unmarked else VERSION)
    project.psql(drop_script())
    assert strange(project) == untouched
    assert set(project.value(MADE)) & set(NAMES) == set()


@pytest.mark.parametrize(
    "thing",
    [
        "table image_backfill_jobs (id integer)",
        "view image_backfill_lines as select 1 as one",
        "function image_backfill_version(a integer) returns integer language sql as 'select 1'",
        "index image_backfill_changed on vehicles (make)",
    ],
)
def test_it_is_not_installed_over_what_others_made(project: Project, thing: str) -> None:
    project.psql(f"create {thing}")
    kind, name = thing.split("(")[0].split(" ")[:2]
    try:
        with pytest.raises(
            RuntimeError, match=rf"public.{name}.* is there and was not made by backfill-tui: rename it"
        ):
            project.psql(install_script())
        project.psql(drop_script())
        assert project.value(MADE) == [name]
    finally:
        project.psql(f"drop {kind} {name}")


@pytest.mark.parametrize("script", [install_script, drop_script])
def test_what_others_built_on_it_stops_it(project: Project, script: Callable[[], str]) -> None:
    project.psql(install_script())
    project.psql("create view waiting as select id from image_backfill_lines where state = 'ready'")
    try:
        with pytest.raises(RuntimeError, match=r"public.waiting depends on view public.image_backfill_lines"):
            project.psql(script())
        assert project.sql("select id from waiting") == []
    finally:
        project.psql("drop view waiting")


def test_rights_that_a_project_gives_by_default_are_taken_back(project: Project) -> None:
    role = "lean_intruder"
    give = f"alter default privileges in schema public grant all on {{}} to {role};"
    take = f"alter default privileges in schema public revoke all on {{}} from {role};"
    project.psql(f"create role {role}; {give.format('functions')} {give.format('tables')}")
    try:
        project.psql(install_script())
        grants = (
            "select count(*) from (select proname, proacl from pg_proc union all select relname, relacl from pg_class)"
            " made (name, acl), aclexplode(acl) a where name like 'image\\_backfill\\_%%' and a.grantee = {}"
        )
        assert project.value(grants.format(f"'{role}'::regrole")) == 0
        assert project.value(grants.format(0)) == 0
        assert project.value(grants.format("'service_role'::regrole")) > 50
    finally:
        project.psql(f"{take.format('functions')} {take.format('tables')} drop owned by {role}; drop role {role}")


def test_the_index_of_organizations_moves_to_the_table_that_is_named(project: Project) -> None:
    table = "select tablename from pg_indexes where indexname = 'image_backfill_dealers_id'"
    project.psql("create table dealers (id uuid primary key, name text)")
    try:
        for named in ("", "dealers", "dealers", "organizations"):
            project.psql(install_script(named))
            assert project.value(table) == (named or "organizations")
    finally:
        project.psql(f"{drop_script()} drop table dealers")
