"""Imports into a real store: what goes in, what a second import changes, what it must not touch."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tui.listings.feeds import BadLine
from tui.listings.intake import ImportReport, import_feed
from tui.model import Listing, Problem, Scope, Settlement, State, Vehicle, VehicleQuery
from tui.stores import Store
from tui.stores.local import LocalStore

VIN = "1FTEX1EB0KFA12345"
BATCH = 100
URLS = ["http://a/1.jpg", "http://a/2.jpg"]


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    store = await LocalStore.open(tmp_path / "shelf")
    yield store
    await store.close()


def feed(tmp_path: Path, *records: Mapping[str, object] | str) -> Path:
    path = tmp_path / "feed.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in records))
    return path


def counted(report: ImportReport) -> tuple[int, int, int, int]:
    assert report.lines == report.inserted + report.updated + report.unchanged + report.bad_count
    return report.inserted, report.updated, report.unchanged, report.bad_count


def by_hand(tmp_path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(tmp_path / "shelf" / "store.sqlite3", isolation_level=None)) as db:
        return db.execute(query).fetchall()


async def only(store: Store) -> Vehicle:
    (vehicle,) = (await store.vehicles(VehicleQuery())).rows
    return vehicle


async def test_a_feed_becomes_vehicles(store: LocalStore, tmp_path: Path) -> None:
    record: dict[str, object] = {"vin": VIN, "year": 2019, "make": "Ford", "model": "F-150", "mileage": "12,345 miles"}
    record |= {"price": "$12,500", "link": "http://acme/1", "dealership_name": "Acme  Motors", "image_urls": URLS}
    report = await import_feed(store, feed(tmp_path, record | {"color": "red"}))
    assert counted(report) == (1, 0, 0, 0)
    assert report.fraction == 1.0
    vehicle = await only(store)
    assert (vehicle.title, vehicle.organization_name) == ("2019 Ford F-150", "Acme Motors")
    assert (vehicle.state, vehicle.hosts) == (State.READY, ("a",))
    query = "SELECT vin, mileage, asking_price, listing_url, discovery_url, status, is_public FROM vehicles"
    assert by_hand(tmp_path, query) == [(VIN, 12345, 12500.0, "http://acme/1", "http://acme/1", "active", 1)]
    ((metadata,),) = by_hand(tmp_path, "SELECT origin_metadata FROM vehicles")
    assert json.loads(str(metadata)) == {"image_urls": URLS, "feed": {"color": "red"}}
    assert by_hand(tmp_path, "SELECT relationship_type, status FROM organization_vehicles") == [("inventory", "active")]


async def test_the_same_file_again_changes_nothing(store: LocalStore, tmp_path: Path) -> None:
    path = feed(
        tmp_path, *[{"link": f"http://a/{n}", "image_urls": URLS, "dealer_name": f"D{n % 3}"} for n in range(9)]
    )
    assert counted(await import_feed(store, path)) == (9, 0, 0, 0)
    before = by_hand(tmp_path, "SELECT * FROM vehicles")
    assert counted(await import_feed(store, path)) == (0, 0, 9, 0)
    assert by_hand(tmp_path, "SELECT * FROM vehicles") == before
    assert (await store.organizations()).total == 3


async def test_two_lines_of_one_vehicle_are_one_vehicle(store: LocalStore, tmp_path: Path) -> None:
    path = feed(tmp_path, {"vin": VIN, "price": 1}, {"vin": VIN.lower(), "price": 2}, {"vin": VIN, "price": 2})
    assert counted(await import_feed(store, path)) == (1, 1, 1, 0)
    assert by_hand(tmp_path, "SELECT asking_price FROM vehicles") == [(2.0,)]
    assert counted(await import_feed(store, path)) == (0, 0, 3, 0)


async def test_what_a_feed_does_not_tell_stays(store: LocalStore, tmp_path: Path) -> None:
    await import_feed(store, feed(tmp_path, {"vin": VIN, "make": "Ford", "image_urls": URLS, "color": "red"}))
    by_hand(
        tmp_path, "UPDATE vehicles SET is_public = 0, origin_metadata = json_set(origin_metadata, '$.listed_date', 1)"
    )
    assert counted(await import_feed(store, feed(tmp_path, {"vin": VIN, "price": 7, "doors": 4}))) == (0, 1, 0, 0)
    ((make, price, is_public, metadata),) = by_hand(
        tmp_path, "SELECT make, asking_price, is_public, origin_metadata FROM vehicles"
    )
    assert (make, price, is_public) == ("Ford", 7.0, 0)
    assert json.loads(str(metadata)) == {"image_urls": URLS, "listed_date": 1, "feed": {"color": "red", "doors": 4}}


async def test_organizations_by_name_in_any_case(store: LocalStore, tmp_path: Path) -> None:
    by_hand(tmp_path, "INSERT INTO organizations (id, name) VALUES ('theirs', 'Acme Motors')")
    records = [
        {"link": f"http://a/{n}", "dealer_name": name} for n, name in enumerate(["ACME motors", "Straße", "STRASSE"])
    ]
    await import_feed(store, feed(tmp_path, *records))
    found = by_hand(tmp_path, "SELECT organization_id, COUNT(*) FROM organization_vehicles GROUP BY 1 ORDER BY 2 DESC")
    assert len(found) == 2
    assert found[1] == ("theirs", 1)


async def test_a_second_dealer_is_linked_and_the_first_stays_the_origin(store: LocalStore, tmp_path: Path) -> None:
    path = feed(tmp_path, {"vin": VIN})
    assert counted(await import_feed(store, path, organization="First")) == (1, 0, 0, 0)
    assert counted(await import_feed(store, path, organization="Second")) == (0, 1, 0, 0)
    assert counted(await import_feed(store, path, organization="Second")) == (0, 0, 1, 0)
    assert (await only(store)).organization_name == "First"
    assert len(by_hand(tmp_path, "SELECT * FROM organization_vehicles")) == 2


async def park(store: Store) -> None:
    (lease,) = await store.claim(Scope(), 1, worker="w", run_id="r", ttl=60)
    await store.settle(lease, Settlement(parked=True))


@pytest.mark.parametrize(
    ("urls", "state"),
    [(URLS, State.PARKED), (URLS[:1], State.PARKED), ([*URLS, "http://a/3.jpg"], State.READY), ([], State.PARKED)],
)
async def test_new_urls_free_a_parked_vehicle(store: LocalStore, tmp_path: Path, urls: list[str], state: State) -> None:
    await import_feed(store, feed(tmp_path, {"vin": VIN, "image_urls": URLS}))
    await park(store)
    await import_feed(store, feed(tmp_path, {"vin": VIN, "image_urls": urls}))
    assert (await only(store)).state is state


@pytest.mark.parametrize(("urls", "marked"), [(URLS, True), (URLS[:1], True), (["http://a/3.jpg"], False)])
async def test_new_urls_take_a_mark_back(store: LocalStore, tmp_path: Path, urls: list[str], marked: bool) -> None:
    await import_feed(store, feed(tmp_path, {"vin": VIN, "image_urls": URLS}))
    by_hand(
        tmp_path, "UPDATE vehicles SET origin_metadata = json_set(origin_metadata, '$.images_backfilled', json('true'))"
    )
    await import_feed(store, feed(tmp_path, {"vin": VIN, "image_urls": urls}))
    assert ((await only(store)).state is State.BACKFILLED) is marked
    assert (await store.gallery((await only(store)).id)).urls == tuple(urls)


async def test_bad_lines_are_counted_and_the_first_are_named(store: LocalStore, tmp_path: Path) -> None:
    report = await import_feed(store, feed(tmp_path, {"vin": VIN}, "{", *["nonsense"] * 150, {"make": "Kia"}))
    assert counted(report) == (2, 0, 0, 151)
    assert len(report.bad) == 100
    assert isinstance(report.bad[0], BadLine)
    assert report.bad[0].line == 2


async def test_a_file_without_a_good_line(store: LocalStore, tmp_path: Path) -> None:
    assert counted(await import_feed(store, feed(tmp_path, "nonsense"))) == (0, 0, 0, 1)
    with pytest.raises(Problem, match="There is no file"):
        await import_feed(store, tmp_path / "none.csv")


async def test_progress_rises_to_the_whole_file(store: LocalStore, tmp_path: Path) -> None:
    seen: list[ImportReport] = []
    path = feed(tmp_path, *[{"make": f"M{n}"} for n in range(2 * BATCH + 1)])
    await import_feed(store, path, on_progress=seen.append, batch_size=BATCH)
    assert [report.lines for report in seen] == [BATCH, 2 * BATCH, 2 * BATCH + 1]
    assert [report.fraction for report in seen] == sorted(report.fraction for report in seen)


async def test_a_cancelled_import_leaves_whole_batches_and_is_completed_later(
    store: LocalStore, tmp_path: Path
) -> None:
    path = feed(tmp_path, *[{"make": f"M{n}"} for n in range(5 * BATCH)])

    def stop(report: ImportReport) -> None:
        if report.lines == 2 * BATCH:
            task.cancel()

    task = asyncio.create_task(import_feed(store, path, on_progress=stop, batch_size=BATCH))
    with pytest.raises(asyncio.CancelledError):
        await task
    written = (await store.counts()).vehicles
    assert written in (2 * BATCH, 3 * BATCH)
    assert counted(await import_feed(store, path)) == (5 * BATCH - written, 0, written, 0)


async def test_a_failing_store_ends_the_import(store: LocalStore, tmp_path: Path) -> None:
    await store.close()
    with pytest.raises(Problem, match="is closed"):
        await import_feed(store, feed(tmp_path, *[{"make": f"M{n}"} for n in range(2 * BATCH)]))


async def test_a_vehicle_that_gained_urls_is_free_at_once(store: LocalStore) -> None:
    await store.intake([Listing("v", image_urls=("http://a/1.jpg",))])
    (lease,) = await store.claim(Scope(), 1, worker="w", run_id="r", ttl=60)
    await store.settle(lease, Settlement(retry_at=4e9))
    await store.intake([Listing("v", image_urls=("http://a/1.jpg", "http://a/2.jpg"))])
    assert len(await store.peek(Scope(), 0, 1)) == 1
