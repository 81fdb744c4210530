"""What becomes of vehicles on a project that has nothing of ours, whatever shape it has."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from tests.stores.shelf import TTL, claim, claim_one, listing, only, refused
from tests.support.plain import (
    SHAPES,
    WRITABLE,
    images,
    metadata,
    opened,
    picture,
    put,
    put_metadata,
    shaped,
    store_nothing,
    stored,
)
from tests.support.stack import Answer, Project, Stack
from tui.model import (
    Outcome,
    Phase,
    Reason,
    Result,
    RunOptions,
    RunRecord,
    Scope,
    Settlement,
    State,
    Wish,
)
from tui.settings import Secret, Settings
from tui.stores import LeaseLost, StoreError, open_store
from tui.stores.supabase.plain.remembered import KEY


@pytest.fixture(params=WRITABLE)
def project(request: pytest.FixtureRequest, stack: Stack) -> Project:
    """A project of each shape that can be written to."""
    return shaped(stack, request.param)


async def test_a_vehicle_from_its_claim_to_its_mark(project: Project) -> None:
    key = put(project)
    async with opened(project) as store:
        lease = await claim_one(store)
        assert (lease.vehicle.id, lease.vehicle.leased_by, lease.stored, lease.outcomes) == (key, "w", (), ())
        assert metadata(project, key)[KEY]["lease"]["worker"] == "w"
        pictures = [await picture(store, lease, position) for position in (1, 0)]
        assert [await store.record(lease, one) for one in pictures] == [True, True]
        assert [await store.record(lease, one) for one in pictures] == [True, True], "said again"
        await store.settle(lease, Settlement(stored(lease, 0, 1), backfilled=True))
        told = metadata(project, key)
        assert (told.pop("images_backfilled"), told.pop("images_backfilled_at")[-1]) == (True, "Z")
        assert told == {"image_urls": ["http://a/1.jpg", "http://a/2.jpg"]}
        assert sorted(images(project, key)) == sorted(one.image_url for one in pictures)
        assert [one.result for one in await store.outcomes(key)] == [Result.STORED] * 2
        assert (await only(store)).state is State.BACKFILLED
        assert (await store.counts()).backfilled == 1
        with pytest.raises(LeaseLost):
            await store.record(lease, pictures[0])
        await store.settle(lease, Settlement(backfilled=True))
        assert await claim(store) == ()


async def test_what_a_second_session_knows_of_the_first(project: Project) -> None:
    """Part of a gallery is stored, some of it waits, and some is refused; all of it lies in the project."""
    key = put(project, "http://a/1.jpg", "http://a/2.jpg", "http://b/3.jpg", "http://a/4.jpg")
    async with opened(project) as store:
        lease = await claim_one(store)
        await store.record(lease, await picture(store, lease))
        outcomes = (
            *stored(lease, 0),
            Outcome("http://a/2.jpg", "a", Result.DUPLICATE),
            refused("http://b/3.jpg", host="b"),
            Outcome("http://a/4.jpg", "a", Result.DEFERRED, Reason.TIMEOUT, "slow", 99.5, 2),
        )
        await store.settle(lease, Settlement(outcomes, retry_at=99.5))
    async with opened(project) as other:
        assert (await only(other)).state is State.PARTIAL
        assert (await other.counts()).images_to_come == 1
        assert [(group.host, group.reason) for group in await other.refusals()] == [
            ("a", Reason.TIMEOUT),
            ("b", Reason.NOT_FOUND),
        ]
        (seen,) = await other.peek(Scope(), 0, 9)
        lease = await claim_one(other)
        assert set(lease.outcomes) == set(outcomes)
        assert seen.outcomes == lease.outcomes
        assert [one.source_url for one in lease.stored] == ["http://a/1.jpg"]
        assert seen.stored == lease.stored
        assert await other.images(key) == lease.stored


@pytest.mark.parametrize("name", ["production", "lean", "numbered"])
async def test_the_same_bytes_are_one_row(name: str, stack: Stack) -> None:
    """By their hash, or by the id that follows from it."""
    project = shaped(stack, name)
    put(project)
    async with opened(project) as store:
        lease = await claim_one(store)
        assert await store.record(lease, await picture(store, lease, 0, b"bytes"))
        assert not await store.record(lease, await picture(store, lease, 1, b"bytes"))
    assert len(images(project, lease.vehicle.id)) == 1


async def test_nothing_is_left_of_what_is_over(project: Project) -> None:
    key = put(project)
    before = metadata(project, key)
    async with opened(project) as store:
        await store_nothing(store, await claim_one(store))
        assert metadata(project, key) == before
        lease = await claim_one(store)
        await store.settle(lease, Settlement((refused("u"),), parked=True))
        assert set(metadata(project, key)[KEY]) == {"parked", "gallery", "settled", "outcomes"}
        assert (await only(store)).state is State.PARKED
        assert await store.unpark([key, "unknown"]) == 1
        assert metadata(project, key) == before


async def test_another_gallery_is_a_new_chance(project: Project) -> None:
    key = put(project)
    async with opened(project) as store:
        await store.settle(await claim_one(store), Settlement((refused("http://a/1.jpg"),), parked=True))
        new = "update vehicles set origin_metadata = jsonb_set(origin_metadata, '{image_urls}', '[\"http://a/9.jpg\"]')"
        project.sql(new)
        await store.refresh()
        assert (await only(store)).state is State.READY
        assert (await claim_one(store)).gallery.urls == ("http://a/9.jpg",)
        assert "parked" not in metadata(project, key)[KEY]


async def test_a_gallery_that_grew_under_the_lease_is_neither_marked_nor_parked(project: Project) -> None:
    put(project, "http://a/1.jpg")
    async with opened(project) as store:
        lease = await claim_one(store)
        await store.record(lease, await picture(store, lease))
        project.sql(
            "update vehicles set origin_metadata = jsonb_set(origin_metadata, '{image_urls,1}', '\"http://a/2.jpg\"')"
        )
        await store.settle(lease, Settlement(stored(lease, 0), backfilled=True))
        assert (await only(store)).state is State.PARTIAL
        again = await claim_one(store)
        assert (again.gallery.urls, again.outcomes) == (("http://a/1.jpg", "http://a/2.jpg"), stored(lease, 0))


async def test_a_mark_needs_an_image(project: Project) -> None:
    put(project)
    async with opened(project) as store:
        lease = await claim_one(store)
        with pytest.raises(ValueError, match="no image"):
            await store.settle(lease, Settlement((refused("u"),), backfilled=True))
        assert await store.refusals() == ()
        assert await store.renew([lease], TTL) == frozenset()


async def test_the_primary_image(production: Project) -> None:
    key = put(production)
    async with opened(production) as store:
        lease = await claim_one(store)
        one, two = [await picture(store, lease, position) for position in (1, 0)]
        await store.record(lease, one)
        await store.record(lease, two)
        await store.settle(lease, Settlement(stored(lease, 0, 1), backfilled=True))
    (row,) = production.sql("select to_jsonb(i) from vehicle_images i where is_primary")
    assert (row[0]["image_url"], row[0]["source"], row[0]["is_external"]) == (two.image_url, "external_import", False)
    assert (row[0]["filename"], row[0]["taken_at"]) == (two.storage_path.rpartition("/")[2], None)
    assert row[0]["variants"] == {"original": {"width": 640, "height": 480}}
    assert production.value("select primary_image_url from vehicles where id = %s", [key]) == two.image_url


async def test_a_primary_image_that_is_there_stays(production: Project) -> None:
    key = put(production, primary_image_url="chosen")
    async with opened(production) as store:
        lease = await claim_one(store)
        await store.record(lease, await picture(store, lease))
        chosen = "(vehicle_id, image_url, source, is_primary, position) values (%s, 'x', 'bat_import', true, 9)"
        production.sql(f"insert into vehicle_images {chosen}", [key])
        await store.settle(lease, Settlement(backfilled=True))
    assert images(production, key, "case when is_primary then image_url end") == ["x", None]
    assert production.value("select primary_image_url from vehicles") == "chosen"


async def test_two_workers_choose_a_primary_image_at_once(production: Project) -> None:
    """Somebody else's import chooses one between our look and our write."""
    key = put(production)
    async with opened(production) as store:
        lease = await claim_one(store)
        await store.record(lease, await picture(store, lease))
        conflict = Answer(409, {"code": "23505", "message": "duplicate key value violates unique constraint"})
        production.gateway.fault("PATCH .*vehicle_images", conflict)
        await store.settle(lease, Settlement(backfilled=True))
    assert metadata(production, key)["images_backfilled"] is True


