from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.web import HOST, Web, jpeg
from tests.support.world import assert_sound, listing, states, urls_stored, vehicles, work_left
from tests.trickle.conftest import MakeTrickle
from tui.model import Listing, Mark, Phase, Problem, Scope, Settlement, State, VehicleQuery
from tui.stores import Store
from tui.trickle.lane import DEFERRALS, WIDTH


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited is another host's or the run's own progress
            await asyncio.sleep(0.002)


async def fill(store: Store, web: Web, count: int, images: int = 3) -> None:
    await store.intake([listing(web, number, images) for number in range(count)])


async def test_everything_is_stored_recorded_and_marked(
    store: Store, web: Web, make: MakeTrickle, tmp_path: Path
) -> None:
    await fill(store, web, 5)
    seen = await make().run()
    assert (seen.phase, seen.vehicles_done, seen.tally.stored) == (Phase.FINISHED, 5, 15)
    assert set((await states(store)).values()) == {State.BACKFILLED}
    assert (await urls_stored(store))["1960 Porsche 911"] == [web.url(f"v0/{index}") for index in range(3)]
    await assert_sound(store, tmp_path / "store" / "objects")


async def test_a_second_run_finds_nothing_and_asks_nobody(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 2)
    await make().run()
    asked = web.asked.total()
    seen = await make().run()
    assert (seen.phase, seen.vehicles_done, web.asked.total()) == (Phase.FINISHED, 0, asked)


async def test_the_limit_is_in_vehicles(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 5)
    assert (await make(limit=3, batch_size=2).run()).vehicles_done == 3
    assert await work_left(store) == 2


async def test_the_cap_is_in_images_of_a_vehicle(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 1, images=6)
    seen = await make(max_images=4).run()
    assert seen.tally.stored == 4
    assert (await states(store)) == {"1960 Porsche 911": State.BACKFILLED}


async def test_no_more_lanes_than_the_batch_size(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 6, images=1)
    web.hold.clear()
    trickle = make(batch_size=2)
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding == 2)
    assert len(trickle.snapshot().lanes) == 2
    web.hold.set()
    assert (await running).vehicles_done == 6


async def test_a_dead_vehicle_is_parked_and_not_tried_again(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 1)
    web.answers = {f"v0/{index}": (404, b"") for index in range(3)}
    seen = await make().run()
    assert (seen.tally.refused, seen.tally.refusals) == (3, {"not_found": 3})
    assert await states(store) == {"1960 Porsche 911": State.PARKED}
    asked = web.asked.total()
    await make().run()
    assert web.asked.total() == asked


async def test_a_vehicle_without_a_candidate_is_parked(store: Store, make: MakeTrickle) -> None:
    noise = Listing("link:x", title="Only chrome", image_urls=("https://www.facebook.com/tr?id=1", "nonsense"))
    await store.intake([noise])
    trickle = make()
    await trickle.run()
    assert await states(store) == {"Only chrome": State.PARKED}
    assert trickle.results[0].error == "no candidate among its URLs"


async def test_an_unparked_vehicle_is_tried_again(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 1)
    web.answers = {f"v0/{index}": (404, b"") for index in range(3)}
    await make().run()
    web.answers.clear()
    await store.unpark([vehicle.id for vehicle in await vehicles(store)])
    assert (await make().run()).tally.stored == 3


async def test_a_refused_image_among_good_ones_does_not_hold_the_mark_back(
    store: Store, web: Web, make: MakeTrickle
) -> None:
    await fill(store, web, 1)
    web.answers["v0/1"] = (200, b"<html>sorry</html>")
    seen = await make().run()
    assert (seen.tally.stored, seen.tally.refusals) == (2, {"not_an_image": 1})
    assert await states(store) == {"1960 Porsche 911": State.BACKFILLED}


async def test_a_passing_failure_leaves_the_vehicle_partial_until_a_later_run(
    store: Store, web: Web, make: MakeTrickle
) -> None:
    await fill(store, web, 1)
    web.answers["v0/1"] = (503, b"")
    seen = await make(attempts=1).run()
    assert (seen.tally.stored, seen.tally.deferred, seen.tally.refusals) == (2, 1, {"server_error": 1})
    assert await states(store) == {"1960 Porsche 911": State.PARTIAL}
    assert (await make().run()).vehicles_done == 0, "it waits for its time"
    web.answers.clear()
    await store.retry(reason="server_error")
    before = web.asked["v0/0"]
    assert (await make().run()).tally.stored == 1
    assert web.asked["v0/0"] == before, "what is stored is not fetched again"
    assert (await urls_stored(store))["1960 Porsche 911"] == [web.url(f"v0/{index}") for index in range(3)]
    assert await states(store) == {"1960 Porsche 911": State.BACKFILLED}


