from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.app.conftest import Dealers
from tests.support.pilot import driven, shown, until
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.fleet import FleetDetails, FleetScreen
from tui.app.screens.run import RunScreen
from tui.app.widgets import fleet_lines as draw
from tui.app.widgets.ink import Ink, Line, line_width
from tui.model import Member, Phase, RunOptions, RunRecord, Scope, Tally, Wish
from tui.settings import Settings

NOW = 1_790_000_000.0
NASTY = "[/red]\x1b[31mhost:1"

SHARE = RunRecord(
    run_id="20260921-100000-aaaa",
    worker="mini:4242.7c3f",
    started_at=NOW - 60,
    seen_at=NOW - 1,
    ended_at=None,
    phase=Phase.RUNNING,
    options=RunOptions(),
    tally=Tally(stored=300),
    vehicles_done=20,
    vehicles_total=60,
    images_per_second=9.1,
    bytes_per_second=2_500_000,
)
OTHER = replace(SHARE, worker=NASTY, vehicles_done=7, images_per_second=5.0, seen_at=NOW - 40)
CREW = (Member(SHARE, 2, ("1967 Porsche 911 S", "[b]1973\x07")), Member(OTHER, 4, ("1972 BMW 2002 tii",)))


def text(line: Line) -> str:
    return "".join(piece.text for piece in line)


def painted(members: Sequence[Member], width: int, own: str = "") -> list[str]:
    return [text(draw.paint(row, width, NOW, own)) for row in draw.rows(members)]


def test_runs_stand_above_their_workers_and_tell_their_sum() -> None:
    run, first, second = painted(CREW, 100, own=SHARE.worker)
    assert run.split() == ["Run", "aaaa", "▶", "running", "6", "9.1", "2.5", "MB/s", "27"]
    assert first.split() == ["mini:4242.7c3f", "here", "▶", "running", "2", "9.1", "2.5", "MB/s", "20", "now"]
    assert second.split()[1:7] == ["!", "silent", "4", "–", "–", "7"]
    assert text(draw.total_line(draw.rows(CREW), True, NOW)) == "1 run · 2 workers   9.1 images/s   2.5 MB/s"
    assert second.endswith("40 s ago")
    assert "\x1b" not in second


@pytest.mark.parametrize("width", range(58, 200, 9))
def test_rows_fit_and_their_numbers_stand_below_each_other(width: int) -> None:
    lines = [draw.column_titles(width), *(draw.paint(row, width, NOW) for row in draw.rows(CREW))]
    assert all(line_width(line) <= width for line in lines)
    head, _, first, second = (text(line) for line in lines)
    assert head.index("last seen") + len("last seen") == first.index("now") + 3 == second.index("ago") + 3
    assert ("1967 Porsche" in first) == (width >= draw.WIDE)
    assert " ▶ running" in first


def test_what_is_wanted_shows_before_it_is_obeyed() -> None:
    assert draw.state(replace(SHARE, wish=Wish.PAUSE), NOW).text == "◫ pausing"
    assert draw.state(replace(SHARE, wish=Wish.STOP), NOW).text == "◼ stopping"
    assert draw.state(replace(SHARE, wish=Wish.PAUSE, phase=Phase.PAUSED), NOW).text == "‖ paused"


def test_the_next_press_resumes_what_is_paused() -> None:
    def paused(share: RunRecord) -> bool:
        return draw.rows([Member(share)])[0].paused

    assert not paused(SHARE)
    assert paused(replace(SHARE, wish=Wish.PAUSE))
    assert paused(replace(SHARE, phase=Phase.PAUSED))


def test_what_is_not_known_of_a_worker_is_not_told_as_nothing() -> None:
    member = Member(replace(SHARE, images_per_second=0.0, vehicles_done=0, vehicles_total=0), 3, (), reports=False)
    run, one = draw.rows([member])
    assert text(draw.paint(run, 100, NOW)).split()[2:] == ["▶", "running", "3", "–", "–", "–"]
    assert text(draw.paint(one, 100, NOW)).split()[1:] == ["▶", "running", "3", "–", "–", "–", "–"]
    assert [text(line) for line in draw.detail(run, NOW, 120)] == [draw.UNKNOWN]


def test_a_silent_worker_is_told_with_what_becomes_of_its_vehicles() -> None:
    _, _, silent = draw.rows(CREW)
    line, titles = draw.detail(silent, NOW, 100)
    assert line == (("silent for 40 s; its vehicles are taken over when its lease ends", Ink.WARN),)
    assert text(titles) == "1972 BMW 2002 tii and 3 more"
    assert "it holds no vehicle" in text(draw.detail(replace(silent, member=Member(OTHER)), NOW, 100)[0])


async def fleet(pilot: Pilot[None], app: BackfillApp, *shares: RunRecord) -> FleetScreen:
    """The fleet when these workers report to the store."""
    await until(pilot, lambda: app.session is not None)
    assert app.session is not None
    for share in shares:
        await app.session.store.save_run(replace(share, seen_at=app.clock(), started_at=app.clock() - 60))
    await pilot.press("F")
    await until(pilot, lambda: isinstance(app.screen, FleetScreen) and app.screen.asked)
    screen = app.screen
    assert isinstance(screen, FleetScreen)
    return screen


