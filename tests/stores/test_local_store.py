"""The store protocol on a real file: claims, writes under a lease, settlements, refusals, pages."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

import pytest

from tui.model import (
    Lease,
    Listing,
    OrganizationSort,
    Outcome,
    Phase,
    Reason,
    Result,
    RunOptions,
    RunRecord,
    Scope,
    Settlement,
    State,
    StoredImage,
    Tally,
    Vehicle,
    VehicleQuery,
    VehicleSort,
    Workload,
)
from tui.stores import LeaseLost
from tui.stores.local import LocalStore

TTL = 60.0


class Clock(Protocol):
    now: float


def listing(name: str, *urls: str, organization: str | None = "Acme", **fields: object) -> Listing:
    return Listing(
        identity=f"vin:{name}",
        vin=name,
        make=name,
        organization=organization,
        image_urls=urls or ("http://a/1.jpg", "http://a/2.jpg"),
        **fields,  # type: ignore[arg-type]
    )


def image(lease: Lease, position: int = 0, file_hash: str = "", url: str = "") -> StoredImage:
    path = f"{lease.vehicle.id}/external_import/external_import_{position}.jpg"
    return StoredImage(
        vehicle_id=lease.vehicle.id,
        source_url=url or str(lease.gallery.urls[position]),
        storage_path=path,
        image_url=f"file:///{path}",
        file_hash=file_hash or f"hash-{position}",
        file_size=10,
        mime_type="image/jpeg",
        width=640,
        height=480,
        position=position,
    )


async def claim(store: LocalStore, limit: int = 10, scope: Scope | None = None, worker: str = "w") -> tuple[Lease, ...]:
    return await store.claim(scope or Scope(), limit, worker=worker, run_id="run", ttl=TTL)


async def claim_one(store: LocalStore) -> Lease:
    (lease,) = await claim(store, 1)
    return lease


async def only(store: LocalStore) -> Vehicle:
    (vehicle,) = (await store.vehicles(VehicleQuery())).rows
    return vehicle


def refused(url: str, reason: Reason = Reason.NOT_FOUND, host: str = "a") -> Outcome:
    return Outcome(url, host, Result.REFUSED, reason)


# Claims


async def test_organizations_take_turns(store: LocalStore) -> None:
    await store.intake([listing(f"a{n}", organization="A") for n in range(5)])
    await store.intake([listing(f"b{n}", organization="B") for n in range(2)])
    order = [lease.vehicle.title for lease in await claim(store)]
    assert order == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]


async def test_peek_shows_what_claim_gives_and_takes_nothing(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}", organization=f"O{n % 3}") for n in range(9)])
    seen = await store.peek(Scope(), 0, 4) + await store.peek(Scope(), 4, 10)
    assert [lease.token for lease in seen] == [""] * 9
    assert [lease.vehicle.id for lease in seen] == [lease.vehicle.id for lease in await claim(store)]
    assert await store.peek(Scope(), 0, 10) == ()


async def test_a_claim_holds_what_the_engine_needs(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v", "http://x/1.jpg", "http://y/2.jpg")])
    lease = await claim_one(store)
    assert lease.gallery.urls == ("http://x/1.jpg", "http://y/2.jpg")
    assert lease.until == clock.now + TTL
    assert lease.vehicle.hosts == ("x", "y")
    vehicle = await store.vehicle(lease.vehicle.id)
    assert vehicle is not None
    assert vehicle.leased_by == "w"


async def test_a_scope_of_organizations(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}", organization="ABC"[n % 3]) for n in range(9)])
    ids = {row.name: row.id for row in (await store.organizations()).rows}
    scope = Scope(organization_ids=(ids["A"], ids["C"]))
    assert [lease.vehicle.title for lease in await store.peek(scope, 1, 3)] == ["v2", "v3", "v5"]
    leases = await claim(store, scope=scope)
    assert [lease.vehicle.organization_name for lease in leases] == ["A", "C"] * 3


async def test_a_scope_of_vehicles(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}") for n in range(5)])
    wanted = tuple(lease.vehicle.id for lease in await store.peek(Scope(), 0, 5))[1:3]
    leases = await claim(store, scope=Scope(vehicle_ids=wanted))
    assert tuple(lease.vehicle.id for lease in leases) == wanted


async def test_vehicles_without_an_organization_are_a_scope_too(store: LocalStore) -> None:
    await store.intake([listing("v", organization=None), listing("w")])
    (none,) = [row for row in (await store.organizations()).rows if not row.id]
    assert none.counts.needing == 1
    leases = await claim(store, scope=Scope(organization_ids=("",)))
    assert [(lease.vehicle.title, lease.vehicle.organization_id) for lease in leases] == [("v", None)]


async def test_private_vehicles_only_when_asked_for(store: LocalStore) -> None:
    await store.intake([listing("open"), listing("hidden", is_public=False)])
    assert [lease.vehicle.title for lease in await store.peek(Scope(), 0, 9)] == ["open"]
    leases = await claim(store, scope=Scope(include_private=True))
    assert [lease.vehicle.title for lease in leases] == ["open", "hidden"]


async def test_an_expired_lease_is_taken_over_and_the_first_worker_can_no_longer_write(
    store: LocalStore, clock: Clock
) -> None:
    await store.intake([listing("v")])
    dead = await claim_one(store)
    assert await claim(store) == ()
    clock.now += TTL
    (taken,) = await claim(store, worker="other")
    assert taken.vehicle.id == dead.vehicle.id
    with pytest.raises(LeaseLost):
        await store.record(dead, image(dead))
    with pytest.raises(LeaseLost):
        await store.settle(dead, Settlement(parked=True))
    assert await store.renew([dead, taken], TTL) == {dead.vehicle.id}
    assert await store.images(dead.vehicle.id) == ()
    assert await store.record(taken, image(taken))


async def test_an_expired_lease_is_lost_even_when_nobody_took_it(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    clock.now += TTL
    with pytest.raises(LeaseLost):
        await store.record(lease, image(lease))


async def test_a_renewed_lease_lives_on(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    clock.now += TTL - 1
    assert await store.renew([lease], TTL) == frozenset()
    clock.now += TTL - 1
    assert await store.record(lease, image(lease))


async def test_a_peeked_vehicle_cannot_be_written(store: LocalStore) -> None:
    await store.intake([listing("v")])
    (seen,) = await store.peek(Scope(), 0, 1)
    with pytest.raises(LeaseLost):
        await store.record(seen, image(seen))


async def test_a_settled_vehicle_waits_for_its_time(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    later = Outcome("http://a/1.jpg", "a", Result.DEFERRED, Reason.TIMEOUT, "slow", clock.now + 30, 1)
    await store.settle(lease, Settlement((later,), retry_at=clock.now + 30))
    assert await claim(store) == ()
    assert await store.workload(Scope(), 20) == Workload()
    vehicle = await only(store)
    assert (vehicle.note, vehicle.retry_at) == ("retry later", clock.now + 30)
    clock.now += 30
    assert [lease.vehicle.id for lease in await store.peek(Scope(), 0, 1)] == [vehicle.id]
    (again,) = await claim(store)
    assert again.outcomes == (later,)


# Writes under a lease


async def test_the_row_of_an_image(store: LocalStore, hand: sqlite3.Connection) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    assert await store.record(lease, image(lease))
    assert await store.images(lease.vehicle.id) == (image(lease),)
    hand.row_factory = sqlite3.Row
    row = dict(hand.execute("SELECT * FROM vehicle_images").fetchone())
    assert row["filename"] == "external_import_0.jpg"
    assert (row["source"], row["is_primary"], row["is_external"], row["taken_at"]) == ("external_import", 0, 0, None)
    assert json.loads(row["variants"]) == {"original": {"width": 640, "height": 480}}


async def test_the_same_bytes_or_the_same_url_are_one_row(store: LocalStore) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    assert await store.record(lease, image(lease, 0))
    assert not await store.record(lease, image(lease, 1, file_hash="hash-0"))
    assert not await store.record(lease, image(lease, 1, url="http://a/1.jpg"))
    assert len(await store.images(lease.vehicle.id)) == 1


async def test_a_backfilled_vehicle(store: LocalStore, hand: sqlite3.Connection) -> None:
    await store.intake([listing("v", extra={"color": "red"})])
    lease = await claim_one(store)
    await store.record(lease, image(lease, 1))
    await store.record(lease, image(lease, 0))
    hand.execute("UPDATE vehicles SET origin_metadata = json_set(origin_metadata, '$.listed_date', '2020-01-01')")
    outcomes = tuple(Outcome(str(url), "a", Result.STORED) for url in lease.gallery.urls)
    await store.settle(lease, Settlement(outcomes, backfilled=True, run_id="run"))
    metadata, primary = hand.execute("SELECT origin_metadata, primary_image_url FROM vehicles").fetchone()
    assert json.loads(metadata) == {
        "image_urls": ["http://a/1.jpg", "http://a/2.jpg"],
        "feed": {"color": "red"},
        "listed_date": "2020-01-01",
        "images_backfilled": True,
        "images_backfilled_at": "2023-11-14T22:13:20.000Z",
    }
    assert primary == image(lease, 0).image_url
    assert hand.execute("SELECT position FROM vehicle_images WHERE is_primary").fetchall() == [(0,)]
    assert (await only(store)).state is State.BACKFILLED
    assert await claim(store) == ()


async def test_a_primary_image_that_is_there_stays(store: LocalStore, hand: sqlite3.Connection) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease, 0))
    hand.execute(
        "INSERT INTO vehicle_images (vehicle_id, image_url, source, is_primary, position) VALUES (?, 'x', ?, 1, 9)",
        (lease.vehicle.id, "bat_import"),
    )
    hand.execute("UPDATE vehicles SET primary_image_url = 'chosen'")
    await store.settle(lease, Settlement(backfilled=True))
    assert hand.execute("SELECT image_url FROM vehicle_images WHERE is_primary").fetchall() == [("x",)]
    assert hand.execute("SELECT primary_image_url FROM vehicles").fetchall() == [("chosen",)]


async def test_nothing_is_marked_that_is_not_stored(store: LocalStore) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    with pytest.raises(ValueError, match="no image"):
        await store.settle(lease, Settlement((refused("http://a/1.jpg"),), backfilled=True))
    assert await store.refusals() == ()
    assert await store.renew([lease], TTL) == frozenset()


async def test_a_gallery_that_grew_under_the_lease_is_not_marked(store: LocalStore) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease))
    await store.intake([listing("v", "http://a/1.jpg", "http://a/2.jpg", "http://a/new.jpg")])
    await store.settle(lease, Settlement(backfilled=True))
    assert (await only(store)).state is State.PARTIAL
    assert (await claim_one(store)).gallery.urls[-1] == "http://a/new.jpg"


async def test_a_partial_vehicle_comes_again_with_its_past(store: LocalStore) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease))
    stored = Outcome("http://a/1.jpg", "a", Result.STORED)
    await store.settle(lease, Settlement((stored,)))
    assert await store.workload(Scope(), 20) == Workload(1, 1)
    assert (await only(store)).note == "1/2"
    again = await claim_one(store)
    assert again.vehicle.state is State.PARTIAL
    assert (again.outcomes, again.stored) == ((stored,), (image(lease),))


# Refusals


async def park(store: LocalStore, *outcomes: Outcome) -> str:
    lease = await claim_one(store)
    await store.settle(lease, Settlement(outcomes, parked=True))
    return lease.vehicle.id


async def test_a_parked_vehicle_says_why_and_is_left_alone(store: LocalStore) -> None:
    await store.intake([listing("v")])
    await park(store, refused("u1", Reason.GONE), refused("u2"), refused("u3"))
    vehicle = await only(store)
    assert (vehicle.state, vehicle.note) == (State.PARKED, "not found")
    assert await claim(store) == ()


async def test_refusals_by_host_and_reason(store: LocalStore) -> None:
    await store.intake([listing("v"), listing("w")])
    await park(store, refused("u2"), refused("u1"), refused("u3", Reason.GONE))
    await park(store, refused("u1"), refused("u9", host="b"))
    groups = await store.refusals()
    assert [(g.host, g.reason, g.images, g.vehicles, g.example_url) for g in groups] == [
        ("a", Reason.NOT_FOUND, 3, 2, "u1"),
        ("a", Reason.GONE, 1, 1, "u3"),
        ("b", Reason.NOT_FOUND, 1, 1, "u9"),
    ]


async def test_retry_forgets_what_matches_and_frees_its_vehicles(store: LocalStore) -> None:
    await store.intake([listing("v"), listing("w")])
    first = await park(store, refused("u1"), refused("u2", host="b"))
    await park(store, refused("u3", host="c"))
    assert await store.retry("a", "not_found") == 1
    assert {group.host for group in await store.refusals()} == {"b", "c"}
    assert [lease.vehicle.id for lease in await claim(store)] == [first]
    assert await store.retry() == 2
    assert await store.refusals() == ()


async def test_retry_takes_back_the_mark_that_rested_on_a_refusal(store: LocalStore) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease))
    outcomes = (Outcome("http://a/1.jpg", "a", Result.STORED), refused("http://a/2.jpg"))
    await store.settle(lease, Settlement(outcomes, backfilled=True))
    assert await store.retry(host="a") == 1
    assert (await only(store)).state is State.PARTIAL
    assert (await claim_one(store)).outcomes == outcomes[:1]


async def test_unpark_frees_only_what_is_named(store: LocalStore) -> None:
    await store.intake([listing("v"), listing("w")])
    first = await park(store, refused("u1"))
    await park(store, refused("u1"))
    assert await store.unpark([first, "unknown"]) == 1
    assert [lease.vehicle.id for lease in await claim(store)] == [first]
    assert await store.unpark([]) == 0


# Pages


async def titles(store: LocalStore, query: VehicleQuery) -> list[str]:
    return [row.title for row in (await store.vehicles(query)).rows]


@pytest.mark.parametrize("sort", list(VehicleSort))
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("filter", ["", "v"])
async def test_pages_join_to_one_ordered_list(
    store: LocalStore, sort: VehicleSort, descending: bool, filter: str
) -> None:
    await store.intake([listing(f"v{n % 7}x{n}", *["http://a/"] * (n % 4 + 1)) for n in range(30)])
    await claim(store, 3)
    whole = await titles(store, VehicleQuery(filter=filter, sort=sort, descending=descending))
    pages = [
        await titles(store, VehicleQuery(filter=filter, sort=sort, descending=descending, offset=offset, limit=7))
        for offset in range(0, 42, 7)
    ]
    assert [title for page in pages for title in page] == whole
    assert len(set(whole)) == 30
    if sort is VehicleSort.TITLE:
        assert whole == sorted(whole, reverse=descending)


async def test_a_filter_looks_at_titles_and_vins_in_any_case(store: LocalStore) -> None:
    await store.intake([listing("VIN123", title="One", model="Focus"), listing("other", organization="B")])
    assert await titles(store, VehicleQuery(filter="foCUS")) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(filter="in12")) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(filter="%")) == []
    acme = (await store.organizations(filter="acm")).rows[0].id
    assert await titles(store, VehicleQuery(organization_id=acme, filter="other")) == []
    assert await titles(store, VehicleQuery(organization_id=acme)) == ["VIN123 Focus"]
    assert await titles(store, VehicleQuery(organization_id="nobody")) == []


async def test_organizations_by_each_order(store: LocalStore) -> None:
    await store.intake([listing(f"v{n}", organization="abbccc"[n]) for n in range(6)])
    await store.intake([listing("many", *["http://a/"] * 50, organization="A")])
    by_name = await store.organizations(sort=OrganizationSort.NAME, descending=False)
    assert [row.name for row in by_name.rows] == ["a", "b", "c"]
    by_needing = await store.organizations()
    assert [(row.name, row.counts.needing) for row in by_needing.rows] == [("c", 3), ("a", 2), ("b", 2)]
    by_images = await store.organizations(sort=OrganizationSort.IMAGES, limit=1)
    assert ([row.name for row in by_images.rows], by_images.total) == (["a"], 3)
    assert by_images.rows[0].counts == await store.counts(by_images.rows[0].id)


async def test_an_organization_of_its_vehicles_alone_is_seen(store: LocalStore, hand: sqlite3.Connection) -> None:
    hand.execute("INSERT INTO vehicles (id, origin_organization_id) VALUES ('v', 'gone')")
    assert [(row.id, row.name) for row in (await store.organizations()).rows] == [("gone", "gone")]


async def test_workload_is_cut_at_the_cap(store: LocalStore) -> None:
    await store.intake([listing("v", *[f"http://a/{n}" for n in range(30)], organization="A")])
    await store.intake([listing("w", organization="B"), listing("x", organization=None)])
    assert await store.workload(Scope(), 20) == Workload(3, 24)
    by = await store.workload_by_organization(Scope(), 20, 3)
    names = {row.id: row.name for row in (await store.organizations()).rows}
    assert {names[key]: load for key, load in by.items()} == {
        "A": Workload(1, 20),
        "B": Workload(1, 2),
        "No organization": Workload(1, 2),
    }
    (a,) = [key for key, name in names.items() if name == "A"]
    assert await store.workload(Scope(organization_ids=(a,)), 7) == Workload(1, 7)
    assert sum(load.vehicles for load in (await store.workload_by_organization(Scope(), 20, 2)).values()) == 2


async def test_workload_is_what_could_be_claimed_now(store: LocalStore, clock: Clock) -> None:
    await store.intake([listing("a"), listing("b"), listing("hidden", "u", is_public=False), listing("d")])
    (lease, waiting) = await claim(store, 2)
    await store.settle(waiting, Settlement(retry_at=clock.now + 2 * TTL))
    assert await store.workload(Scope(), 20) == Workload(1, 2)
    assert await store.workload(Scope(include_private=True), 20) == Workload(2, 3)
    named = tuple(row.id for row in (await store.vehicles(VehicleQuery())).rows)
    assert await store.workload(Scope(vehicle_ids=named), 1) == Workload(1, 1)
    clock.now += TTL
    assert await store.workload(Scope(), 20) == Workload(2, 4)
    assert [row.vehicle.id for row in await store.peek(Scope(), 0, 1)] == [lease.vehicle.id]
    clock.now += TTL
    assert await store.workload(Scope(vehicle_ids=named, include_private=True), 20) == Workload(4, 7)


@pytest.mark.parametrize(
    ("metadata", "urls", "state"),
    [
        ({"image_urls": ["a", "b"]}, ("a", "b"), State.READY),
        ({"image_urls": "http://a/1.jpg"}, ("http://a/1.jpg",), State.READY),
        ({"image_urls": '["a", "b"]'}, ("a", "b"), State.READY),
        ({"image_urls": None, "images": ["a"]}, ("a",), State.READY),
        ({"images": [{"url": "a"}]}, ({"url": "a"},), State.READY),
        ({"image_urls": []}, (), State.EMPTY),
        ({"image_urls": ""}, (), State.EMPTY),
        ({"image_urls": {"a": 1}}, (), State.EMPTY),
        ({"image_urls": 7}, (), State.EMPTY),
        ({"images": 7}, (), State.NO_URLS),
        ({}, (), State.NO_URLS),
        (["image_urls"], (), State.NO_URLS),
        (None, (), State.NO_URLS),
        ({"image_urls": ["a"], "images_backfilled": True}, ("a",), State.BACKFILLED),
        ({"image_urls": ["a"], "images_backfilled": "true"}, ("a",), State.BACKFILLED),
        ({"image_urls": ["a"], "images_backfilled": "no"}, ("a",), State.READY),
    ],
)
async def test_the_gallery_in_every_shape(
    store: LocalStore, hand: sqlite3.Connection, metadata: object, urls: tuple[object, ...], state: State
) -> None:
    hand.execute("INSERT INTO vehicles (id, origin_metadata) VALUES ('v', ?)", (json.dumps(metadata),))
    vehicle = await store.vehicle("v")
    assert vehicle is not None
    assert (vehicle.state, vehicle.url_count) == (state, len(urls))
    assert (await store.gallery("v")).urls == urls


async def test_what_is_not_there(store: LocalStore) -> None:
    assert await store.vehicle("none") is None
    assert (await store.gallery("none")).urls == ()
    assert await store.images("none") == ()
    assert (await store.vehicles(VehicleQuery(offset=50))).rows == ()


# Objects and the journal


async def test_an_object_opens_under_its_url(store: LocalStore, tmp_path: Path) -> None:
    for content in (b"first", b"second, longer"):
        url = await store.put_object("v/external_import/a b.jpg", io.BytesIO(content), "image/jpeg")
    response = await asyncio.to_thread(urlopen, url)
    with response:
        assert response.read() == b"second, longer"
    assert [path.name for path in (tmp_path / "shelf" / "objects").rglob("*") if path.is_file()] == ["a b.jpg"]


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "a/../../b", "", "ü.jpg", "a\\b", "a\nb"])
async def test_an_object_stays_in_its_bucket(store: LocalStore, path: str) -> None:
    with pytest.raises(ValueError, match="not an object path"):
        await store.put_object(path, io.BytesIO(b""), "image/jpeg")


async def test_an_object_that_breaks_off_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError("cut")

    with pytest.raises(Exception, match="cut"):
        await store.put_object("v/a.jpg", Breaks(), "image/jpeg")
    assert [path for path in (tmp_path / "shelf" / "objects").rglob("*") if path.is_file()] == []


async def test_the_journal_keeps_the_latest_word_of_each_run(store: LocalStore) -> None:
    options = RunOptions(limit=7, scope=Scope(organization_ids=("a", "b"), include_private=True))
    started = RunRecord("one", "w", 1.0, 2.0, None, Phase.RUNNING, options)
    ended = RunRecord("one", "w", 1.0, 3.0, 3.0, Phase.FINISHED, options, Tally(1, 2, 3, 4, 5, {"gone": 3}), 4, 5, "x")
    later = RunRecord("two", "w", 9.0, 9.0, None, Phase.RUNNING, RunOptions())
    for record in (started, later, ended):
        await store.save_run(record)
    assert await store.runs() == (later, ended)
    assert await store.runs(limit=1) == (later,)
