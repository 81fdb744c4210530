from __future__ import annotations

import pytest

from tui.model import (
    Mark,
    Outcome,
    Phase,
    Reason,
    Result,
    RunOptions,
    Snapshot,
    VehicleResult,
    Workload,
)
from tui.trickle.progress import FINISHED_LANES, WINDOW, LaneView, Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(clock: Clock) -> Progress:
    return Progress("run", clock, clock)


def look(progress: Progress, phase: Phase = Phase.RUNNING) -> Snapshot:
    return progress.snapshot(phase, RunOptions(), 0, ())


def outcome(result: Result = Result.STORED, reason: Reason | None = None) -> Outcome:
    return Outcome("http://a.example/1.jpg", "a.example", result, reason)


def lane(progress: Progress, images: int = 3, name: str = "v") -> LaneView:
    view = progress.open_lane(name, name.upper(), "org", "Org")
    view.marks.extend([Mark.WAITING] * images)
    return view


def test_each_outcome_is_counted_once_under_its_own_name(progress: Progress) -> None:
    view = lane(progress, 4)
    progress.count(view, 0, outcome(), size=100)
    progress.count(view, 1, outcome(Result.DUPLICATE))
    progress.count(view, 2, outcome(Result.REFUSED, Reason.NOT_FOUND))
    progress.count(view, 3, outcome(Result.DEFERRED, Reason.TIMEOUT))
    tally = look(progress).tally
    assert (tally.stored, tally.duplicate, tally.refused, tally.deferred) == (1, 1, 1, 1)
    assert (tally.done, tally.bytes) == (4, 100)
    assert tally.refusals == {"not_found": 1, "timeout": 1}
    assert look(progress).lanes[0].marks == (Mark.STORED, Mark.DUPLICATE, Mark.REFUSED, Mark.DEFERRED)


def test_a_refusal_is_told_with_its_advice(progress: Progress) -> None:
    progress.count(lane(progress), 0, outcome(Result.REFUSED, Reason.NOT_FOUND))
    line = look(progress).log[-1]
    assert "not found (no use to retry)" in line.text
    assert line.level == "warn"


def test_rates_average_over_the_window_only(progress: Progress, clock: Clock) -> None:
    view = lane(progress, 100)
    for index in range(100):
        progress.count(view, index, outcome(), size=10)
        clock.now += 0.1
    assert look(progress).images_per_second == pytest.approx(10, rel=0.15)
    assert look(progress).bytes_per_second == pytest.approx(100, rel=0.15)
    clock.now += WINDOW + 1
    assert look(progress).images_per_second == 0


def test_the_history_has_a_value_for_each_full_second(progress: Progress, clock: Clock) -> None:
    view = lane(progress, 5)
    for index in (0, 1, 2):
        progress.count(view, index, outcome())
    clock.now += 2
    progress.count(view, 3, outcome())
    clock.now += 1
    assert look(progress).history == (3.0, 0.0, 1.0)


def test_eta_is_what_is_left_over_the_rate(progress: Progress, clock: Clock) -> None:
    progress.expect({"org": Workload(1, 30)})
    view = lane(progress, 30)
    assert look(progress).eta is None
    for index in range(10):
        progress.count(view, index, outcome())
    clock.now += 9.5
    assert look(progress).eta == pytest.approx(20, rel=0.2)
    assert look(progress, Phase.PAUSED).eta is None


def test_after_a_pause_the_rate_is_that_of_what_came_since(progress: Progress, clock: Clock) -> None:
    progress.expect({"org": Workload(1, 100)})
    view = lane(progress, 100)
    clock.now += 30.4
    progress.count(view, 0, outcome())
    assert look(progress, Phase.PAUSED).images_per_second == 0
    clock.now += 3
    progress.resume()
    assert look(progress).images_per_second <= 1
    for index in range(1, 21):
        clock.now += 0.1
        progress.count(view, index, outcome())
    assert look(progress).images_per_second == pytest.approx(10, rel=0.1)
    assert look(progress).eta == pytest.approx(7.9, rel=0.1)


def test_totals_follow_what_a_vehicle_turned_out_to_have(progress: Progress) -> None:
    progress.expect({"org": Workload(2, 40), "other": Workload(1, 5)})
    progress.correct_images(20, 17)
    seen = look(progress)
    assert (seen.vehicles_total, seen.images_total) == (3, 42)


def test_asking_again_in_the_middle_keeps_what_is_open_and_done(progress: Progress) -> None:
    progress.expect({"org": Workload(3, 9)})
    first, second = lane(progress, 3, "a"), lane(progress, 3, "b")
    for index in range(3):
        progress.count(first, index, outcome())
    progress.close_lane(first, VehicleResult("a", "A", "success", 3, 3))
    progress.count(second, 0, outcome())
    progress.expect({"org": Workload(1, 3)})
    seen = look(progress)
    assert (seen.vehicles_total, seen.vehicles_done, seen.images_total) == (3, 1, 9)
    assert [(o.done, o.total) for o in seen.organizations] == [(1, 3)]


def test_lanes_keep_their_place_and_a_free_one_is_taken_again(progress: Progress) -> None:
    first, second = lane(progress, name="a"), lane(progress, name="b")
    assert (first.slot, second.slot) == (0, 1)
    progress.close_lane(first, None)
    assert lane(progress, name="c").slot == 0
    assert [(x.slot, x.vehicle_id) for x in look(progress).lanes] == [(0, "c"), (1, "b")]


def test_a_finished_lane_lingers_and_goes(progress: Progress, clock: Clock) -> None:
    progress.close_lane(lane(progress), None)
    assert look(progress).lanes[0].finished
    clock.now += FINISHED_LANES + 1
    assert look(progress).lanes == ()


def test_a_snapshot_does_not_change_any_more(progress: Progress) -> None:
    view = lane(progress)
    before = look(progress)
    progress.count(view, 0, outcome())
    assert before.tally.done == 0
    assert before.lanes[0].marks == (Mark.WAITING,) * 3


def test_the_clock_stops_with_the_run(progress: Progress, clock: Clock) -> None:
    clock.now += 5
    progress.end()
    clock.now += 100
    assert look(progress, Phase.FINISHED).elapsed == 5


@pytest.mark.parametrize(("sharing", "eta"), [(1, 20.0), (2, 12.5), (4, 8.75)])
def test_the_time_left_is_shorter_where_others_take_from_what_is_ahead(
    progress: Progress, clock: Clock, sharing: int, eta: float
) -> None:
    view = lane(progress, 20)
    for index in range(10):
        progress.count(view, index, outcome())
    clock.now += 5
    progress.expect({"org": Workload(3, 30)}, sharing)
    seen = look(progress)
    assert (seen.images_total, seen.images_per_second, seen.eta) == (50, 2.0, eta)
