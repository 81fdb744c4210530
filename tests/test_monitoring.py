"""The two counts of the original system's monitoring, run by the real psql, and those of the store on the same rows."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.stores.contract.shelves import (
    PlainShelf,
    ProjectShelf,
    known_shapes,
    plain_project,
    served_project,
)
from tests.stores.shelf import TTL, claim, image, listing
from tui.model import Counts, Outcome, Reason, Result, Settlement, VehicleQuery
from tui.stores import Store
from tui.stores.supabase import sync
from tui.stores.supabase.plain import mirror

if TYPE_CHECKING:
    from tests.support.stack import Project, Stack

R = TypeVar("R")

# As the original system's own page has them.
MONITORING = """
SELECT COUNT(*) as vehicles_needing_backfill
FROM vehicles v
WHERE v.is_public = true
  AND v.origin_metadata->>'image_urls' IS NOT NULL
  AND (
    SELECT COUNT(*)
    FROM vehicle_images vi
    WHERE vi.vehicle_id = v.id
  ) = 0;
SELECT COUNT(*) as vehicles_backfilled
FROM vehicles v
WHERE v.is_public = true
  AND (v.origin_metadata->>'images_backfilled')::boolean = true;
"""
OF_WHOM = """
select coalesce(v.origin_organization_id::text, (
  select ov.organization_id::text from organization_vehicles ov
  where ov.vehicle_id = v.id and ov.status = 'active' order by ov.created_at, ov.organization_id limit 1), '')
from vehicles v where v.is_public
"""

keys = st.sampled_from([f"00000000-0000-0000-0000-00000000000{n}" for n in range(1, 5)])
DEALERS = [f"d0000000-0000-0000-0000-00000000000{n}" for n in range(1, 3)]
dealers = st.sampled_from([None, *DEALERS])
galleries = st.sampled_from([None, [], ["a"], ["a", "b", "c"], "http://x/1.jpg", '["a", "b"]', "", 7, {"a": 1}])
marks = st.sampled_from([None, True, False, "true", " TRUE", "no", "off", "yes\t", 1, 0])
contents = st.one_of(
    st.none(),
    st.sampled_from([[], "text", 7]),
    st.fixed_dictionaries({}, optional={"image_urls": galleries, "images": galleries, "images_backfilled": marks}),
)
outcomes = st.lists(
    st.builds(Outcome, st.sampled_from("abc"), st.just("h"), st.sampled_from(Result), st.just(Reason.GONE)), max_size=3
)


def monitored(project: Project) -> tuple[int, int]:
    """What psql says: vehicles that need images, and vehicles that have been backfilled."""
    needing, backfilled = project.psql(MONITORING, "-At").split()
    return int(needing), int(backfilled)


def of(counts: Counts) -> tuple[int, int]:
    assert counts.needing == counts.ready + counts.parked + counts.empty + counts.marked
    return counts.needing, counts.backfilled


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No answer is good for the next question, and no whole look comes by itself."""
    monkeypatch.setattr(sync, "SOON", -1.0)
    monkeypatch.setattr(sync, "SELDOM", float("inf"))
    monkeypatch.setattr(mirror, "SOON", -1.0)
    monkeypatch.setattr(mirror, "SHARE", -1)
    with known_shapes():
        yield


def served(stack: Stack) -> tuple[Project, ProjectShelf]:
    project = served_project(stack, "served")
    return project, ProjectShelf("served", project)


def plain(stack: Stack) -> tuple[Project, ProjectShelf]:
    project = plain_project(stack, "plain")
    return project, PlainShelf("plain", project)


SHELVES = {"served": served, "plain": plain}