async def test_the_server_is_not_asked_sooner_than_it_said(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 1, images=1)
    web.answers["v0/0"] = (503, b"")
    web.headers["Retry-After"] = "86400"
    trickle = make()
    await trickle.run()
    (vehicle,) = await vehicles(store)
    assert vehicle.retry_at is not None
    assert vehicle.retry_at - trickle.snapshot().log[0].at >= 86400


async def test_what_fails_in_every_run_is_refused_in_the_end(
    store: Store, web: Web, tmp_path: Path, make: MakeTrickle
) -> None:
    await fill(store, web, 1)
    web.answers = {f"v0/{index}": (503, b"") for index in range(3)}
    later = 0.0
    for _ in range(DEFERRALS):
        store._clock = clock = _ahead(later)  # type: ignore[attr-defined]
        await make(attempts=1, clock=clock).run()
        later += 7 * 3600
    assert await states(store) == {"1960 Porsche 911": State.PARKED}


async def test_what_was_never_asked_for_is_never_given_up(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 1)
    for run in range(DEFERRALS + 1):
        store._clock = clock = _ahead(run * 7 * 3600)  # type: ignore[attr-defined]
        trickle = make(clock=clock)
        trickle._images.pace.hold_off(HOST, 3600, "come back later")
        await trickle.run()
    assert web.asked.total() == 0
    assert await states(store) == {"1960 Porsche 911": State.READY}
    (vehicle,) = (await store.vehicles(VehicleQuery())).rows
    assert {outcome.attempts for outcome in await store.outcomes(vehicle.id)} == {0}


def _ahead(seconds: float) -> Callable[[], float]:
    import time

    return lambda: time.time() + seconds


async def test_of_two_equal_images_the_later_one_is_the_duplicate(
    store: Store, web: Web, make: MakeTrickle, tmp_path: Path
) -> None:
    await fill(store, web, 1, images=4)
    web.answers = {"v0/1": (200, jpeg(7)), "v0/3": (200, jpeg(7))}
    seen = await make().run()
    assert (seen.tally.stored, seen.tally.duplicate) == (3, 1)
    assert (await urls_stored(store))["1960 Porsche 911"] == [web.url(f"v0/{index}") for index in range(3)]
    await assert_sound(store, tmp_path / "store" / "objects")


async def test_only_the_scope_is_worked_on(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, 0, organization="A"), listing(web, 1, organization="B")])
    organizations = (await store.organizations()).rows
    chosen = next(o.id for o in organizations if o.name == "B")
    await make(scope=Scope(organization_ids=(chosen,))).run()
    assert await states(store) == {"1960 Porsche 911": State.READY, "1961 Porsche 911": State.BACKFILLED}


async def test_organizations_take_turns(store: Store, web: Web, make: MakeTrickle) -> None:
    await store.intake([listing(web, n, 1, organization="A" if n < 6 else "B") for n in range(8)])
    trickle = make(limit=4, batch_size=4)
    await trickle.run()
    worked = {result.vehicle_name for result in trickle.results}
    assert {"1966 Porsche 911", "1967 Porsche 911"} <= worked, "the small one is not behind the large one"


async def test_pause_lets_nothing_new_start_and_says_when_it_is_true(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 4)
    web.hold.clear()
    trickle = make(batch_size=2)
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding >= 3)
    trickle.pause()
    assert trickle.snapshot().phase is Phase.PAUSING
    assert trickle.snapshot().in_flight == web.holding
    asked = web.asked.total()
    web.hold.set()
    await until(lambda: trickle.snapshot().phase is Phase.PAUSED)
    assert web.asked.total() == asked
    trickle.resume()
    assert (await running).tally.stored == 12


async def test_an_image_that_waits_for_its_turn_is_not_shown_as_fetching(
    store: Store, web: Web, make: MakeTrickle
) -> None:
    await fill(store, web, 1, images=3)
    web.hold.clear()
    trickle = make(pace="gentle")
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding == 1)
    (lane,) = trickle.snapshot().lanes
    assert lane.marks == (Mark.FETCHING, Mark.WAITING, Mark.WAITING)
    trickle.cut()
    web.hold.set()
    await running


async def test_a_pause_between_two_vehicles_does_not_end_the_run(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 2, images=1)
    web.hold.clear()
    trickle = make(batch_size=1)
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding == 1)
    trickle.pause()
    web.hold.set()
    await until(lambda: not trickle._lanes)
    for _ in range(20):  # time enough for a run that believes it is over
        await asyncio.sleep(0)
    assert trickle.snapshot().phase is Phase.PAUSED
    trickle.resume()
    assert (await running).vehicles_done == 2


