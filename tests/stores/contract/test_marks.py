"""What is written under a lease, and what an operator takes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.stores.contract.shelves import Shelf
from tests.stores.shelf import TTL, claim, claim_one, image, listing, only, refused
from tui.model import Lease, Look, Outcome, Reason, Result, Scope, Settlement, State, VehicleQuery, Workload
from tui.stores import Store


def stored(lease: Lease, *positions: int) -> tuple[Outcome, ...]:
    return tuple(Outcome(str(lease.gallery.urls[n]), "a", Result.STORED) for n in positions or (0, 1))


@pytest.mark.needs("hashes")
async def test_the_row_of_an_image(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    assert await store.record(lease, image(lease))
    assert await store.images(lease.vehicle.id) == (image(lease),)
    (row,) = shelf.images(lease.vehicle.id)
    assert row["filename"] == row["storage_path"].split("/")[-1]
    assert (row["file_size"], row["mime_type"]) == (10, "image/jpeg")
    assert (row["source"], bool(row["is_primary"]), bool(row["is_external"])) == (store.source, False, False)
    assert (row["taken_at"], row["user_id"]) == (None, None)
    assert row["variants"] == {"original": {"width": 640, "height": 480}}


@pytest.mark.needs("hashes")
async def test_the_row_of_an_image_that_says_much_of_itself(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    much = replace(
        image(lease),
        orientation=6,
        taken_at=datetime(2019, 7, 4, 10, 30, 45, tzinfo=UTC),
        perceptual_hash="00ff00ff00ff00ff",
        similar_to="http://a/0.jpg",
        placeholder=True,
    )
    assert await store.record(lease, much)
    assert await store.images(lease.vehicle.id) == (much,)
    (row,) = shelf.images(lease.vehicle.id)
    assert datetime.fromisoformat(str(row["taken_at"])) == much.taken_at
    original = {"width": 640, "height": 480, "orientation": 6, "perceptual_hash": "00ff00ff00ff00ff"}
    assert row["variants"] == {"original": original, "similar_to": "http://a/0.jpg", "placeholder": True}


@pytest.mark.needs("hashes", "looks")
async def test_the_looks_of_what_was_stored_last(store: Store) -> None:
    await store.intake([listing("v"), listing("w")])
    assert await store.looks(10) == ()
    found: list[Look] = []
    for lease in await claim(store):
        for position, perceptual_hash in enumerate(("00ff00ff00ff00ff", "")):
            one = replace(image(lease, position), perceptual_hash=perceptual_hash)
            assert await store.record(lease, one)
            found.insert(0, Look(one.vehicle_id, one.source_url, one.file_hash, perceptual_hash))
    assert await store.looks(10) == tuple(found)
    assert await store.looks(3) == tuple(found[:3])


async def test_a_row_names_a_source_that_the_table_admits(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    for position in (1, 0):
        assert await store.record(lease, image(lease, position))
    rows = shelf.images(lease.vehicle.id)
    assert {(row["source"], row["position"]) for row in rows} == {(store.source, 0), (store.source, 1)}
    assert [one.position for one in await store.images(lease.vehicle.id)] == [0, 1]
    vehicle = await only(store)
    assert (vehicle.stored, vehicle.state) == (2, State.PARTIAL)


@pytest.mark.needs("hashes")
async def test_the_same_bytes_or_the_same_url_are_one_row(store: Store) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    assert await store.record(lease, image(lease, 0))
    assert not await store.record(lease, image(lease, 1, file_hash="hash-0"))
    assert not await store.record(lease, image(lease, 1, url="http://a/1.jpg"))
    assert len(await store.images(lease.vehicle.id)) == 1


async def test_an_image_recorded_again_is_one_row(store: Store) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    for _ in range(2):
        await store.record(lease, image(lease))
    assert len(await store.images(lease.vehicle.id)) == 1


async def test_the_same_bytes_belong_to_each_vehicle(store: Store) -> None:
    await store.intake([listing("v"), listing("w")])
    for lease in await claim(store):
        assert await store.record(lease, image(lease))


@pytest.mark.needs("primary")
async def test_a_backfilled_vehicle(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v", extra={"color": "red"})])
    lease = await claim_one(store)
    await store.record(lease, image(lease, 1))
    await store.record(lease, image(lease, 0))
    shelf.edit_metadata(lease.vehicle.id, listed_date="2020-01-01")
    await store.settle(lease, Settlement(stored(lease), backfilled=True, run_id="run"))
    row = shelf.vehicle(lease.vehicle.id)
    at = row["origin_metadata"].pop("images_backfilled_at")
    assert row["origin_metadata"] == {
        "image_urls": ["http://a/1.jpg", "http://a/2.jpg"],
        "feed": {"color": "red"},
        "listed_date": "2020-01-01",
        "images_backfilled": True,
    }
    assert datetime.fromisoformat(at).timestamp() == pytest.approx(shelf.now, abs=5)
    assert row["primary_image_url"] == image(lease, 0).image_url
    assert [row["position"] for row in shelf.images(lease.vehicle.id) if row["is_primary"]] == [0]
    assert (await only(store)).state is State.BACKFILLED
    assert await claim(store) == ()


async def test_a_mark_is_merged_into_what_is_there_by_then(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease))
    shelf.edit_metadata(lease.vehicle.id, listed_date="2020-01-01", deep={"list": [1, {"a": None}]})
    await store.settle(lease, Settlement(stored(lease), backfilled=True))
    metadata = shelf.metadata(lease.vehicle.id)
    assert metadata["images_backfilled"] is True
    assert (metadata["listed_date"], metadata["deep"]) == ("2020-01-01", {"list": [1, {"a": None}]})
    assert (await only(store)).state is State.BACKFILLED
    assert (await store.counts()).backfilled == 1


@pytest.mark.needs("primary")
async def test_a_primary_image_that_is_there_stays(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease, 0))
    shelf.put_image(lease.vehicle.id, "chosen", is_primary=True, position=9)
    shelf.update("vehicles", lease.vehicle.id, primary_image_url="chosen")
    await store.settle(lease, Settlement(backfilled=True))
    assert [row["image_url"] for row in shelf.images(lease.vehicle.id) if row["is_primary"]] == ["chosen"]
    assert shelf.vehicle(lease.vehicle.id)["primary_image_url"] == "chosen"


async def test_nothing_is_marked_that_is_not_stored(store: Store) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    with pytest.raises(ValueError, match="no image"):
        await store.settle(lease, Settlement((refused("http://a/1.jpg"),), backfilled=True))
    assert await store.refusals() == ()
    assert await store.renew([lease], TTL) == frozenset()


@pytest.mark.parametrize("end", [Settlement(backfilled=True), Settlement(parked=True)])
async def test_a_gallery_that_grew_under_the_lease_is_not_done(store: Store, end: Settlement) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    if end.backfilled:
        await store.record(lease, image(lease))
    await store.intake([listing("v", "http://a/1.jpg", "http://a/2.jpg", "http://a/new.jpg")])
    await store.settle(lease, end)
    assert (await only(store)).state is (State.PARTIAL if end.backfilled else State.READY)
    assert (await claim_one(store)).gallery.urls[-1] == "http://a/new.jpg"


async def test_a_gallery_that_grew_by_hand_under_the_lease_is_not_done(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease))
    shelf.edit_metadata(lease.vehicle.id, image_urls=["http://a/1.jpg", "http://a/2.jpg", "http://a/new.jpg"])
    await store.settle(lease, Settlement(stored(lease), backfilled=True))
    assert "images_backfilled" not in shelf.metadata(lease.vehicle.id)
    assert len((await claim_one(store)).gallery.urls) == 3


async def test_a_partial_vehicle_comes_again_with_its_past(store: Store) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease))
    await store.settle(lease, Settlement(stored(lease, 0)))
    assert await store.workload(Scope(), 20) == Workload(1, 1)
    assert (await only(store)).note == "1/2"
    again = await claim_one(store)
    assert again.vehicle.state is State.PARTIAL
    assert (again.outcomes, await store.outcomes(lease.vehicle.id)) == (stored(lease, 0), stored(lease, 0))
    assert [one.image_url for one in again.stored] == [image(lease).image_url]


async def test_the_last_word_on_a_candidate_counts(store: Store) -> None:
    await store.intake([listing("v")])
    url = "http://a/1.jpg"
    for reason in (Reason.TIMEOUT, Reason.GONE):
        lease = await claim_one(store)
        await store.settle(lease, Settlement((refused(url), refused(url, reason))))
    assert [outcome.reason for outcome in await store.outcomes(lease.vehicle.id)] == [Reason.GONE]
    assert [(group.reason, group.images) for group in await store.refusals()] == [(Reason.GONE, 1)]


async def park(store: Store, *outcomes: Outcome) -> str:
    lease = await claim_one(store)
    await store.settle(lease, Settlement(outcomes, parked=True))
    return lease.vehicle.id


async def test_a_parked_vehicle_says_why_and_is_left_alone(store: Store) -> None:
    await store.intake([listing("v")])
    await park(store, refused("u1", Reason.GONE), refused("u2"), refused("u3"))
    vehicle = await only(store)
    assert (vehicle.state, vehicle.note) == (State.PARKED, "not found")
    assert await claim(store) == ()
    assert (await store.counts()).parked == 1


async def test_what_has_an_image_of_ours_is_not_parked(store: Store) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.record(lease, image(lease, source=store.source))
    await store.settle(lease, Settlement((refused("http://a/2.jpg"),), parked=True))
    assert (await only(store)).state is State.PARTIAL
    assert len((await claim_one(store)).stored) == 1


@pytest.mark.remote
async def test_an_image_that_comes_late_ends_a_parking(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    await store.settle(lease, Settlement((refused("http://a/1.jpg"),), parked=True))
    assert (await only(store)).state is State.PARKED
    shelf.put_image(lease.vehicle.id, source=store.source)
    await store.refresh()
    assert (await only(store)).state is State.PARTIAL
    assert len((await claim_one(store)).stored) == 1


async def test_refusals_by_host_and_reason(store: Store) -> None:
    await store.intake([listing("v"), listing("w")])
    await park(store, refused("u2"), refused("u1"), refused("u3", Reason.GONE))
    await park(store, refused("u1"), refused("u9", host="b"))
    groups = await store.refusals()
    assert [(g.host, g.reason, g.images, g.vehicles, g.example_url) for g in groups] == [
        ("a", Reason.NOT_FOUND, 3, 2, "u1"),
        ("a", Reason.GONE, 1, 1, "u3"),
        ("b", Reason.NOT_FOUND, 1, 1, "u9"),
    ]


async def test_the_earliest_retry_of_a_group(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    due = round(shelf.now + 60, 3)
    waits = [Outcome(f"u{n}", "a", Result.DEFERRED, Reason.TIMEOUT, "", due + n, 1) for n in range(3)]
    await store.settle(await claim_one(store), Settlement(tuple(waits), retry_at=due))
    (group,) = await store.refusals()
    assert (group.images, group.vehicles) == (3, 1)
    assert group.retry_at == pytest.approx(due, abs=5)


async def test_retry_forgets_what_matches_and_frees_its_vehicles(store: Store) -> None:
    await store.intake([listing("v"), listing("w")])
    first = await park(store, refused("u1"), refused("u2", host="b"))
    await park(store, refused("u3", host="c"))
    assert await store.retry("a", "not_found") == 1
    assert {group.host for group in await store.refusals()} == {"b", "c"}
    assert [lease.vehicle.id for lease in await claim(store)] == [first]
    assert await store.retry() == 2
    assert await store.refusals() == ()
    assert await store.retry() == 0


async def test_retry_frees_what_waits(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    later = Outcome("http://a/1.jpg", "a", Result.DEFERRED, Reason.TIMEOUT, "", shelf.now + 60, 1)
    await store.settle(await claim_one(store), Settlement((later,), retry_at=shelf.now + 60))
    assert await store.retry(reason="timeout") == 1
    assert (await claim_one(store)).outcomes == ()


async def test_retry_takes_back_the_mark_that_rested_on_a_refusal(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v", extra={"color": "red"})])
    lease = await claim_one(store)
    await store.record(lease, image(lease, source=store.source))
    outcomes = (*stored(lease, 0), refused("http://a/2.jpg"))
    await store.settle(lease, Settlement(outcomes, backfilled=True))
    assert await store.retry(host="a") == 1
    assert (await only(store)).state is State.PARTIAL
    assert shelf.metadata(lease.vehicle.id) == {
        "image_urls": ["http://a/1.jpg", "http://a/2.jpg"],
        "feed": {"color": "red"},
    }
    assert (await claim_one(store)).outcomes == outcomes[:1]


async def test_retry_under_a_lease_leaves_the_lease(store: Store) -> None:
    await store.intake([listing("v")])
    await store.settle(await claim_one(store), Settlement((refused("u"),)))
    lease = await claim_one(store)
    assert await store.retry() == 1
    assert await claim(store) == ()
    await store.settle(lease, Settlement((refused("u"),), parked=True))
    assert (await only(store)).state is State.PARKED


async def test_unpark_frees_only_what_is_named(store: Store) -> None:
    await store.intake([listing("v"), listing("w")])
    first = await park(store, refused("u1"))
    await park(store, refused("u1"))
    assert await store.unpark([first, "unknown"]) == 1
    assert [lease.vehicle.id for lease in await claim(store)] == [first]
    assert await store.unpark([]) == 0


async def test_unpark_counts_what_it_changed(store: Store, shelf: Shelf) -> None:
    await store.intake([listing(name) for name in "abc"])
    await park(store, refused("u1"))
    await store.settle(await claim_one(store), Settlement(retry_at=shelf.now + 60))
    every = [row.id for row in (await store.vehicles(VehicleQuery())).rows]
    assert await store.unpark(every) == 2
    assert await store.unpark(every) == 0
    assert len(await claim(store)) == 3


async def test_words_from_outside_are_remembered(store: Store) -> None:
    await store.intake([listing("v")])
    words = "\x1b[31m[/red] Ünï 🚗 \0 " + "x" * 10_000
    await store.settle(await claim_one(store), Settlement((Outcome("u", "a", Result.REFUSED, Reason.GONE, words),)))
    (outcome,) = await store.outcomes((await only(store)).id)
    assert outcome.detail.replace("\0", "\ufffd") == words.replace("\0", "\ufffd")
