"""Runs with many workers: who joins which, what is wanted of them, and who is at work."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.stores.contract.shelves import Shelf
from tests.stores.shelf import TTL, claim_one, listing
from tui.model import SILENCE, Orders, Phase, RunOptions, RunRecord, Scope, Settlement, Tally, Wish
from tui.stores import Store

pytestmark = [pytest.mark.needs("fleet"), pytest.mark.any_shape]

TEN_MINUTES = 600.0


@pytest.fixture
def report(shelf: Shelf) -> RunRecord:
    """A first report, now."""
    now = round(shelf.now, 3)
    return RunRecord("one", "a:1", now, now, None, Phase.STARTING, RunOptions())


def other(report: RunRecord, worker: str = "b:1", run_id: str = "two", **changes: object) -> RunRecord:
    return replace(report, run_id=run_id, worker=worker, **changes)  # type: ignore[arg-type]


def seen(record: RunRecord, now: float) -> RunRecord:
    """The record as it was told: a store may go by its own clock for when that was."""
    assert record.seen_at == pytest.approx(now, abs=5)
    return replace(record, seen_at=now)


async def test_a_worker_joins_the_live_run_over_the_same_scope(store: Store, shelf: Shelf, report: RunRecord) -> None:
    assert await store.join_run(report) == "one"
    assert await (await shelf.another()).join_run(other(report)) == "one"
    (run,) = await store.runs()
    assert (run.run_id, run.worker, run.workers) == ("one", "a:1, b:1", 2)


async def test_workers_that_start_at_once_are_one_run(shelf: Shelf, report: RunRecord) -> None:
    stores = [await shelf.another() for _ in range(4)]
    joining = (store.join_run(other(report, f"w:{n}", f"r{n}")) for n, store in enumerate(stores))
    assert len(set(await asyncio.gather(*joining))) == 1


async def test_the_order_of_ids_makes_no_other_scope(store: Store, report: RunRecord) -> None:
    scopes = [Scope(organization_ids=ids) for ids in (("x", "y"), ("y", "x"), ("x",))]
    reports = [other(report, f"w:{n}", f"r{n}", options=RunOptions(scope=scope)) for n, scope in enumerate(scopes)]
    assert [await store.join_run(one) for one in reports] == ["r0", "r0", "r2"]


async def test_another_scope_is_another_run(store: Store, report: RunRecord) -> None:
    await store.join_run(report)
    for number, scope in enumerate((Scope(include_private=True), Scope(vehicle_ids=("v",)), Scope(("o",)))):
        one = other(report, f"b:{number}", f"more {number}", options=RunOptions(scope=scope))
        assert await store.join_run(one) == one.run_id


async def test_options_may_differ_within_a_run(store: Store, report: RunRecord) -> None:
    await store.join_run(report)
    assert await store.join_run(other(report, options=RunOptions(3, 4, 5, "gentle"))) == "one"
    assert [member.share.options.limit for member in await store.fleet()] == [100, 5]


async def test_a_run_that_ended_or_fell_silent_is_joined_by_nobody(
    store: Store, report: RunRecord, shelf: Shelf
) -> None:
    await store.join_run(report)
    await shelf.pass_time(SILENCE + 1)
    now = shelf.now
    assert await store.join_run(other(report, seen_at=now)) == "two"
    await store.save_run(other(report, seen_at=now, ended_at=now, phase=Phase.FINISHED))
    assert await store.join_run(other(report, "c:1", "three", seen_at=now)) == "three"


async def test_a_run_lives_while_one_of_its_workers_does(store: Store, report: RunRecord, shelf: Shelf) -> None:
    await store.join_run(report)
    await store.join_run(other(report))
    now = shelf.now
    await store.save_run(replace(report, seen_at=now, ended_at=now, phase=Phase.STOPPED))
    assert await store.join_run(other(report, "c:1", "three")) == "one"


async def test_a_run_that_is_to_stop_is_joined_by_nobody(store: Store, report: RunRecord) -> None:
    await store.join_run(report)
    await store.direct_run("one", Wish.STOP)
    assert await store.join_run(other(report)) == "two"


async def test_a_paused_run_is_joined_and_the_worker_learns_of_the_pause(store: Store, report: RunRecord) -> None:
    await store.join_run(report)
    await store.direct_run("one", Wish.PAUSE)
    joined = await store.join_run(other(report))
    assert await store.save_run(other(report, run_id=joined)) == Orders(Wish.PAUSE, 2)


async def test_every_worker_learns_what_is_wanted(store: Store, report: RunRecord, shelf: Shelf) -> None:
    elsewhere = await shelf.another()
    await store.join_run(report)
    assert await store.save_run(report) == Orders(Wish.RUN, 1)
    await elsewhere.join_run(other(report))
    await elsewhere.direct_run("one", Wish.PAUSE)
    assert await store.save_run(report) == Orders(Wish.PAUSE, 2)
    await store.direct_run("one", Wish.RUN)
    assert await elsewhere.save_run(other(report, run_id="one")) == Orders(Wish.RUN, 2)
    await shelf.pass_time(SILENCE + 1)
    assert await store.save_run(replace(report, seen_at=shelf.now)) == Orders(Wish.RUN, 1), "the other fell silent"
    assert (await store.runs())[0].wish is Wish.RUN


async def test_a_stop_is_for_good(store: Store, report: RunRecord) -> None:
    await store.join_run(report)
    await store.direct_run("one", Wish.STOP)
    await store.direct_run("one", Wish.RUN)
    assert (await store.save_run(report)).wish is Wish.STOP
    assert [member.share.wish for member in await store.fleet()] == [Wish.STOP]


async def test_what_nobody_runs_can_be_directed_in_vain(store: Store) -> None:
    await store.direct_run("nothing", Wish.PAUSE)
    assert await store.runs() == ()


async def test_a_report_that_comes_late_revives_nobody(store: Store, report: RunRecord) -> None:
    await store.join_run(report)
    ended = replace(report, seen_at=report.seen_at + 2, ended_at=report.seen_at + 2, phase=Phase.FINISHED)
    await store.save_run(ended)
    await store.save_run(replace(report, seen_at=report.seen_at + 1, phase=Phase.RUNNING))
    (run,) = await store.runs()
    assert seen(run, ended.seen_at) == ended
    assert await store.fleet() == ()


async def test_a_share_comes_back_as_it_was_told(store: Store, report: RunRecord) -> None:
    options = RunOptions(7, 8, 9, "fast", Scope(("a", "b"), ("v",), include_private=True))
    told = replace(
        report,
        options=options,
        phase=Phase.PAUSING,
        tally=Tally(1, 2, 3, 4, 5, {"gone": 3, "dns": 1}),
        vehicles_done=4,
        vehicles_total=5,
        error="[/red] Ünï \x1b[31m" + "x" * 10_000,
        images_per_second=1.25,
        bytes_per_second=1e9,
    )
    await store.save_run(told)
    (run,) = await store.runs()
    assert seen(run, told.seen_at) == told
    (member,) = await store.fleet()
    assert seen(member.share, told.seen_at) == told


async def test_the_journal_keeps_the_latest_word_of_each_run(store: Store, report: RunRecord) -> None:
    at = report.started_at
    ended = replace(report, ended_at=at + 1, phase=Phase.FINISHED, tally=Tally(1, 2, 3, 4, 5, {"gone": 3}))
    later = other(report, "b:1", "two", started_at=at + 1)
    for record in (report, later, ended):
        await store.save_run(record)
    assert [seen(run, report.seen_at) for run in await store.runs()] == [later, ended]
    assert [run.run_id for run in await store.runs(limit=1)] == ["two"]


async def test_runs_are_the_sums_of_their_shares(store: Store, report: RunRecord) -> None:
    for number in range(4):
        for worker in ("a:1", "b:1"):
            await store.save_run(
                other(report, worker, f"r{number}", started_at=report.started_at + number, tally=Tally(stored=2))
            )
    newest = await store.runs(limit=3)
    assert [(run.run_id, run.workers, run.tally.stored) for run in newest] == [("r3", 2, 4), ("r2", 2, 4), ("r1", 2, 4)]


async def test_the_fleet_with_what_it_holds(store: Store, report: RunRecord, shelf: Shelf) -> None:
    await store.intake([listing(f"car {number}") for number in range(5)])
    await store.join_run(report)
    scope = RunOptions(scope=Scope(include_private=True))
    await store.join_run(other(report, options=scope, started_at=report.started_at + 1))
    leases = await store.claim(Scope(), 4, worker="a:1", run_id="one", ttl=TTL)
    newer, older = await (await shelf.another()).fleet()
    assert (newer.share.worker, newer.holding, newer.titles) == ("b:1", 0, ())
    assert seen(older.share, report.seen_at) == report
    assert (older.holding, set(older.titles)) == (4, {lease.vehicle.title for lease in leases[:3]})
    await store.settle(leases[0], Settlement(parked=True))
    assert (await store.fleet())[1].holding == 3
    await shelf.pass_time(TTL + 1)
    assert (await store.fleet())[1].holding == 0, "its leases are over"


async def test_who_ended_has_left_the_fleet_and_a_killed_one_stays_a_while(
    store: Store, report: RunRecord, shelf: Shelf
) -> None:
    await store.join_run(report)
    await store.join_run(other(report))
    await store.save_run(replace(report, ended_at=shelf.now, phase=Phase.STOPPED))
    await shelf.pass_time(TEN_MINUTES - 20)
    (member,) = await store.fleet()
    assert member.share.worker == "b:1"
    assert shelf.now - member.share.seen_at == pytest.approx(TEN_MINUTES - 20, abs=10)
    await shelf.pass_time(21)
    assert await store.fleet() == ()


async def test_a_vehicle_says_who_holds_it(store: Store, shelf: Shelf) -> None:
    await store.intake([listing("v")])
    lease = await claim_one(store)
    vehicle = await (await shelf.another()).vehicle(lease.vehicle.id)
    assert vehicle is not None
    assert vehicle.leased_by == "w"
    await store.settle(lease, Settlement())
    vehicle = await store.vehicle(lease.vehicle.id)
    assert vehicle is not None
    assert vehicle.leased_by is None
