"""What is particular to the store that our SQL serves: whose it is, what it waits for, what it follows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from tests.stores.contract.shelves import served_project
from tests.stores.shelf import TTL, claim, claim_one, image, listing, only, refused
from tests.support.sidecar import forget_our_sql
from tests.support.stack import Answer, Project
from tui.model import Counts, Health, Outcome, Reason, Result, Scope, Settlement, State, VehicleQuery
from tui.settings import Secret, Settings
from tui.stores import StoreError, examine, open_store
from tui.stores.schema import VERSION, drop_script, install_script
from tui.stores.supabase.served import ServedStore

if TYPE_CHECKING:
    from tests.support.stack import Stack

FUNCTIONS = "from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname like 'image\\_backfill\\_%%'"
KEPT = "from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname like 'image\\_backfill\\_%%'"


@pytest.fixture
def project(stack: Stack) -> Project:
    """An empty project of the production shape with our SQL."""
    return served_project(stack, "served")


async def opened(project: Project, **settings: Any) -> ServedStore:
    chosen = Settings(supabase_url=project.url, supabase_key=Secret(project.secret_key), **settings)
    store = await open_store("supabase", chosen)
    assert isinstance(store, ServedStore)
    return store


def test_nobody_but_the_service_role_may_use_any_of_it(project: Project) -> None:
    functions = f"select count(*) filter (where has_function_privilege(%s, p.oid, 'execute')), count(*) {FUNCTIONS}"
    tables = f"select count(*) {KEPT} and c.relkind in ('r', 'v') and has_table_privilege(%s, c.oid, %s)"
    for role in ("anon", "authenticated"):
        ((may, there),) = project.sql(functions, [role])
        assert (may, there > 20) == (0, True)
        for privilege in ("select", "insert", "update", "delete"):
            assert project.value(tables, [role, privilege]) == 0
    ((may, there),) = project.sql(functions, ["service_role"])
    assert may == there


def test_it_runs_with_the_rights_of_the_caller_and_finds_no_name_by_a_path(project: Project) -> None:
    assert project.value(f"select count(*) {FUNCTIONS} and p.prosecdef") == 0
    path = "coalesce('search_path=\"\"' = any (p.proconfig), false)"
    assert project.value(f"select count(*) {FUNCTIONS} and not {path}") == 0
    assert project.value(f"select count(*) {KEPT} and c.relkind = 'r' and not c.relrowsecurity") == 0
    invoker = "coalesce('security_invoker=true' = any (c.reloptions), false)"
    assert project.value(f"select count(*) {KEPT} and c.relkind = 'v' and not {invoker}") == 0


async def test_an_anonymous_key_gets_nothing_of_it(project: Project) -> None:
    async with httpx.AsyncClient(
        base_url=f"{project.url}/rest/v1", headers={"apikey": project.publishable_key}
    ) as http:
        for name in ("image_backfill_totals", "image_backfill_version", "image_backfill_fleet"):
            answer = await http.post(f"/rpc/{name}", json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "42501")
        for name in ("image_backfill_jobs", "image_backfill_runs", "image_backfill_lines"):
            answer = await http.get(f"/{name}")
            assert (answer.status_code, answer.json()["code"]) == (401, "42501")


async def test_who_only_looks_writes_nothing(project: Project) -> None:
    writer, looker = await opened(project), await opened(project, read_only=True)
    await writer.intake([listing("v")])
    assert looker.read_only
    assert (await looker.counts()).needing == 1
    (lease,) = await looker.peek(Scope(), 0, 1)
    for write in (
        claim(looker),
        looker.renew([lease], TTL),
        looker.record(lease, image(lease)),
        looker.settle(lease, Settlement()),
        looker.retry(),
        looker.unpark([lease.vehicle.id]),
        looker.intake([listing("w")]),
    ):
        with pytest.raises(StoreError, match="read-only"):
            await write
    assert project.value("select count(*) from image_backfill_jobs where worker is not null") == 0
    await writer.close()
    await looker.close()


async def test_a_claim_waits_for_one_that_may_be_taken_back(project: Project) -> None:
    """Somebody else holds all that is left and has not said yet whether for good: that is not nothing."""
    store = await opened(project)
    await store.intake([listing(f"v{n}") for n in range(3)])
    with psycopg.connect(project.dsn) as other:
        other.execute("select image_backfill_claim(%s, 9, 'other', 'r', 60)", [json.dumps(SCOPE)])
        claiming = asyncio.create_task(claim(store))
        await blocked(project)
        other.rollback()
        assert len(await claiming) == 3
    await store.close()


async def test_a_claim_that_waited_in_vain_gets_nothing(project: Project) -> None:
    store = await opened(project)
    await store.intake([listing(f"v{n}") for n in range(3)])
    with psycopg.connect(project.dsn) as other:
        other.execute("select image_backfill_claim(%s, 9, 'other', 'r', 60)", [json.dumps(SCOPE)])
        claiming = asyncio.create_task(claim(store))
        await blocked(project)
        other.commit()
        assert await claiming == ()
    await store.close()


SCOPE = {"organization_ids": [], "vehicle_ids": [], "include_private": False}


async def blocked(project: Project) -> None:
    """Wait until somebody waits for a lock."""
    async with asyncio.timeout(10):
        while not project.value("select count(*) from pg_locks where not granted"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_an_end_said_again_while_it_is_still_being_written(project: Project) -> None:
    store = await opened(project)
    await store.intake([listing("v")])
    lease = await claim_one(store)
    with psycopg.connect(project.dsn) as slow:
        slow.execute("select image_backfill_fail(%s, %s)", [lease.vehicle.id, lease.token])
        settling = asyncio.create_task(store.settle(lease, Settlement(parked=True)))
        await blocked(project)
        slow.commit()
        await settling
    assert (await only(store)).state is State.PARKED
    await store.close()


async def test_a_primary_image_that_somebody_else_chooses_at_this_moment(project: Project) -> None:
    store = await opened(project)
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease))
    with psycopg.connect(project.dsn) as other:
        chosen = "insert into vehicle_images (vehicle_id, image_url, source, is_primary) values (%s, 'x', %s, true)"
        other.execute(chosen, [lease.vehicle.id, "bat_import"])
        settling = asyncio.create_task(store.settle(lease, Settlement(backfilled=True)))
        await blocked(project)
        other.commit()
        await settling
    assert project.sql("select image_url from vehicle_images where is_primary") == [("x",)]
    assert (await only(store)).state is State.BACKFILLED
    await store.close()


async def test_claims_that_wake_what_the_other_may_have(project: Project) -> None:
    """Each frees what was held too long, and finds all of its own freed by the other: neither stays without."""
    store = await opened(project)
    await store.intake([listing(f"v{n}", organization="AB"[n % 2]) for n in range(4)])
    a, b = (row.id for row in (await store.organizations()).rows)
    await claim(store, 9)
    project.sql("update image_backfill_jobs set lease_until = now() - interval '1 second'")
    with psycopg.connect(project.dsn) as other:
        wake = "update image_backfill_jobs set lease_until = null, lease_token = null where organization_id = %s"
        other.execute(wake, [a])
        claiming = asyncio.create_task(claim(store, scope=Scope((a,)), worker="w:2"))
        await blocked(project)
        failure = await asyncio.to_thread(attempt, lambda: other.execute(wake, [b]))
        other.rollback() if failure else other.commit()
    assert len(await claiming) == 2
    assert len(await claim(store, scope=Scope((b,)))) == 2
    await store.close()


def attempt(work: Callable[[], object]) -> Exception | None:
    try:
        work()
    except psycopg.errors.DeadlockDetected as error:
        return error
    return None


async def test_a_large_project_is_taken_in_by_parts(project: Project) -> None:
    project.sql(
        "insert into vehicles (make, origin_metadata)"
        " select 'Ford', jsonb_build_object('image_urls', array['http://a/' || n]) from generate_series(1, 5500) n"
    )
    store = await opened(project)
    assert (await store.counts()).needing == 5500
    assert len(project.gateway.requests("rpc/image_backfill_sync")) == 2
    project.sql("delete from vehicles where id in (select id from vehicles order by id desc limit 700)")
    await store.refresh()
    assert (await store.counts()).vehicles == (await store.vehicles(VehicleQuery())).total == 4800
    await store.close()


async def test_a_retry_of_many_goes_by_parts(project: Project) -> None:
    store = await opened(project)
    await store.intake([listing(f"v{n}") for n in range(2100)])
    project.sql("update image_backfill_jobs set parked = true")
    project.sql(
        "insert into image_backfill_outcomes (vehicle_id, source_url, host, result, reason)"
        " select vehicle_id, 'u', 'a', 'refused', 'gone' from image_backfill_jobs"
    )
    assert (await store.counts()).parked == 2100
    assert await store.retry(host="a") == 2100
    assert len(project.gateway.requests("rpc/image_backfill_retry")) == 2
    assert ((await store.counts()).parked, await store.refusals()) == (0, ())
    await store.close()


CROWDED = """
create function crowded() returns trigger language plpgsql as $$ begin
  if (select count(*) > 100 from rows) then
    raise exception 'canceling statement due to statement timeout' using errcode = '57014';
  end if;
  return null;