async def test_tuning_twice_in_a_row_counts_both(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 6, images=1)
    web.hold.clear()
    trickle = make(batch_size=1, limit=2)
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding == 1)
    trickle.tune(trickle.options.tuned(limit=5))
    trickle.tune(trickle.options.tuned(batch_size=2))
    await until(lambda: trickle.snapshot().vehicles_total == 5)
    web.hold.set()
    assert (await running).vehicles_done == 5


async def test_stop_drains_and_releases(store: Store, web: Web, make: MakeTrickle, tmp_path: Path) -> None:
    await fill(store, web, 4, images=12)
    web.hold.clear()
    trickle = make(batch_size=2)
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding >= 4)
    held = web.holding
    trickle.stop()
    assert trickle.snapshot().phase is Phase.STOPPING
    web.hold.set()
    seen = await running
    assert (seen.phase, seen.tally.stored) == (Phase.STOPPED, held)
    await assert_sound(store, tmp_path / "store" / "objects")
    assert await work_left(store) == 4
    assert (await make().run()).tally.stored == 48 - held


async def test_stop_ends_a_paused_run(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 2)
    trickle = make()
    trickle.pause()
    running = asyncio.create_task(trickle.run())
    await asyncio.sleep(0)
    trickle.stop()
    async with asyncio.timeout(5):
        assert (await running).phase is Phase.STOPPED
    assert await work_left(store) == 2


async def test_cut_does_not_wait_for_requests(store: Store, web: Web, make: MakeTrickle, tmp_path: Path) -> None:
    await fill(store, web, 2)
    web.hold.clear()
    trickle = make()
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding >= 1)
    trickle.stop()
    trickle.cut()
    async with asyncio.timeout(5):
        seen = await running
    assert (seen.phase, seen.tally.done) == (Phase.STOPPED, 0)
    web.hold.set()
    await assert_sound(store, tmp_path / "store" / "objects")
    assert await work_left(store) == 2


async def test_a_cancelled_run_leaves_nothing_leased(store: Store, web: Web, make: MakeTrickle, tmp_path: Path) -> None:
    await fill(store, web, 3)
    web.hold.clear()
    running = asyncio.create_task(make().run())
    await until(lambda: web.holding >= 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await assert_sound(store, tmp_path / "store" / "objects")
    assert await work_left(store) == 3


async def test_tuning_takes_hold_while_it_runs(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 6, images=6)
    web.hold.clear()
    trickle = make(batch_size=1, limit=2, pace="normal")
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding == 1)
    assert trickle.snapshot().vehicles_total == 2
    trickle.tune(trickle.options.tuned(batch_size=3, limit=5, max_images=2, pace="unlimited", bandwidth=10**9))
    assert trickle._images.bandwidth.limit == 10**9
    await until(lambda: len(trickle.snapshot().lanes) == 3)
    web.hold.set()
    seen = await running
    assert (seen.vehicles_done, seen.vehicles_total) == (5, 5)
    assert seen.tally.stored == 6 + 4 * 2
    assert seen.images_total == seen.tally.done


async def test_a_store_that_fails_ends_the_run_with_its_sentence(
    store: Store, web: Web, make: MakeTrickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, web, 3)

    async def full(*_: object) -> str:
        raise Problem("the disk is full; free some space and run again.")

    trickle = make()
    monkeypatch.setattr(store, "put_object", full)
    with pytest.raises(Problem, match="disk is full"):
        await trickle.run()
    seen = trickle.snapshot()
    assert (seen.phase, seen.error) == (Phase.FAILED, "the disk is full; free some space and run again.")
    monkeypatch.undo()
    assert (await make().run()).tally.stored == 9


def meeting(put: Callable[..., Awaitable[str]], fails: bool = False) -> Callable[..., Awaitable[str]]:
    """`put`, which goes on when `WIDTH` of them are under way; the last one of these `fails` instead, if it is to."""
    inside, together = 0, asyncio.Event()

    async def met(*what: object) -> str:
        nonlocal inside
        inside += 1
        if inside == WIDTH:
            together.set()
            if fails:
                raise Problem("the disk is full; free some space and run again.")
        await together.wait()
        return await put(*what)

    return met


async def test_images_of_one_vehicle_are_stored_side_by_side(
    store: Store, web: Web, make: MakeTrickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, web, 1, images=2 * WIDTH)
    monkeypatch.setattr(store, "put_object", meeting(store.put_object))
    seen = await asyncio.wait_for(make().run(), 30)
    assert seen.tally.stored == 2 * WIDTH
    assert await urls_stored(store) == {"1960 Porsche 911": [web.url(f"v0/{index}") for index in range(2 * WIDTH)]}


