"""The shares of a run's workers add up to the run."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.model import SILENCE, Phase, RunOptions, RunRecord, Tally, Wish, as_runs
from tui.model.fleet import as_run

NOW = 1_000_000.0


def share(
    worker: str = "a:1",
    phase: Phase = Phase.RUNNING,
    *,
    run: str = "r",
    seen: float = NOW,
    done: int = 0,
    total: int = 0,
    limit: int = 1_000,
    started: float = NOW - 500,
    error: str = "",
    tally: Tally | None = None,
    rate: float = 0.0,
) -> RunRecord:
    return RunRecord(
        run_id=run,
        worker=worker,
        started_at=started,
        seen_at=seen,
        ended_at=seen if phase.over else None,
        phase=phase,
        options=RunOptions(limit=limit),
        tally=tally or Tally(),
        vehicles_done=done,
        vehicles_total=total,
        error=error,
        images_per_second=rate,
        bytes_per_second=rate * 1000,
    )


def test_one_worker_is_its_run() -> None:
    assert as_runs([share(rate=2.5)]) == (share(rate=2.5),)


def test_runs_keep_their_order() -> None:
    shares = [share(run="two"), share("b:1", run="one"), share("b:2", run="one"), share(run="zero")]
    assert [(run.run_id, run.workers) for run in as_runs(shares)] == [("two", 1), ("one", 2), ("zero", 1)]


def test_numbers_are_sums() -> None:
    run = as_run(
        [
            share("b:2", tally=Tally(1, 2, 3, 4, 5, {"gone": 1, "dns": 3}), done=2, total=2, rate=1.5, limit=10),
            share("a:1", tally=Tally(10, 0, 0, 0, 50, {"gone": 4}), done=3, total=3, rate=2.0, limit=5),
        ]
    )
    assert run.tally == Tally(11, 2, 3, 4, 55, {"gone": 5, "dns": 3})
    assert list(run.tally.refusals) == ["gone", "dns"]
    assert (run.vehicles_done, run.options.limit, run.worker, run.workers) == (5, 15, "a:1, b:2", 2)
    assert (run.images_per_second, run.bytes_per_second) == (3.5, 3500.0)


def test_it_goes_on_while_one_worker_does() -> None:
    run = as_run([share("a:1", Phase.FINISHED, seen=NOW - 100), share("b:1")])
    assert (run.ended_at, run.phase, run.seen_at) == (None, Phase.RUNNING, NOW)


def test_it_began_with_its_first_worker() -> None:
    run = as_run([share("a:1", started=NOW - 10), share("b:1", started=NOW - 99)])
    assert run.started_at == NOW - 99


def test_it_ends_with_its_last_worker() -> None:
    run = as_run([share("a:1", Phase.FINISHED, seen=NOW), share("b:1", Phase.STOPPED, seen=NOW - 30)])
    assert (run.ended_at, run.phase) == (NOW, Phase.FINISHED)


def test_a_failure_of_one_worker_stays_in_sight() -> None:
    run = as_run([share("a:1", Phase.FAILED, seen=NOW - 30, error="the disk is full."), share("b:1", Phase.FINISHED)])
    assert (run.phase, run.error) == (Phase.FINISHED, "the disk is full.")


def test_a_worker_killed_long_before_the_others_finished_is_left_behind() -> None:
    run = as_run([share("a:1", seen=NOW - SILENCE - 1, rate=9.0), share("b:1", Phase.FINISHED, rate=1.0)])
    assert (run.ended_at, run.phase, run.images_per_second) == (NOW, Phase.FINISHED, 1.0)


def test_a_worker_killed_as_the_others_finished_leaves_the_run_without_an_end() -> None:
    run = as_run([share("a:1", seen=NOW - 2), share("b:1", Phase.FINISHED)])
    assert (run.ended_at, run.phase, run.seen_at) == (None, Phase.RUNNING, NOW)


def test_killed_altogether() -> None:
    run = as_run([share("a:1", seen=NOW - 2), share("b:1", seen=NOW - 1)])
    assert (run.ended_at, run.seen_at) == (None, NOW - 1)


def test_paused_when_all_are() -> None:
    assert as_run([share("a:1", Phase.PAUSED), share("b:1", Phase.PAUSED)]).phase is Phase.PAUSED
    assert as_run([share("a:1", Phase.PAUSED), share("b:1", Phase.PAUSING)]).phase is Phase.PAUSING
    assert as_run([share("a:1", Phase.PAUSED), share("b:1", Phase.RUNNING)]).phase is Phase.RUNNING
    assert as_run([share("a:1", Phase.PAUSED), share("b:1", Phase.FINISHED)]).phase is Phase.PAUSED
    assert as_run([share("a:1", Phase.STOPPING), share("b:1", Phase.PAUSED)]).phase is Phase.STOPPING


def test_what_is_wanted_is_wanted_of_all() -> None:
    shares = [replace(share("a:1", Phase.PAUSED), wish=Wish.PAUSE), replace(share("b:1"), wish=Wish.PAUSE)]
    assert as_run(shares).wish is Wish.PAUSE


def test_vehicles_ahead_are_counted_once() -> None:
    run = as_run([share("a:1", done=10, total=110), share("b:1", done=30, total=130)])
    assert (run.vehicles_done, run.vehicles_total) == (40, 140)


def test_where_limits_bind_they_add_up() -> None:
    run = as_run([share("a:1", done=10, total=34, limit=34), share("b:1", done=0, total=33, limit=33)])
    assert run.vehicles_total == 67


def test_what_a_killed_worker_had_ahead_is_ahead_of_the_others() -> None:
    killed = share("a:1", seen=NOW - 60, done=4, total=50, limit=50)
    run = as_run([killed, share("b:1", done=6, total=50, limit=50), share("c:1", done=0, total=46, limit=46)])
    assert (run.vehicles_done, run.vehicles_total, run.options.limit) == (10, 100, 100)


def test_what_a_stopped_run_left_undone_stays_in_its_total() -> None:
    shares = [share(worker, Phase.STOPPED, done=4, total=10, limit=10) for worker in ("a:1", "b:1")]
    assert as_run(shares).vehicles_total == 20


shares = st.lists(
    st.builds(
        share,
        worker=st.text("abcdefgh", min_size=8, max_size=8),
        phase=st.sampled_from(Phase),
        seen=st.floats(NOW - 100, NOW),
        started=st.floats(NOW - 999, NOW - 100),
        limit=st.integers(1, 500),
        done=st.integers(0, 50),
        total=st.integers(50, 500),
        rate=st.integers(0, 9).map(float),
    ),
    min_size=1,
    max_size=6,
    unique_by=(lambda one: one.worker, lambda one: one.seen_at, lambda one: one.started_at),
)


@settings(deadline=None)
@given(shares, st.randoms(use_true_random=False))
def test_a_run_does_not_depend_on_the_order_of_its_shares(parts: list[RunRecord], random: object) -> None:
    mixed = list(parts)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert as_run(mixed) == as_run(parts)


@settings(deadline=None)
@given(shares)
def test_a_run_holds_no_less_than_its_shares(parts: list[RunRecord]) -> None:
    run = as_run(parts)
    assert run.vehicles_done == sum(part.vehicles_done for part in parts)
    assert run.vehicles_total >= run.vehicles_done
    assert run.seen_at == max(part.seen_at for part in parts)
    assert run.started_at == min(part.started_at for part in parts)
    assert (run.ended_at is None) == (not run.phase.over)
    if all(part.ended_at is not None for part in parts):
        assert run.ended_at is not None