async def wished(app: BackfillApp, wish: Wish) -> None:
    """Wait until the store has heard of it: the screen does not."""
    assert app.session is not None
    async with asyncio.timeout(15):
        while (await app.session.store.runs(1))[0].wish is not wish:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


def stands(app: BackfillApp) -> Phase | None:
    return app.trickle.phase if app.trickle is not None else None


@pytest.mark.parametrize("size", [(60, 18), (80, 24)])
async def test_says_how_to_add_workers_when_there_are_none(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        screen = await fleet(pilot, app)
        assert "No worker is at work." in shown(app)
        assert app.session is not None
        assert f"{app.session.command} run --workers 4" in shown(app)
        assert "--workers 4" in " ".join(shown(app).split())
        await pilot.press("p", "s", "d", "enter")
        assert app.screen is screen


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36), (200, 50)])
async def test_shows_the_workers_of_every_machine(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await fleet(pilot, app, SHARE, replace(SHARE, worker="other:7"))
        assert "Run aaaa" in shown(app)
        assert "other:7" in shown(app)
        assert "1 run · 2 workers   18.2 images/s" in shown(app)
        assert "all organizations · 80 vehicles" in shown(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, FleetDetails) and "Worker mini" in shown(app))


async def test_pauses_and_resumes_a_run_of_other_machines(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await fleet(pilot, app, SHARE)
        await pilot.press("down", "p")
        await until(pilot, lambda: "◫ pausing" in shown(app))
        await wished(app, Wish.PAUSE)
        assert screen.current is not None
        assert screen.current.member is not None
        await pilot.press("p")
        await until(pilot, lambda: "▶ running" in shown(app))
        await wished(app, Wish.RUN)


async def test_a_wish_shows_at_once_and_the_next_press_takes_it_back(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await fleet(pilot, app, SHARE)
        told, wished = asyncio.Event(), []
        assert app.session is not None

        async def slowly(run_id: str, wish: Wish) -> None:
            wished.append(wish)
            await told.wait()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app.session.store, "direct_run", slowly)
            await pilot.press("p")
            await until(pilot, lambda: "◫ pausing" in shown(app))
            await pilot.press("p")
            await until(pilot, lambda: "▶ running" in shown(app))
            told.set()
            assert wished == [Wish.PAUSE, Wish.RUN]


async def test_stops_a_run_of_other_machines_once_the_operator_has_agreed(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await fleet(pilot, app, SHARE)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Stop run aaaa?" in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await wished(app, Wish.RUN)
        await pilot.press("s", "right", "enter")
        await until(pilot, lambda: "◼ stopping" in shown(app))
        await wished(app, Wish.STOP)


async def test_asks_again_and_the_cursor_stays_on_its_worker(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await fleet(pilot, app, SHARE)
        await pilot.press("down")
        assert app.session is not None
        now = app.clock()
        newer = replace(SHARE, run_id="20260921-110000-bbbb", worker="newer:1", started_at=now, seen_at=now)
        await app.session.store.save_run(newer)
        await until(pilot, lambda: "newer:1" in shown(app))
        assert screen.current is not None
        assert screen.current.key == (SHARE.run_id, SHARE.worker)


async def test_a_screen_that_nobody_sees_asks_nothing(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await fleet(pilot, app, SHARE)
        await until(pilot, lambda: screen._timer is not None)
        await app.push_screen(RunScreen())
        await pilot.pause()
        assert screen._timer is None
        await app.pop_screen()
        await until(pilot, lambda: screen._timer is not None)


async def test_this_apps_own_run_is_paused_at_once_and_stops_for_all(
    app: BackfillApp, web: Web, dealers: Dealers
) -> None:
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        web.hold.clear()
        app.start_run(Scope())
        await until(pilot, lambda: web.holding > 0)
        await pilot.press("F")
        await until(pilot, lambda: "here" in shown(app))
        await pilot.press("p")
        assert stands(app) is Phase.PAUSING
        assert not app.paused_elsewhere
        await pilot.press("p")
        assert stands(app) is Phase.RUNNING
        await pilot.press("s", "right", "enter")
        await until(pilot, lambda: stands(app) is Phase.STOPPING)
        web.hold.set()
        await until(pilot, lambda: not app.running)
        await wished(app, Wish.STOP)


def test_an_empty_fleet_names_the_command_for_what_is_open() -> None:
    assert "another machine" not in draw.nobody("backfill-tui --demo", project=False)
    told = draw.nobody("backfill-tui --profile staging", project=True, key_variable="STAGING_KEY")
    assert "  backfill-tui --profile staging run --workers 4" in told.splitlines()
    assert "with the key in STAGING_KEY. On another machine" in told
    assert "SUPABASE_SERVICE_ROLE_KEY" in draw.nobody("backfill-tui", project=True)


async def test_an_empty_fleet_that_may_not_be_written_names_no_command(dealers: Dealers) -> None:
    settings = Settings(store=f"local:{dealers.folder}", read_only=True)
    app = BackfillApp(Doors(dealers.session, dealers.session), lambda: dealers.session(settings))
    async with driven(app) as pilot:
        await fleet(pilot, app)
        assert "No worker is at work." in shown(app)
        assert "--workers" not in shown(app)
