"""What a store without our SQL knows of a project's rows, and how soon it learns what others do to them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from tests.stores.shelf import claim, claim_one, only
from tests.support.plain import opened, put, put_metadata, shaped
from tests.support.stack import Answer, Hold, Project, Stack
from tui.model import Counts, OrganizationSort, State, VehicleQuery
from tui.stores import Store, StoreError
from tui.stores.supabase.plain import mirror, recent, relations

MONITORING = """
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND v.origin_metadata->>'image_urls' IS NOT NULL
  AND (SELECT COUNT(*) FROM vehicle_images vi WHERE vi.vehicle_id = v.id) = 0;
SELECT COUNT(*) FROM vehicles v WHERE v.is_public = true AND (v.origin_metadata->>'images_backfilled')::boolean = true;
"""

MANY = 2_500

VARIED = """
select setseed(0.5);
insert into vehicles (id, origin_metadata)
select gen_random_uuid(), (array[
  jsonb_build_object('image_urls', jsonb_build_array('http://a/' || n, 'http://a/b' || n)), '{"image_urls": []}',
  '{"images": ["http://a/1"]}', '{"image_urls": null}', 'null', '[]', null, '{"image_urls": "http://a/1"}',
  '{"image_urls": ["http://a/1"], "images_backfilled": true}', '{"images_backfilled": "yes"}',
  '{"image_urls": ["http://a/1"], "images_backfilled": false}', '{"image_urls": {"a": 1}}'
])[1 + floor(random() * 12)] from generate_series(1, 2500) n;
insert into vehicle_images (vehicle_id, image_url COLUMNS)
select id, 'http://x/' || id || '/SOURCE/' || (array['SOURCE_', 'by_hand_'])[1 + floor(random() * 2)] || n VALUES
from (select id, n from vehicles, generate_series(1, 3) n where random() < 0.3) chosen;
"""


def fill(project: Project, source: str, columns: str = "", values: str = "") -> None:
    project.psql(VARIED.replace("COLUMNS", columns).replace("VALUES", values).replace("SOURCE", source))


def monitoring(project: Project) -> tuple[int, int]:
    """The two counts of the original system, by the real psql."""
    public = project.name == "production"
    script = MONITORING if public else MONITORING.replace("v.is_public = true", "true")
    needing, backfilled = project.psql(script, "-At").split()
    return int(needing), int(backfilled)


async def soon(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until it is true, without anybody telling the store to look."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - it comes true in the database
            await asyncio.sleep(0.02)


def needing(store: Store, count: int) -> Callable[[], Awaitable[bool]]:
    async def compare() -> bool:
        return (await store.counts()).needing == count

    return compare


async def test_counts_are_those_of_the_monitoring_sql(production: Project) -> None:
    fill(production, "external_import", ", source", ", (array['external_import', 'bat_import'])[1 + n % 2]")
    production.sql("update vehicles set is_public = (array[true, false, null])[1 + floor(random() * 3)]")
    production.sql("insert into businesses (business_name) select 'Dealer ' || n from generate_series(1, 7) n")
    dealer = "(select id from businesses where v.id is not null order by random() limit 1)"
    production.sql(f"update vehicles v set origin_organization_id = {dealer} where random() < 0.7")
    production.sql(f"""
        insert into organization_vehicles (vehicle_id, organization_id, relationship_type, status)
        select v.id, {dealer}, 'inventory', (array['active', 'sold'])[1 + floor(random() * 2)] from vehicles v
        where random() < 0.5
    """)
    async with opened(production) as store:
        counts = await store.counts()
        assert (counts.needing, counts.backfilled) == monitoring(production)
        assert counts.needing == counts.ready + counts.parked + counts.empty + counts.marked
        assert (await store.vehicles(VehicleQuery())).total == MANY
        page = await store.organizations(sort=OrganizationSort.NAME, descending=False)
        assert [row.name for row in page.rows] == [*(f"Dealer {n}" for n in range(1, 8)), "No organization"]
        told = {row.id: (row.counts.vehicles, row.counts.needing) for row in page.rows}
    expected = production.sql("""
        select coalesce(v.origin_organization_id::text, (
            select organization_id::text from organization_vehicles l where l.vehicle_id = v.id and status = 'active'
            order by created_at, organization_id limit 1), ''),
          count(*), count(*) filter (where origin_metadata->>'image_urls' is not null
            and not exists (select from vehicle_images i where i.vehicle_id = v.id))
        from vehicles v where is_public group by 1
    """)
    assert told == {key: (vehicles, needing) for key, vehicles, needing in expected}


@pytest.mark.parametrize("name", ["lean", "bare", "linked"])
async def test_other_shapes_count_alike(name: str, stack: Stack) -> None:
    project = shaped(stack, name)
    if name == "lean":
        fill(project, "x", ", source", ", (array['organization_import', 'bat_import'])[1 + n % 2]")
        ours = "source = 'organization_import'"
    else:
        fill(project, "external_import")
        ours = "image_url like '%/external\\_import/external\\_import\\_%'"
    async with opened(project) as store:
        counts = await store.counts()
        assert (counts.needing, counts.backfilled) == monitoring(project)
        assert counts.vehicles == MANY
        rows = [
            row
            for start in range(0, MANY, 500)
            for row in (await store.vehicles(VehicleQuery(offset=start, limit=500))).rows
        ]
    told = {row.id: row.stored for row in rows if row.stored}
    assert told == dict(project.sql("select vehicle_id::text, count(*)::int from vehicle_images group by 1"))
    partial = {row.id for row in rows if row.state is State.PARTIAL}
    expected = project.sql(f"""
        select distinct vehicle_id::text from vehicle_images i join vehicles v on v.id = i.vehicle_id where {ours}
          and coalesce((origin_metadata->>'images_backfilled')::boolean, false) = false and (
            jsonb_typeof(origin_metadata->'image_urls') = 'string' or jsonb_array_length(case
              when jsonb_typeof(origin_metadata->'image_urls') = 'array' then origin_metadata->'image_urls'
              when jsonb_typeof(origin_metadata->'image_urls') = 'object' then '[]'
              else coalesce(origin_metadata->'images', '[]') end) > 0)
    """)
    assert partial == {key for (key,) in expected}


async def test_however_images_are_asked_for_they_count_alike(
    production: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page is too slow, so that each way is tried on one."""
    monkeypatch.setattr(relations, "SLOW", 0.0)
    fill(production, "external_import", ", source", ", (array['external_import', 'bat_import'])[1 + n % 2]")
    async with opened(production) as store:
        for _ in range(2):
            counts = await store.counts()
            assert (counts.needing, counts.backfilled) == monitoring(production)
            await store.refresh()
    assert production.gateway.requests(r"GET .*vehicles\?.*stored:vehicle_images")
    assert production.gateway.requests(r"GET .*vehicle_images\?select=vehicle_id,source")