class Edits(RuleBasedStateMachine):
    """Edits of a few vehicles of one project, by hand and through a store; after each the counts agree."""

    def __init__(self, stack: Stack, kind: str) -> None:
        super().__init__()
        self.stack, self.kind = stack, kind
        self.loop = asyncio.new_event_loop()

    @initialize()
    def open(self) -> None:
        self.project, self.shelf = SHELVES[self.kind](self.stack)
        for key, name in zip(DEALERS, "AB", strict=True):
            self.project.sql("insert into businesses (id, business_name) values (%s, %s)", [key, name])
        self.wait(self.shelf.start())
        self.store = self.shelf.store
        self.unstamped = False

    def wait(self, coroutine: Coroutine[object, object, R]) -> R:
        return self.loop.run_until_complete(coroutine)

    def teardown(self) -> None:
        if hasattr(self, "shelf"):
            self.wait(self.shelf.close())
        self.loop.close()

    # By hand, with time stamps

    @rule(key=keys, content=contents, dealer=dealers, is_public=st.sampled_from([True, True, False, None]))
    def put_vehicle(self, key: str, content: object, dealer: str | None, is_public: bool | None) -> None:
        if not self.shelf.select("vehicles", id=key):
            self.shelf.insert(
                "vehicles", id=key, origin_metadata=content, origin_organization_id=dealer, is_public=is_public
            )

    @rule(key=keys, content=contents)
    def edit_metadata(self, key: str, content: object) -> None:
        self.shelf.update("vehicles", key, origin_metadata=content)

    @rule(key=keys, is_public=st.booleans(), dealer=dealers, make=st.sampled_from([None, "Ford"]))
    def edit_vehicle(self, key: str, is_public: bool, dealer: str | None, make: str | None) -> None:
        self.shelf.update("vehicles", key, is_public=is_public, origin_organization_id=dealer, make=make)

    @rule(key=keys, source=st.sampled_from(["external_import", "bat_import"]), count=st.integers(1, 2))
    def put_images(self, key: str, source: str, count: int) -> None:
        if self.shelf.select("vehicles", id=key):
            for _ in range(count):
                self.shelf.put_image(key, source=source)

    # By hand, without one

    @rule(key=keys)
    def delete_vehicle(self, key: str) -> None:
        self.shelf.delete("vehicles", key)
        self.unstamped = True

    @rule(key=keys)
    def delete_images(self, key: str) -> None:
        self.shelf.delete("vehicle_images", key, "vehicle_id")
        self.unstamped = True

    @rule(key=keys, new=keys, source=st.sampled_from(["external_import", "bat_import"]))
    def move_images(self, key: str, new: str, source: str) -> None:
        if self.shelf.select("vehicles", id=new):
            query = "update vehicle_images set vehicle_id = %s, source = %s, is_primary = false where vehicle_id = %s"
            self.project.sql(query, [new, source, key])
            self.unstamped = True

    @rule(key=keys, dealer=st.sampled_from(DEALERS), status=st.sampled_from(["active", "sold"]))
    def put_link(self, key: str, dealer: str, status: str) -> None:
        if self.shelf.select("vehicles", id=key):
            self.project.sql(
                "insert into organization_vehicles (vehicle_id, organization_id, relationship_type, status)"
                " values (%s, %s, 'inventory', %s)"
                " on conflict (organization_id, vehicle_id, relationship_type) do update set status = excluded.status",
                [key, dealer, status],
            )
            self.unstamped = True

    @rule(dealer=st.sampled_from(DEALERS))
    def delete_links(self, dealer: str) -> None:
        self.shelf.delete("organization_vehicles", dealer, "organization_id")
        self.unstamped = True

    # By the program

    @rule(found=outcomes, stored=st.integers(0, 2), done=st.booleans())
    def work(self, found: list[Outcome], stored: int, done: bool) -> None:
        for lease in self.wait(claim(self.store, 1)):
            for position in range(stored):
                self.wait(self.store.record(lease, image(lease, position, url=f"http://a/{position}")))
            has_images = bool(stored or lease.stored)
            end = Settlement(tuple(found), backfilled=done and has_images, parked=done and not has_images)
            self.wait(self.store.settle(lease, end))

    @rule(name=st.sampled_from("vw"), dealer=st.sampled_from([None, "A", "C"]), count=st.integers(1, 3))
    def take_in(self, name: str, dealer: str | None, count: int) -> None:
        urls = [f"http://a/{n}" for n in range(count)]
        self.wait(self.store.intake([listing(name, *urls, organization=dealer)]))

    @rule(reason=st.sampled_from([None, "gone", "timeout"]))
    def retry(self, reason: str | None) -> None:
        self.wait(self.store.retry(reason=reason))

    @rule(key=keys)
    def unpark(self, key: str) -> None:
        self.wait(self.store.unpark([key]))

    @rule()
    def pass_time(self) -> None:
        self.wait(self.shelf.pass_time(TTL))

    @rule()
    def refresh(self) -> None:
        self.unstamped = True

    # What must hold

    @invariant()
    def counts_are_those_of_the_monitoring(self) -> None:
        if self.unstamped:
            self.wait(self.store.refresh())
        counts = self.wait(self.store.counts())
        assert of(counts) == monitored(self.project)
        found = self.wait(self.store.organizations()).rows
        for name in Counts.__dataclass_fields__:
            assert sum(getattr(row.counts, name) for row in found) == getattr(counts, name)
        if self.unstamped:
            of_whom = Counter(organization for (organization,) in self.project.sql(OF_WHOM))
            assert {row.id: row.counts.vehicles for row in found if row.counts.vehicles} == of_whom
        self.unstamped = False

    @invariant()
    def pages_are_those_of_the_rows(self) -> None:
        page = self.wait(self.store.vehicles(VehicleQuery()))
        assert {row.id: row.stored for row in page.rows} == dict(
            self.project.sql(
                "select v.id::text, (select count(*) from vehicle_images i where i.vehicle_id = v.id) from vehicles v"
            )
        )
        assert page.total == len(page.rows)


