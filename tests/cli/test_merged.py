from __future__ import annotations

import math
from dataclasses import replace

from tui.app.words import host_trouble
from tui.cli.merged import merged
from tui.model import HostPace, Phase, RunOptions, Snapshot, Tally


def test_rates_and_what_is_to_come_are_of_those_that_go_on() -> None:
    options = RunOptions(limit=50)
    whole = Snapshot("r", Phase.STARTING, RunOptions(limit=100), elapsed=10.0)
    ended = Snapshot("r", Phase.FINISHED, options, vehicles_total=50, vehicles_done=50, images_per_second=9.0)
    going = Snapshot(
        *("r", Phase.RUNNING, options),
        vehicles_total=50,
        vehicles_done=10,
        images_total=200,
        tally=Tally(stored=40),
        images_per_second=4.0,
    )
    seen = merged(whole, [ended, going], [going])
    assert (seen.phase, seen.vehicles_done, seen.vehicles_total, seen.workers) == (Phase.RUNNING, 60, 100, 1)
    assert (seen.images_per_second, seen.eta) == (4.0, 40.0)
    assert merged(whole, [], []).phase is Phase.STARTING


def parts(*hosts: tuple[HostPace, ...], phase: Phase = Phase.RUNNING) -> list[Snapshot]:
    """Workers that have told of these hosts."""
    return [Snapshot("r", phase, RunOptions(), hosts=told) for told in hosts]


WHOLE = Snapshot("r", Phase.STARTING, RunOptions())
CALM = HostPace("a", 2.0, 2, 1, ceiling=2.0)


def troubles(going: list[Snapshot]) -> list[str]:
    return [host_trouble(host) for host in merged(WHOLE, going, going).hosts]


def test_hosts_that_some_workers_ask_less_often_are_asked_as_often_as_all_do_together() -> None:
    going = parts((replace(CALM, rate=0.5),), (replace(CALM, rate=1.0), replace(CALM, host="b", rate=0.5)), ())
    first, second = merged(WHOLE, going, going).hosts
    assert (first.host, first.rate, first.ceiling, first.slots) == ("a", 3.5, 6.0, 6)
    assert (second.host, second.rate, second.ceiling) == ("b", 4.5, 6.0)
    assert troubles(going) == ["narrowed from 6/s", "narrowed from 6/s"]


def test_where_nothing_but_its_answers_limits_a_host_it_says_for_how_many_workers() -> None:
    narrowed = HostPace("a", 25.0, 5, 1, ceiling=math.inf)
    going = parts((narrowed,), ())
    assert merged(WHOLE, going, going).hosts[0].rate == math.inf
    assert troubles(going) == ["narrowed for 1 of 2 workers"]
    both = parts((narrowed,), (narrowed,))
    assert merged(WHOLE, both, both).hosts[0].rate == 50.0
    assert troubles(both) == ["narrowed"]


def test_a_host_is_as_bad_as_the_worker_says_that_has_most_trouble_with_it() -> None:
    held = replace(CALM, wait=9.0, note="HTTP 429")
    down = replace(CALM, wait=11.0, note="timeout, 8 in a row", open=True)
    assert troubles(parts((held,), (replace(held, wait=4.0),))) == ["429, next in 4 s"]
    assert troubles(parts((replace(CALM, rate=1.0),), (held,))) == ["429 for 1 of 2 workers, next in 9 s"]
    assert troubles(parts((held,), (down,), ())) == ["down (timeout, 8 in a row for 1 of 3 workers), next try in 11 s"]


def test_at_the_end_hosts_are_as_each_worker_left_them_and_before_as_those_say_that_go_on() -> None:
    (ended,) = parts((replace(CALM, rate=1.0),), phase=Phase.FINISHED)
    (going,) = parts(())
    assert merged(WHOLE, [ended, going], [going]).hosts == ()
    over = replace(WHOLE, phase=Phase.FINISHED)
    assert [host.rate for host in merged(over, [ended, ended], []).hosts] == [2.0]