async def test_an_image_of_the_same_bytes_that_was_moved_to_another_vehicle(production: Project) -> None:
    put(production)
    async with opened(production) as store:
        lease = await claim_one(store)
        one = await picture(store, lease)
        assert await store.record(lease, one)
        other = put(production)
        production.sql("update vehicle_images set vehicle_id = %s", [other])
        assert await store.record(lease, one)
        assert images(production, lease.vehicle.id) == images(production, other) == [one.image_url]


async def test_the_source_that_a_project_admits(lean: Project) -> None:
    key = put(lean)
    async with opened(lean) as store:
        assert store.source == "organization_import"
        lease = await claim_one(store)
        await store.record(lease, await picture(store, lease))
        await store_nothing(store, lease)
        assert images(lean, key, "source") == ["organization_import"]
        assert (await only(store)).state is State.PARTIAL
    async with opened(lean) as other:
        assert (await only(other)).state is State.PARTIAL


async def test_a_view_without_anything_that_tells_its_rows_apart_can_be_looked_at(
    stack: Stack,
) -> None:
    veiled = shaped(stack, "veiled")
    key = put(veiled)
    async with opened(veiled) as store:
        assert (await store.counts()).needing == 1
        with pytest.raises(
            StoreError, match=r"nothing can be run safely: give vehicles a column updated_at.*schema"
        ) as said:
            await claim(store)
        assert store.notice == str(said.value)
        assert metadata(veiled, key) == {"image_urls": ["http://a/1.jpg", "http://a/2.jpg"]}