@pytest.mark.parametrize("kind", ["served", "plain"])
def test_counts_agree_after_every_edit(stack: Stack, kind: str) -> None:
    bounds = settings(max_examples=8, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck))
    edits: Any = lambda: Edits(stack, kind)  # noqa: E731 - what makes a machine is called a class there
    run_state_machine_as_test(edits, settings=bounds)


async def opened(stack: Stack) -> ProjectShelf:
    return await ProjectShelf("served", served_project(stack, "served")).start()


async def until_agreed(store: Store, project: Project, seconds: float) -> None:
    """Ask until the counts agree, as a screen does."""
    end = time.monotonic() + seconds
    while of(await store.counts()) != monitored(project):
        assert time.monotonic() < end, "the counts never agreed"
        await asyncio.sleep(0.05)


async def test_deletions_are_noticed_by_themselves(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = await opened(stack)
    await shelf.store.intake([listing(f"v{n}") for n in range(6)])
    for lease in await claim(shelf.store, 4):
        await shelf.store.record(lease, image(lease))
    await shelf.store.refresh()
    assert of(await shelf.store.counts()) == (2, 0)
    monkeypatch.setattr(sync, "SELDOM", 0.0)
    # Each a session of its own: the statistics of one that goes on come later.
    shelf.project.psql("delete from vehicle_images where vehicle_id in (select vehicle_id from vehicle_images limit 1)")
    await until_agreed(shelf.store, shelf.project, 15)
    shelf.project.psql("delete from vehicles where id in (select id from vehicles limit 3)")
    await until_agreed(shelf.store, shelf.project, 15)
    await shelf.close()


async def test_a_row_from_the_future_hides_nothing(stack: Stack) -> None:
    shelf = await opened(stack)
    store, project = shelf.store, shelf.project
    project.sql("alter table vehicles disable trigger vehicles_updated_at")
    try:
        early, late = (shelf.put_vehicle({"image_urls": ["a"]}, updated_at=f"{year}-01-01") for year in (2001, 2999))
        assert of(await store.counts()) == (2, 0)
        shelf.update("vehicles", early, origin_metadata={}, updated_at="now")
        assert of(await store.counts()) == monitored(project) == (1, 0)
        shelf.update("vehicles", late, origin_metadata={})
        shelf.put_vehicle({"image_urls": ["a"]})
        shelf.put_image(shelf.put_vehicle({"image_urls": ["a"]}), created_at="2999-01-01")
        assert of(await store.counts()) == monitored(project) == (1, 0)
        shelf.put_image(shelf.put_vehicle({"image_urls": ["a"], "images_backfilled": True}))
        assert of(await store.counts()) == monitored(project) == (1, 1)
    finally:
        project.sql("alter table vehicles enable trigger vehicles_updated_at")
    await shelf.close()


async def test_a_transaction_that_takes_its_time_is_seen(stack: Stack) -> None:
    """Its rows have the time of its beginning, which others have passed by the time it ends."""
    shelf = await opened(stack)
    store, project = shelf.store, shelf.project
    slow = shelf.put_vehicle({"image_urls": ["a"]})
    with psycopg.connect(project.dsn) as connection:
        connection.execute("update vehicles set origin_metadata = '{}' where id = %s", [slow])
        connection.execute("insert into vehicles (origin_metadata) values ('{\"images_backfilled\": true}')")
        shelf.put_vehicle({"image_urls": ["a"]})
        assert of(await store.counts()) == monitored(project) == (2, 0)
        connection.commit()
    assert of(await store.counts()) == monitored(project) == (1, 1)
    await shelf.close()


async def test_many_rows_at_once_are_seen(stack: Stack) -> None:
    shelf = await opened(stack)
    assert of(await shelf.store.counts()) == (0, 0)
    shelf.project.sql(
        "insert into vehicles (origin_metadata)"
        " select jsonb_build_object('image_urls', jsonb_build_array('a'), 'images_backfilled', n % 2 = 0)"
        " from generate_series(1, 4500) n"
    )
    assert of(await shelf.store.counts()) == monitored(shelf.project) == (4500, 2250)
    await shelf.close()


async def test_a_lean_project(stack: Stack) -> None:
    """Without a column that says so, every vehicle is public; without time stamps, a look at all of it tells."""
    shelf = await ProjectShelf("served-lean", served_project(stack, "served-lean")).start()
    store, project = shelf.store, shelf.project
    keys = [shelf.put_vehicle({"image_urls": ["a"], "images_backfilled": n == 0}) for n in range(4)]
    shelf.put_image(keys[0])
    sql = MONITORING.replace("v.is_public = true\n  AND", "")
    assert of(await store.counts()) == tuple(map(int, project.psql(sql, "-At").split())) == (3, 1)
    shelf.update("vehicles", keys[1], origin_metadata=None)
    shelf.delete("vehicle_images", keys[0], "vehicle_id")
    await store.refresh()
    assert of(await store.counts()) == tuple(map(int, project.psql(sql, "-At").split())) == (3, 1)
    await shelf.close()