async def test_what_others_do_is_seen_without_being_told(production: Project) -> None:
    first = put(production)
    async with opened(production) as store:
        assert (await store.counts()).needing == 1
        put(production)
        await soon(needing(store, 2))
        production.sql(
            "insert into vehicle_images (vehicle_id, image_url, source) values (%s, 'x', 'bat_import')", [first]
        )
        await soon(needing(store, 1))
        production.sql("update vehicles set origin_metadata = '{\"image_urls\": null}'")
        await soon(needing(store, 0))
        dealer = production.value("insert into businesses (business_name) values ('Late Motors') returning id")
        put(production, origin_organization_id=dealer)
        await soon(needing(store, 1))
        assert [row.name for row in (await store.organizations(filter="late")).rows] == ["Late Motors"]


async def test_rows_without_time_stamps_are_read_again(lean: Project) -> None:
    key = put(lean)
    async with opened(lean) as store:
        assert (await store.counts()).needing == 1
        lean.sql("update vehicles set origin_metadata = '{}' where id = %s", [key])  # nothing tends updated_at
        await soon(needing(store, 0))
        lean.sql("delete from vehicles")
        await soon(needing_vehicles(store, 0))


def needing_vehicles(store: Store, count: int) -> Callable[[], Awaitable[bool]]:
    async def compare() -> bool:
        return (await store.counts()).vehicles == count

    return compare


async def test_nobody_waits_for_a_long_look_at_everything(lean: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "PATIENT", 0.0)
    monkeypatch.setattr(mirror, "SHARE", 0)
    key = put(lean)
    async with opened(lean) as store:
        lean.sql("update vehicles set origin_metadata = '{}' where id = %s", [key])
        hold = Hold()
        lean.gateway.fault(r"GET .*vehicles\?.*order=id&limit", hold)
        assert (await store.counts()).needing == 1
        hold.release()
        await soon(needing(store, 0))
        lean.gateway.fault(r"GET .*vehicles\?", Answer(403, {"code": "42501", "message": "no"}))
        with pytest.raises(StoreError, match="keeps this key from"):  # of the look before
            await soon(needing(store, 1))


async def test_a_look_that_failed_is_taken_again(production: Project) -> None:
    key = put(production)
    async with opened(production) as store:
        assert (await store.counts()).needing == 1
        production.sql(
            "insert into vehicle_images (vehicle_id, image_url, source) values (%s, 'x', 'bat_import')", [key]
        )
        denied = Answer(403, {"code": "42501", "message": "no"})
        production.gateway.fault(r"GET .*vehicles\?.*id=in", denied)
        with pytest.raises(StoreError, match="keeps this key from"):
            await soon(needing(store, 0))
        await soon(needing(store, 0))


async def test_images_of_no_vehicle_are_no_concern(production: Project) -> None:
    async with opened(production) as store:
        production.sql("insert into vehicle_images (image_url, source) values ('x', 'bat_import')")
        put(production)
        await soon(needing(store, 1))


