"""What is written under a lease, and what an operator takes back."""

from __future__ import annotations

import json
import sqlite3

import pytest

from tests.stores.shelf import TTL, claim, claim_one, image, listing, only, refused
from tui.model import (
    Outcome,
    Reason,
    Result,
    Scope,
    Settlement,
    State,
    Workload,
)
from tui.stores.local import LocalStore


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
