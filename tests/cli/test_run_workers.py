"""`run --workers N`: one run, one progress and one result of several processes."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import IMAGES, VEHICLES, Make
from tests.support.crew import crew, said, under_way, until
from tests.support.sidecar import our_sql
from tests.support.stack import Project
from tests.support.web import Web
from tests.support.world import assert_sound, listing, states
from tui.cli.worker import Hold, Message, News, Part
from tui.cli.workers import split
from tui.demo import open_demo
from tui.model import (
    HostPace,
    Lane,
    LogLine,
    Mark,
    Phase,
    Problem,
    RunOptions,
    Snapshot,
    State,
    Tally,
    VehicleResult,
    Wish,
)
from tui.settings import load_settings
from tui.stores import Store, open_store
from tui.trickle.likeness import Sight


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_a_limit_is_split_to_the_unit(limit: int, workers: int) -> None:
    parts = split(limit, workers)
    assert sum(parts) == limit
    assert len(parts) == min(limit, workers)
    assert max(parts) - min(parts) <= 1


async def test_three_workers_are_one_run(make: Make, store: Store, web: Web, tmp_path: Path) -> None:
    web.answers["v3/192"] = (404, b"")
    work = make(3, batch_size=1)
    async with under_way(work, web, 3 * IMAGES) as task:
        await until(lambda: work.snapshot().workers == 3)
        seen = work.snapshot()
        assert (seen.phase, len(seen.lanes), seen.vehicles_total) == (Phase.RUNNING, 3, VEHICLES)
        assert [lane.slot for lane in seen.lanes] == [0, 1, 2]
        web.hold.set()
        seen = await task
    stored = VEHICLES * IMAGES - 1
    assert (seen.phase, seen.vehicles_done, seen.vehicles_total) == (Phase.FINISHED, VEHICLES, VEHICLES)
    assert (seen.tally.stored, seen.tally.refusals, seen.images_total) == (stored, {"not_found": 1}, stored + 1)
    assert seen.images_per_second > 0
    assert len({result.vehicle_id for result in work.results}) == len(work.results) == VEHICLES
    (run,) = await store.runs()
    assert (run.run_id, run.workers, run.vehicles_done) == (seen.run_id, 3, VEHICLES)
    assert run.options.limit == 100
    assert len(said(work, f"run {seen.run_id} begins")) == 3
    await assert_sound(store, tmp_path / "store" / "objects")


async def test_the_limit_is_that_of_all_together(make: Make, store: Store, web: Web) -> None:
    seen = await make(3, limit=7).run()
    assert (seen.vehicles_done, seen.vehicles_total) == (7, 7)
    (run,) = await store.runs()
    assert (run.workers, run.options.limit) == (3, 7)


async def test_a_limit_beyond_the_vehicles_promises_no_more_than_are_there(make: Make, web: Web) -> None:
    work = make(2, batch_size=1, limit=2 * VEHICLES - 4)
    async with under_way(work, web, 2 * IMAGES) as task:
        await until(lambda: work.snapshot().vehicles_total == VEHICLES)
        assert work.snapshot().images_total == VEHICLES * IMAGES
        web.hold.set()
        seen = await task
    assert (seen.vehicles_done, seen.vehicles_total) == (VEHICLES, VEHICLES)


async def test_no_more_workers_than_vehicles(make: Make, store: Store) -> None:
    assert (await make(5, limit=2).run()).vehicles_done == 2
    assert (await store.runs())[0].workers == 2


async def test_nothing_to_do(make: Make, store: Store) -> None:
    await make(2).run()
    work = make(2)
    assert (await work.run()).phase is Phase.FINISHED
    assert work.results == ()


async def test_a_stop_drains_them_all(make: Make, store: Store, web: Web, tmp_path: Path) -> None:
    work = make(3, batch_size=1)
    async with under_way(work, web, 3 * IMAGES) as task:
        work.stop()
        await until(lambda: work.snapshot().phase is Phase.STOPPING)
        web.hold.set()
        seen = await task
    assert (seen.phase, seen.tally.stored, seen.vehicles_done) == (Phase.STOPPED, 3 * IMAGES, 3)
    await assert_sound(store, tmp_path / "store" / "objects")
    assert (await store.runs())[0].phase is Phase.STOPPED


async def test_a_cut_waits_for_nothing(make: Make, store: Store, web: Web, tmp_path: Path) -> None:
    work = make(2, batch_size=1)
    async with under_way(work, web, 2 * IMAGES) as task:
        work.stop()
        work.cut()
        seen = await task
        assert (seen.phase, seen.tally.stored) == (Phase.STOPPED, 0)
    await assert_sound(store, tmp_path / "store" / "objects")


async def test_a_pause_from_elsewhere_shows(make: Make, store: Store, web: Web) -> None:
    work = make(2, batch_size=1)
    async with under_way(work, web, 2 * IMAGES) as task:
        await until(lambda: work.snapshot().workers == 2)
        await store.direct_run(work.snapshot().run_id, Wish.PAUSE)
        await until(lambda: work.snapshot().phase is Phase.PAUSING)
        web.hold.set()
        await until(lambda: work.snapshot().phase is Phase.PAUSED)
        await store.direct_run(work.snapshot().run_id, Wish.RUN)
        assert (await task).vehicles_done == VEHICLES


async def test_one_that_is_killed_is_told_and_replaced(make: Make, store: Store, web: Web, tmp_path: Path) -> None:
    work = make(2, batch_size=1, limit=9)
    async with under_way(work, web, 2 * IMAGES) as task:
        await until(lambda: len(work.snapshot().lanes) == 2)
        victim = work.pids[0]
        os.kill(victim, signal.SIGKILL)
        await until(lambda: said(work, "was killed"))
        await until(lambda: work.snapshot().workers == 2 and len(said(work, "begins")) == 3)
        assert victim not in work.pids
        web.hold.set()
        seen = await task
    (line,) = said(work, "was killed")
    assert f"(pid {victim}) was killed (SIGKILL)" in line
    assert "its 1 vehicle can be taken over within a minute; another one takes its place." in line
    assert (seen.phase, seen.error, seen.vehicles_done, seen.vehicles_total) == (Phase.FINISHED, "", 9, 9)
    assert sum(state is State.BACKFILLED for state in (await states(store)).values()) == 9
    (run,) = await store.runs()
    assert (run.workers, run.vehicles_done, run.vehicles_total, run.phase) == (3, 9, 9, Phase.FINISHED)
    assert run.options.limit == 10, "those of the two that lived, and one at least of the one that did nothing"
    assert f"(pid {victim}) was killed" in run.error
    await assert_sound(store, tmp_path / "store" / "objects")


async def test_when_too_many_die_it_says_so_and_goes_on_with_the_rest(make: Make, store: Store, web: Web) -> None:
    work = make(2, batch_size=1, limit=8)
    async with under_way(work, web, 2 * IMAGES) as task:
        for deaths in range(1, 4):
            await until(lambda: len(work.snapshot().lanes) == 2)
            os.kill(work.pids[-1], signal.SIGKILL)
            await until(lambda deaths=deaths: len(said(work, "was killed")) == deaths)  # type: ignore[misc]
        web.hold.set()
        seen = await task
    assert (seen.phase, seen.vehicles_done) == (Phase.FAILED, 4)
    assert "too many have died" in seen.error
    assert "4 vehicles of the limit stay undone" in seen.error


async def test_what_none_of_them_can_open_is_one_sentence(make: Make) -> None:
    work = make(3)
    work._parts = [replace(part, flags={"store": "local:/dev/null/x"}) for part in work._parts]
    with pytest.raises(Problem, match="/dev/null/x") as caught:
        await work.run()
    assert len(str(caught.value).splitlines()) == 1


async def test_one_that_ends_on_a_fault_tells_its_last_words(make: Make) -> None:
    work = make(2)
    work._parts = [replace(part, flags={"stare": "local:x"}) for part in work._parts]
    with pytest.raises(Problem, match=r"ended on a fault \(.*stare"):
        await work.run()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


async def test_when_who_started_them_is_killed_they_drain(store: Store, web: Web, tmp_path: Path) -> None:
    web.hold.clear()
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.crew", f"local:{tmp_path / 'store'}", str(web.port), "2"
    )
    await until(lambda: web.holding >= 2 * 2 * IMAGES)
    pids = [int(member.share.worker.rpartition(":")[2].partition(".")[0]) for member in await store.fleet()]
    assert len(pids) == 2
    parent.kill()
    await parent.wait()
    web.hold.set()
    await until(lambda: all(map(gone, pids)))
    (run,) = await store.runs()
    assert (run.phase, run.workers) == (Phase.STOPPED, 2)
    assert run.ended_at is not None
    await assert_sound(store, tmp_path / "store" / "objects")


async def test_no_key_is_on_a_command_line_or_in_a_part(make: Make, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_hush")
    monkeypatch.setenv("SUPABASE_URL", "https://project.example")
    work = make(2, batch_size=1)
    assert all(b"hush" not in part.encoded() for part in work._parts)
    async with under_way(work, web, 2 * IMAGES):
        shown = await asyncio.to_thread(subprocess.check_output, ["ps", "-o", "args=", *map(str, work.pids)], text=True)
        assert shown.count("tui.cli.worker") == 2
        assert "hush" not in shown


def test_a_part_and_a_message_come_through_a_pipe_as_they_were() -> None:
    part = Part("r", 3, 2, 1, {"store": "local:x", "read_only": None}, ("a", "b"), {"host": ("127.0.0.1", 80)})
    assert Part.decoded(part.encoded()) == part
    lane = Lane(0, "v", "[/red] \x1b[31m", (Mark.STORED, Mark.WAITING), "host", finished=True)
    options = RunOptions(limit=5)
    message = Message(
        "mini:1.7c3f",
        Snapshot(
            *("r", Phase.PAUSED, options, 1.5, 5, 2, 9, Tally(1, 2, 3, 4, 5, {"gone": 3})),
            lanes=(lane,),
            similar=1,
            hosts=(HostPace("host", 2.5, 16, 1, 3.0, "HTTP 429", math.inf),),
        ),
        (VehicleResult("v", "V", "failed", 3, 0, "gone ×3"),),
        (LogLine(1.0, "two\nlines", "warn"),),
        last=True,
        error="x",
        sights=(Sight("host", "00ff", "http://host/"),),
    )
    line = message.encoded()
    assert line.count("\n") == 1
    assert Message.decoded(line.encode()) == message
    news = News((Sight("host", "00ff", "http://host/"),), (Hold("host", 3.0, "HTTP 429"),))
    assert News.decoded(news.encoded()) == news


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo that is there already."""
    folder = tmp_path_factory.mktemp("demo")

    async def make() -> None:
        await (await open_demo(folder, serve=False)).close()

    asyncio.run(make())
    return folder


