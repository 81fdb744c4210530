from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console
from rich.live_render import LiveRender

from tests.support.web import HOST, Web
from tui.cli.watch import display, follow, progress_line, troubled
from tui.model import HostPace, Lane, Mark, Phase, RunOptions, Snapshot, Tally
from tui.settings import Settings
from tui.stores import Store
from tui.trickle.session import Session


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


@pytest.mark.parametrize("height", [8, 24, 60])
def test_a_terminal_shows_how_far_a_run_is_however_many_vehicles_are_under_way(height: int) -> None:
    lanes = tuple(Lane(slot, f"v{slot}", f"Vehicle {slot}", (Mark.STORED,)) for slot in range(40))
    seen = Snapshot("r", Phase.RUNNING, RunOptions(), vehicles_total=99, lanes=lanes)
    told = io.StringIO()
    console = Console(file=told, width=100, height=height, force_terminal=True, color_system="standard")
    console.print(LiveRender(display(seen, height)))
    lines = told.getvalue().splitlines()
    assert len(lines) < height
    assert any("0 / 99 vehicles" in line for line in lines)
    assert "Vehicle 0" in lines[0]


async def test_one_that_is_cancelled_leaves_no_run_behind(web: Web, store: Store) -> None:
    web.hold.clear()
    session = Session(store, Settings(pace="unlimited"), "here", {HOST: ("127.0.0.1", web.port)})
    before = asyncio.all_tasks()
    following = asyncio.create_task(follow(session.trickle(session.settings.options())))
    async with asyncio.timeout(30):
        while not web.holding:  # noqa: ASYNC110 - a host of its own
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert [task for task in asyncio.all_tasks() - before if "Trickle.run" in repr(task)] == []
    web.hold.set()
