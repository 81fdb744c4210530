from __future__ import annotations

from tui.cli.watch import progress_line, troubled
from tui.model import HostPace, Phase, RunOptions, Snapshot, Tally


def test_a_run_in_one_line() -> None:
    seen = Snapshot(
        *("r", Phase.RUNNING, RunOptions()),
        vehicles_total=1_204,
        vehicles_done=1,
        images_total=20,
        tally=Tally(stored=3, refused=1, bytes=9),
        images_per_second=2.0,
        bytes_per_second=412_000.0,
        eta=130.0,
    )
    assert progress_line(seen) == (
        "running   1 / 1,204 vehicles   4 / 20 images   stored 3   refused 1   2.0 images/s   412 KB/s   ETA 2 min 10 s"
    )


def test_a_stop_says_what_it_waits_for() -> None:
    assert progress_line(Snapshot("r", Phase.STOPPING, RunOptions(), in_flight=3)).startswith(
        "stopping: 3 in flight   0 / 0 vehicles"
    )


def test_why_it_waits_is_in_it() -> None:
    seen = Snapshot("r", Phase.RUNNING, RunOptions(), trouble="the database restarts; trying again in 8 s\x1b[31m")
    assert progress_line(seen).endswith("   waiting: the database restarts; trying again in 8 s[31m")


def test_hosts_that_are_asked_less_often_are_in_it_those_that_are_down_first() -> None:
    hosts = (
        HostPace("fine.example", 4.0, 4, 1, ceiling=4.0),
        HostPace("slow.example", 2.5, 4, 1, ceiling=4.0),
        HostPace("\x1b[31mdead.example", 4.0, 4, 0, 11.0, "connection, 8 in a row", 4.0, open=True),
        HostPace("busy.example", 4.0, 4, 0, 3.0, "HTTP 429", 4.0),
    )
    assert progress_line(Snapshot("r", Phase.RUNNING, RunOptions(), hosts=hosts)).endswith(
        "   [31mdead.example 4/s: down (connection, 8 in a row), next try in 11 s   busy.example 4/s: 429, next in 3 s"
        "   + 1 more host"
    )
    over = Snapshot("r", Phase.FINISHED, RunOptions(), hosts=hosts)
    assert "dead" not in progress_line(over)
    assert troubled(over, 3)[1:] == ["busy.example 4/s: 429, next in 3 s", "slow.example 2.5/s: narrowed from 4/s"]