end $$;
create trigger crowded after insert on image_backfill_jobs
  referencing new table as rows for each statement execute function crowded();
create trigger crowded after delete on image_backfill_outcomes
  referencing old table as rows for each statement execute function crowded();
"""


@pytest.fixture
def crowded(project: Project) -> Iterator[Project]:
    """A project whose statement timeout leaves time for a hundred vehicles in one statement."""
    project.psql(CROWDED)
    yield project
    project.sql("drop function crowded cascade")


async def test_what_takes_too_long_at_once_goes_by_smaller_parts(crowded: Project) -> None:
    made = 'insert into vehicles (origin_metadata) select \'{"image_urls": ["a"]}\' from generate_series(1, 450)'
    crowded.sql(made)
    store = await opened(crowded)
    assert (await store.counts()).needing == 450
    crowded.sql(made)
    await store._sync.catch_up(at_once=True)
    assert (await store.counts()).needing == 900
    await store.intake([listing(f"v{n}") for n in range(150)])
    assert (await store.counts()).needing == 1050
    crowded.sql("update image_backfill_jobs set parked = true")
    crowded.sql(
        "insert into image_backfill_outcomes (vehicle_id, source_url, host, result, reason)"
        " select vehicle_id, 'u', 'a', 'refused', 'gone' from image_backfill_jobs"
    )
    assert await store.retry(host="a") == 1050
    tries = len(crowded.gateway.requests("rpc/image_backfill_"))
    assert tries < 120, "nothing is asked for again that was too much, and portions grow again"
    crowded.gateway.fault("rpc/image_backfill_keep_bookmarks", Answer(500, {"code": "57014", "message": "timeout"}))
    await store.refresh()
    await store.close()


@pytest.fixture
def installable(lean: Project) -> Iterator[Project]:
    """A project without our SQL, and without it afterwards."""
    yield lean
    forget_our_sql(lean)
    lean.reload_schema()  # which may have changed after our SQL was gone


def install(project: Project) -> None:
    project.psql(install_script())
    for _ in range(2):  # the first to end may have begun before
        project.reload_schema()


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("source in ('organization_import', 'bat_import')", "organization_import"),
        ("source in ('bat_import')", "bat_import"),
        ("source <> '' or image_url is null", "external_import"),
        ("image_url <> ''", "external_import"),
        ("source in ('bat_import') and length(source) < 60", "bat_import"),
        ("source in ('bat_import')), add check (length(source) < 60", "bat_import"),
        ("source = 'user_upload'", "external_import"),
    ],
)
async def test_the_source_is_one_that_the_table_admits(installable: Project, rule: str, source: str) -> None:
    constraint = "alter table vehicle_images drop constraint vehicle_images_source_check;"
    installable.psql(
        f"{constraint} alter table vehicle_images add constraint vehicle_images_source_check check ({rule})"
    )
    try:
        installable.psql(install_script())
        assert installable.value("select source from image_backfill_about") == source
        assert installable.value("select count(*) from vehicle_images") == 0
    finally:
        was = "check (source in ('organization_import', 'bat_import'))"
        installable.psql(
            f"{constraint} alter table vehicle_images drop constraint if exists vehicle_images_source_check1;"
            f"alter table vehicle_images add constraint vehicle_images_source_check {was}"
        )


async def test_the_source_may_be_one_of_an_enumeration(installable: Project) -> None:
    constraint = "alter table vehicle_images drop constraint vehicle_images_source_check;"
    typed = "alter table vehicle_images alter source type {0} using source::{0};"
    installable.psql(
        f"{constraint} create type sources as enum ('user_upload', 'bat_import'); {typed.format('sources')}"
    )
    try:
        install(installable)
        store = await opened(installable)
        await store.intake([listing("v")])
        lease = await claim_one(store)
        assert store.source == "bat_import"
        assert await store.record(lease, image(lease, source="bat_import"))
        await store.settle(lease, Settlement(backfilled=True))
        assert (await only(store)).state is State.BACKFILLED
        await store.close()
    finally:
        was = "check (source in ('organization_import', 'bat_import'))"
        installable.psql(
            f"{drop_script()} {typed.format('text')} drop type sources;"
            f"alter table vehicle_images add constraint vehicle_images_source_check {was}"
        )


async def test_a_column_that_is_added_is_followed_once_the_sql_is_installed_again(installable: Project) -> None:
    installable.psql(install_script())
    installable.reload_schema()
    installable.sql(
        'insert into vehicles (origin_metadata) select \'{"image_urls": ["a"]}\' from generate_series(1, 2)'
    )
    store = await opened(installable)
    assert (await store.counts()).needing == 2
    lease = await claim_one(store)
    await store.settle(lease, Settlement((refused("a"),), parked=True))
    installable.psql("alter table vehicles add column is_public boolean default false")
    try:
        install(installable)
        assert await store.counts() == Counts()
        assert len(await store.outcomes(lease.vehicle.id)) == 1, "what was remembered still is"
    finally:
        installable.psql(f"{drop_script()} alter table vehicles drop column is_public")
    await store.close()


async def test_columns_that_hold_times_as_text_may_hold_none(installable: Project) -> None:
    installable.psql(
        "alter table vehicle_images add taken_at text, add created_at varchar(40);"
        "alter table vehicles alter updated_at drop default, alter updated_at type text"
    )
    try:
        install(installable)
        installable.sql(
            "insert into vehicles (origin_metadata, updated_at) values ('{\"image_urls\": [\"a\"]}', 'soon')"
        )
        store = await opened(installable)
        lease = await claim_one(store)
        taken = replace(image(lease), taken_at=datetime(2019, 7, 4, 10, 30, 45, tzinfo=UTC))
        assert await store.record(lease, taken)
        rows = "insert into vehicle_images (vehicle_id, image_url, taken_at, created_at) values (%s, 'x', '', 'once')"
        installable.sql(rows, [lease.vehicle.id])
        assert [known.taken_at for known in await store.images(lease.vehicle.id)] == [taken.taken_at, None]
        await store.settle(lease, Settlement())
        assert installable.value("select image_backfill_catch_up()")["stale"], "only a whole look finds it"
        await store.refresh()
        assert (await only(store)).stored == 2
        assert len((await claim_one(store)).stored) == 2
        await store.close()
    finally:
        installable.psql(
            f"{drop_script()} alter table vehicle_images drop taken_at, drop created_at;"
            "truncate vehicles cascade; alter table vehicles alter updated_at type timestamptz using null,"
            "alter updated_at set default now()"
        )


async def test_of_two_tables_of_organizations_the_one_that_vehicles_refer_to(installable: Project) -> None:
    installable.psql("alter table organizations rename to businesses; create table organizations (id uuid, name text)")
    try:
        installable.psql(install_script())
        installable.sql("insert into businesses (name) values ('Acme')")
        assert installable.sql("select name from image_backfill_dealers") == [("Acme",)]
    finally:
        installable.psql(f"{drop_script()} drop table organizations; alter table businesses rename to organizations")


async def test_sql_of_a_newer_program_is_not_used(project: Project) -> None:
    project.sql("update image_backfill_about set version = %s", [VERSION + 1])
    with pytest.raises(StoreError, match=r"newer backfill-tui .* update this program"):
        await opened(project)


async def test_sql_that_is_listed_and_gone_is_not_used(project: Project) -> None:
    gone = {"code": "PGRST202", "message": "Could not find the function public.image_backfill_health"}
    project.gateway.fault("POST /rest/v1/rpc/image_backfill_health", Answer(404, gone), times=None)
    store = await open_store("supabase", Settings(supabase_url=project.url, supabase_key=Secret(project.secret_key)))
    assert not isinstance(store, ServedStore)
    await store.close()


async def test_sql_whose_tables_were_emptied_is_to_be_installed_again(project: Project) -> None:
    project.sql("delete from image_backfill_about")
    with pytest.raises(StoreError, match=r"\(version 0\): install what `backfill-tui schema` prints"):
        await opened(project)


async def test_sql_of_an_older_program_is_not_used_but_looked_past(project: Project) -> None:
    store = await opened(project)
    await store.intake([listing("v")])
    await store.close()
    project.sql("update image_backfill_about set version = %s", [VERSION - 1])
    with pytest.raises(StoreError, match=r"older backfill-tui .* `backfill-tui schema` prints"):
        await opened(project)
    settings = Settings(supabase_url=project.url, supabase_key=Secret(project.secret_key), read_only=True)
    looker = await open_store("supabase", settings)
    assert not isinstance(looker, ServedStore)
    assert looker.notice.startswith("This project has the SQL of an older version")
    assert (await looker.counts()).needing == 1
    await looker.close()
    for looking, health in ((settings, Health.WARN), (replace(settings, read_only=False), Health.FAIL)):
        found = [finding async for finding in examine("supabase", looking)]
        assert {finding.subject: finding.health for finding in found}["our SQL"] is health


async def test_sql_of_an_older_program_is_brought_up_to_date(installable: Project) -> None:
    installable.psql(install_script())
    installable.sql("insert into image_backfill_runs (run_id, scope, started_at) values ('r', 's', now())")
    installable.sql("update image_backfill_about set version = 0")
    installable.sql("create function image_backfill_of_old(a integer) returns integer language sql as 'select 1'")
    mark = installable.value("select obj_description('image_backfill_jobs'::regclass)")
    installable.sql(f"comment on function image_backfill_of_old is '{mark}'")
    installable.psql(install_script())
    assert installable.value("select image_backfill_version()") == VERSION
    assert installable.value("select to_regproc('image_backfill_of_old') is null")
    assert installable.value("select count(*) from image_backfill_runs") == 1


@pytest.mark.parametrize("ahead", [-7200.0, 7200.0])
async def test_the_clock_of_a_machine_may_be_wrong(project: Project, ahead: float) -> None:
    """What waits becomes claimable by the database's clock, and is then due by the machine's own."""
    store = await opened(project)
    store._clock = lambda: time.time() + ahead
    await store.intake([listing("v")])
    lease = await claim_one(store)
    due = store._clock() + 600
    put_off = Outcome("http://a/1.jpg", "a", Result.DEFERRED, Reason.TIMEOUT, retry_at=due, attempts=1)
    await store.settle(lease, Settlement((put_off,), retry_at=due))
    assert await claim(store) == ()
    assert (await only(store)).retry_at == pytest.approx(due, abs=5)
    assert (await store.refusals())[0].retry_at == pytest.approx(due, abs=5)
    assert (await store.outcomes(lease.vehicle.id))[0].retry_at == pytest.approx(due, abs=5)
    past = "retry_at = retry_at - interval '600 seconds'"
    project.sql(f"update image_backfill_jobs set {past}")
    project.sql(f"update image_backfill_outcomes set {past}")
    (known,) = (await claim_one(store)).outcomes
    assert known.retry_at is not None
    assert known.retry_at <= store._clock()
    await store.close()


async def test_what_vanished_is_forgotten(project: Project) -> None:
    store = await opened(project)
    await store.intake([listing("v"), listing("w")])
    for lease in await claim(store):
        await store.settle(lease, Settlement((refused("u"),), parked=True))
    project.sql("delete from vehicles")
    await store.refresh()
    assert (await store.refusals(), await store.counts()) == ((), Counts())
    assert (await store.vehicles(VehicleQuery())).total == 0
    await store.intake([listing("v")])
    assert (await only(store)).state is State.READY
    await store.close()