async def test_what_is_gone_is_seen_by_looking_at_everything(production: Project) -> None:
    keys = [put(production) for _ in range(3)]
    production.sql(
        "insert into vehicle_images (vehicle_id, image_url, source) values (%s, 'x', 'bat_import')", [keys[0]]
    )
    dealer = production.value("insert into businesses (business_name) values ('Before') returning id")
    async with opened(production) as store:
        assert (await store.counts()).needing == 2
        production.sql("delete from vehicle_images")
        production.sql("delete from vehicles where id = %s", [keys[1]])
        production.sql("update businesses set business_name = 'After' where id = %s", [dealer])
        await store.refresh()
        counts = await store.counts()
        assert (counts.needing, counts.vehicles) == (2, 2)
        assert await store.vehicle(keys[1]) is None
        assert "After" in [row.name for row in (await store.organizations()).rows]
        production.sql("delete from vehicles")
        production.sql("delete from businesses")
        await store.refresh()
        assert await store.counts() == Counts()
        assert (await store.organizations()).rows == ()


async def test_a_transaction_that_takes_its_time(production: Project) -> None:
    """Its time stamps have passed already when its rows come to light."""
    slow = put(production)
    async with opened(production) as store:
        with psycopg.connect(production.dsn) as late:
            late.execute("update vehicles set origin_metadata = '{}' where id = %s", [slow])
            late.execute(
                "insert into vehicle_images (vehicle_id, image_url, source) values (%s, 'x', 'bat_import')", [slow]
            )
            put(production)
            production.sql(
                "insert into vehicle_images (vehicle_id, image_url, source) values (%s, 'x', 'bat_import')",
                [put(production)],
            )
            await soon(needing_vehicles(store, 3))
            assert (await store.counts()).needing == 2
        await soon(needing(store, 1))


async def test_a_time_stamp_from_the_future_hides_nothing(production: Project) -> None:
    production.sql("alter table vehicles disable trigger vehicles_updated_at")
    try:
        put(production, updated_at="2099-01-01")
        async with opened(production) as store:
            put(production, updated_at="now")
            await soon(needing(store, 2))
    finally:
        production.sql("alter table vehicles enable trigger vehicles_updated_at")


async def test_what_came_all_at_once_is_looked_at_once(production: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MANY", 1_200)
    fill(production, "external_import", ", source", ", 'bat_import'")
    async with opened(production) as store:
        await store.counts()
        await soon(quiet(production, store))
        put_metadata(production, {"image_urls": ["http://a/new"]})
        count = monitoring(production)[0]
        await soon(needing(store, count))


def quiet(project: Project, store: Store) -> Callable[[], Awaitable[bool]]:
    async def compare() -> bool:
        project.gateway.log.clear()
        await store.counts()
        return len(project.gateway.log) == 2

    return compare


async def test_a_slow_project_is_read_in_smaller_pages(production: Project) -> None:
    fill(production, "external_import", ", source", ", 'bat_import'")
    slow = Answer(500, {"code": "57014", "message": "canceling statement due to statement timeout"})
    fault = production.gateway.fault(r"GET .*vehicles.*order=id&limit=1000", slow, times=None)
    async with opened(production) as store:
        assert (await store.counts()).vehicles == MANY
    assert fault.hits


async def test_a_page_that_was_long_on_its_way_undoes_nothing(production: Project) -> None:
    key = put(production)
    async with opened(production) as store:
        hold = Hold("after")
        production.gateway.fault(r"GET .*vehicles\?.*order=id&limit", hold)
        reading = asyncio.create_task(store.refresh())
        async with asyncio.timeout(20):
            while not any(logged.fault for logged in production.gateway.log):  # noqa: ASYNC110 - in another thread
                await asyncio.sleep(0.005)
        lease = await claim_one(store)
        new = put(production)
        await soon(needing_vehicles(store, 2))
        hold.release()
        await reading
        rows = {row.id: row.leased_by for row in (await store._local.vehicles(VehicleQuery())).rows}
        assert rows == {key: "w", new: None}
        assert lease.vehicle.id == key


async def test_nothing_is_left_behind(production: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def left_behind() -> bool:
        return any(tmp_path.iterdir())

    put(production)
    async with opened(production) as store:
        assert len(await claim(store)) == 1
        assert left_behind()
    assert not left_behind()
    production.gateway.fault(r"GET .*vehicles\?.*order=id&limit", Answer(403, {"code": "42501", "message": "no"}))
    with pytest.raises(StoreError, match="keeps this key from the table vehicles"):
        async with opened(production):
            pass
    assert not left_behind()


async def test_vehicles_are_told_by_uuids(stack: Stack) -> None:
    numbered = """
        create table vehicles (id bigint primary key, origin_metadata jsonb);
        create table vehicle_images (vehicle_id bigint references vehicles (id), image_url text);
        insert into vehicles values (5, '{}');
    """
    project = stack.project("keyed", numbered)
    with pytest.raises(StoreError, match="The table vehicles has ids that are no UUIDs, such as 5"):
        async with opened(project):
            pass
    stack.drop(project)


async def test_a_title_for_whatever_columns_there_are(bare: Project, lean: Project) -> None:
    key = put(bare)
    put(lean, year=1990, make="Porsche")
    async with opened(bare) as store:
        assert (await only(store)).title == key
    async with opened(lean) as store:
        assert (await only(store)).title == "1990 Porsche"