def start(demo: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tui.cli", "run", f"--demo={demo}", "--workers", "2", "--json", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_answers_like_that_of_one_worker(demo: Path) -> None:
    with start(demo, "--limit", "3", "--max-images", "2", "--pace", "unlimited") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    answered = json.loads(out)
    assert list(answered) == [
        *("success", "processed", "successful", "failed", "total_images_inserted", "results"),
        *("run_id", "elapsed_s", "bytes", "images", "similar", "placeholders", "refusals", "hosts"),
    ]
    assert answered["processed"] == len(answered["results"]) == 3
    assert sum(result["images_inserted"] for result in answered["results"]) == answered["images"]["stored"]
    assert "finished   3 / 3 vehicles" in err
    with closing(sqlite3.connect(demo / "store.sqlite3")) as db:
        shares = db.execute(
            "SELECT vehicles_done FROM image_backfill_shares WHERE run_id = ?", (answered["run_id"],)
        ).fetchall()
    assert sorted(shares) == [(1,), (2,)]


def test_an_interrupt_drains_all_and_tells_what_was_done(demo: Path) -> None:
    with start(demo, "--limit", "300", "--pace", "gentle") as process:
        assert process.stderr is not None
        began = [next(line for line in process.stderr if "begins" in line) for _ in range(2)]
        assert {line.split()[1] for line in began} == {"1", "2"}
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.count("stopping") >= 2
    assert json.loads(out)["success"] is True


@pytest.mark.parametrize("count", ["0", "65", "-1", "many", "1.5"])
def test_how_many_workers_there_can_be(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    from tui.cli import main

    assert main(["run", f"--workers={count}"]) == 2
    assert "is not a whole number between 1 and 64" in capsys.readouterr().err


@pytest.fixture(params=["served", "plain"])
def project(request: pytest.FixtureRequest, production: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with our SQL, and one without."""
    monkeypatch.setenv("SUPABASE_URL", production.url)
    monkeypatch.setenv("SUPABASE_SECRET_KEY", production.secret_key)
    monkeypatch.delenv("SUPABASE_SERVICE_ROLE_KEY", raising=False)
    with our_sql(production) if request.param == "served" else nullcontext():
        yield production


async def test_workers_share_a_project(project: Project, web: Web) -> None:
    store = await open_store("supabase", load_settings({"store": "supabase"}))
    await store.intake([listing(web, number, IMAGES) for number in range(VEHICLES)])
    work = crew(store, "supabase", web.port, 2, batch_size=1)
    async with under_way(work, web, 2 * IMAGES) as task:
        web.hold.set()
        seen = await task
    assert (seen.phase, seen.vehicles_done, seen.tally.stored) == (Phase.FINISHED, VEHICLES, VEHICLES * IMAGES)
    assert set(web.asked.values()) == {1}
    assert project.value("select count(*) from vehicle_images") == VEHICLES * IMAGES
    assert len(project.objects()) == VEHICLES * IMAGES
    marked = "select count(*) from vehicles where (origin_metadata->>'images_backfilled')::boolean"
    assert project.value(marked) == VEHICLES
    await store.close()
