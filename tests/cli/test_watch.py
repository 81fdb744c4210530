from __future__ import annotations

from tui.cli.watch import progress_line
from tui.model import Phase, RunOptions, Snapshot, Tally


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


def test_why_it_waits_is_in_it() -> None:
    seen = Snapshot("r", Phase.RUNNING, RunOptions(), trouble="the database restarts; trying again in 8 s\x1b[31m")
    assert progress_line(seen).endswith("   waiting: the database restarts; trying again in 8 s[31m")