async def test_what_is_being_stored_when_the_store_fails_is_counted(
    store: Store, web: Web, make: MakeTrickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, web, 1, images=WIDTH)
    trickle = make()
    monkeypatch.setattr(store, "put_object", meeting(store.put_object, fails=True))
    with pytest.raises(Problem, match="disk is full"):
        await asyncio.wait_for(trickle.run(), 30)
    (urls,) = (await urls_stored(store)).values()
    assert trickle.snapshot().tally.stored == len(urls) == WIDTH - 1


async def test_a_worker_that_lost_its_lease_writes_nothing_more(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 1)
    web.hold.clear()
    trickle = make()
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding >= 1)
    store._clock = _ahead(3600)  # type: ignore[attr-defined]
    (taken,) = await store.claim(Scope(), 1, worker="other", run_id="other", ttl=60)
    web.hold.set()
    seen = await running
    assert seen.tally.stored == 0
    assert any("taken this vehicle over" in line.text for line in seen.log)
    assert await urls_stored(store) == {"1960 Porsche 911": []}
    assert await store.renew([taken], 60) == frozenset(), "the other one still holds it"


async def test_the_journal_tells_every_run(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 2)
    first, second = make(limit=1), make()
    await first.run()
    await second.run()
    newest, oldest = await store.runs()
    assert (oldest.run_id, newest.run_id) == (first.run_id, second.run_id)
    assert (oldest.phase, oldest.vehicles_done, oldest.tally.stored) == (Phase.FINISHED, 1, 3)
    assert oldest.options.limit == 1
    assert oldest.ended_at is not None


async def test_exactly_one_primary_the_first_stored(store: Store, web: Web, make: MakeTrickle, tmp_path: Path) -> None:
    import sqlite3

    await fill(store, web, 2)
    web.answers["v0/0"] = (404, b"")
    await make().run()
    with sqlite3.connect(tmp_path / "store" / "store.sqlite3") as db:
        rows = db.execute("SELECT source_url FROM vehicle_images WHERE is_primary ORDER BY 1").fetchall()
        urls = db.execute("SELECT count(*) FROM vehicles WHERE primary_image_url LIKE 'file://%'").fetchone()
    db.close()
    assert [url for (url,) in rows] == [web.url("v0/1"), web.url("v1/64")]
    assert urls == (2,)


async def test_what_its_server_put_off_is_not_asked_with_the_rest(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 1, images=2)
    web.answers = {"v0/0": (503, b""), "v0/1": (503, b"")}
    web.headers["Retry-After"] = "86400"
    await make(attempts=1).run()
    # Only the other one is due again: its outcome is forgotten.
    (vehicle,) = await vehicles(store)
    web.headers.clear()
    store._clock = _ahead(1800)  # type: ignore[attr-defined]
    kept = next(o for o in await store.outcomes(vehicle.id) if o.source_url == web.url("v0/0"))
    await store.unpark([vehicle.id])
    (lease,) = await store.claim(Scope(), 1, worker="w", run_id="r", ttl=60)
    await store.settle(lease, Settlement(outcomes=(kept,)))
    asked = web.asked["v0/0"]
    web.answers.clear()
    seen = await make().run()
    assert web.asked["v0/0"] == asked
    assert seen.tally.stored == 1
    (vehicle,) = await vehicles(store)
    assert (vehicle.state, vehicle.retry_at) == (State.PARTIAL, kept.retry_at)


async def test_a_stop_counts_no_vehicle_that_is_not_done(store: Store, web: Web, make: MakeTrickle) -> None:
    await fill(store, web, 2, images=12)
    web.hold.clear()
    trickle = make(batch_size=2)
    running = asyncio.create_task(trickle.run())
    await until(lambda: web.holding >= 4)
    trickle.stop()
    web.hold.set()
    seen = await running
    assert seen.tally.stored > 0
    assert (seen.vehicles_done, trickle.results) == (0, ())


async def test_a_fault_of_its_own_ends_a_run_with_a_sentence_and_no_lease(
    store: Store, web: Web, make: MakeTrickle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await fill(store, web, 3)

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    trickle = make()
    monkeypatch.setattr(trickle._images, "obtain", broken)
    with pytest.raises(Problem, match=r"RuntimeError: a bug"):
        await trickle.run()
    assert trickle.snapshot().phase is Phase.FAILED
    (record,) = await store.runs()
    assert record.ended_at is not None
    await assert_sound(store, tmp_path / "store" / "objects")
    assert (await make().run()).tally.stored == 9