async def test_a_version_that_never_changes_guards_nothing(stack: Stack) -> None:
    project = stack.project("still", SHAPES["veiled"].replace("select *", "select *, '1'::text as xmin"))
    put(project)
    async with opened(project) as store:
        with pytest.raises(StoreError, match="nothing can be run safely"):
            await claim(store)
    stack.drop(project)


async def test_who_may_only_look_writes_nothing(production: Project) -> None:
    put(production)
    async with opened(production) as writer:
        lease = await claim_one(writer)
        one = await picture(writer, lease)
    production.gateway.log.clear()
    async with opened(production, read_only=True) as store:
        report = RunRecord("r", "w", 0, 0, None, Phase.STARTING, RunOptions())
        for write in (
            claim(store),
            store.renew([lease], TTL),
            store.put_object("a/b.jpg", io.BytesIO(b"x"), "image/jpeg"),
            store.record(lease, one),
            store.settle(lease, Settlement()),
            store.retry(),
            store.unpark([lease.vehicle.id]),
            store.join_run(report),
            store.save_run(report),
            store.direct_run("r", Wish.PAUSE),
            store.intake([listing("v")]),
        ):
            with pytest.raises(StoreError, match="read-only"):
                await write
        assert store.read_only
        assert (await only(store)).leased_by == "w"
    assert {logged.method for logged in production.gateway.log} == {"GET"}


async def test_an_import_is_claimable_at_once(lean: Project) -> None:
    async with opened(lean) as store:
        report = await store.intake([listing("v"), listing("w", organization="Other")])
        assert report.inserted == 2
        assert sorted(lease.vehicle.organization_name or "" for lease in await claim(store)) == ["Acme", "Other"]


async def test_strange_metadata_is_left_alone(bare: Project) -> None:
    strange: list[object] = [None, [], 7, "image_urls", {KEY: "what"}, {KEY: {"lease": 5, "outcomes": [1]}}]
    odd = [put_metadata(bare, value) for value in strange]
    key = put_metadata(
        bare, {"image_urls": ["http://a/1.jpg"], KEY: {"outcomes": {"u": {"result": "?"}, "w": 7}, "parked": 1}}
    )
    async with opened(bare) as store:
        (lease,) = await claim(store)
        assert (lease.vehicle.id, lease.outcomes) == (key, ())
        assert await store.unpark(odd) == 0
        assert [(await store.gallery(one)).urls for one in odd] == [()] * len(odd)


async def test_a_key_that_may_not_write_is_told_apart(production: Project) -> None:
    put(production)
    key = production.secret_key
    production.sql("revoke insert, update on vehicle_images, vehicles from service_role")
    try:
        store = await open_store("supabase", Settings(supabase_url=production.url, supabase_key=Secret(key)))
        assert store.notice.startswith("Only looking is possible here. The project")
        assert key not in store.notice
        assert (await store.counts()).needing == 1
        with pytest.raises(StoreError, match="keeps this key from"):
            await claim(store)
        await store.close()
    finally:
        production.sql("grant insert, update on vehicle_images, vehicles to service_role")


@pytest.mark.parametrize("kind", ["anon_key", "publishable_key"])
async def test_a_public_key_opens_a_project_for_looking_alone(production: Project, kind: str) -> None:
    put(production)
    settings = Settings(supabase_url=production.url, supabase_key=Secret(getattr(production, kind)))
    with pytest.raises(StoreError, match=r"which cannot write: give the secret key .* --read-only looks with this one"):
        await open_store("supabase", settings)
    store = await open_store("supabase", replace(settings, read_only=True))
    assert (await store.counts()).needing == 1
    await store.close()
