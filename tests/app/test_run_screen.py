from __future__ import annotations

from dataclasses import replace

import pytest
from rich.style import Style
from textual.geometry import Region
from textual.pilot import Pilot

from tests.support.pilot import driven, shown, until
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.screens.failures import FailuresScreen
from tui.app.screens.inventory import InventoryScreen
from tui.app.screens.run import RunScreen
from tui.app.screens.summary import SummaryScreen
from tui.app.widgets.options import OptionsBar
from tui.app.widgets.run_page import RunLog, RunPage
from tui.model import LogLine, Phase, Scope

SIZES = [(80, 24), (120, 36), (60, 18)]


async def run_held(pilot: Pilot[None], app: BackfillApp, web: Web) -> None:
    """Start a run over everything whose requests are all held by the host."""
    await until(pilot, lambda: app.session is not None)
    web.hold.clear()
    app.start_run(Scope())
    await until(pilot, lambda: web.holding >= 4 and "running" in shown(app))


def hold_still(app: BackfillApp) -> None:
    """Let the app look only when it is told to."""
    assert app._look_timer is not None
    app._look_timer.stop()


def lines_of(count: int) -> tuple[LogLine, ...]:
    return tuple(LogLine(0.0, f"line {number} of many") for number in range(count))


def inks_of(page: RunPage) -> set[Style]:
    """All styles in which there is text."""
    strips = page.render_lines(page.outer_size.region)
    return {style for strip in strips for text, style, _ in strip if style and text.strip()}


def phase(app: BackfillApp) -> Phase | None:
    return app.snapshot.phase if app.snapshot else None


async def test_another_store_is_refused_in_words_while_a_run_goes_on(app: BackfillApp, web: Web) -> None:
    async with driven(app, (80, 24)) as pilot:
        await run_held(pilot, app, web)
        screen = app.screen
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "A run goes on" in shown(app))
        assert app.screen is screen


@pytest.mark.parametrize("size", SIZES)
async def test_shows_the_bar_counters_lanes_and_the_log(app: BackfillApp, web: Web, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await run_held(pilot, app, web)
        for words in ("0 / 12 vehicles", "0 / 36 images", "all organizations · 12", "stored 0", "□□□", "begins"):
            await until(pilot, lambda words=words: words in shown(app))  # type: ignore[misc]
        assert app.run_error == ""


async def test_a_wide_window_adds_organizations_and_hosts(app: BackfillApp, web: Web) -> None:
    async with driven(app, (120, 36)) as pilot:
        await run_held(pilot, app, web)
        await until(pilot, lambda: "Hill Country" in shown(app) and "Gulf Motorcars" in shown(app))
        assert "img.test.example" in shown(app)
        assert "no limit" in shown(app)


async def test_a_run_that_ends_turns_into_its_summary(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        app.start_run(Scope())
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        assert "✓ finished" in shown(app)
        assert app.snapshot is not None
        assert app.snapshot.tally.stored == 36


async def test_pause_says_how_many_are_in_flight_until_none_is(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        await pilot.press("p")
        await until(pilot, lambda: "in flight" in shown(app) and "◫ pausing" in shown(app))
        web.hold.set()
        await until(pilot, lambda: phase(app) is Phase.PAUSED and "p resumes" in shown(app))
        await pilot.press("p")
        await until(pilot, lambda: phase(app) is not Phase.PAUSED)


async def test_stop_drains_and_says_what_a_second_press_does(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        await pilot.press("s")
        await until(pilot, lambda: "s again cuts them" in shown(app) and "◼ stopping" in shown(app))
        web.hold.set()
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        assert phase(app) is Phase.STOPPED
        assert app.snapshot is not None
        assert 0 < app.snapshot.tally.stored < 36


async def test_a_second_stop_cuts_what_is_held(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        await pilot.press("s", "s")
        await until(pilot, lambda: phase(app) is Phase.STOPPED)
        assert app.snapshot is not None
        assert app.snapshot.tally.stored == 0


async def test_leaving_the_screen_leaves_the_run_alone_and_coming_back_catches_up(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InventoryScreen))
        assert app.running
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "0 / 12 vehicles" in shown(app))


async def test_a_run_that_ended_behind_another_screen_shows_its_summary_on_return(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FailuresScreen))
        web.hold.set()
        await until(pilot, lambda: not app.running)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InventoryScreen))


async def test_faster_and_slower_change_the_pace_of_the_run(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        assert app.trickle is not None
        await pilot.press("minus", "minus")
        assert app.trickle.options.pace == "normal"
        await pilot.press("plus")
        assert app.trickle.options.pace == "fast"
        await pilot.press("plus", "plus")
        assert app.trickle.options.pace == "unlimited"
        assert "pace unlimited" in shown(app)


async def test_options_are_edited_in_place_and_a_bad_one_is_refused(app: BackfillApp, web: Web) -> None:
    async with driven(app, (120, 36)) as pilot:
        await run_held(pilot, app, web)
        await pilot.press("e")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "batch_size")
        await pilot.press("backspace", "backspace", "4", "enter")
        assert app.trickle is not None
        await until(pilot, lambda: app.trickle is not None and app.trickle.options.batch_size == 4)
        assert "batch size 4 " in shown(app)
        assert "At most 4 vehicles at a time, once enough of those in progress have ended." in shown(app)
        await until(pilot, lambda: app.focused is app.screen.query_one(RunLog) and not app.screen.query(OptionsBar))
        await pilot.press("e", "backspace", "0", "enter")
        await until(pilot, lambda: "must be between" in shown(app))
        assert app.trickle.options.batch_size == 4


async def test_bandwidth_is_changed_while_a_run_goes_on(app: BackfillApp, web: Web) -> None:
    async with driven(app, (80, 24)) as pilot:
        await run_held(pilot, app, web)
        await pilot.press("e")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "batch_size")
        app.screen.query_one("#bandwidth").focus()
        await until(pilot, lambda: app.focused is not None and app.focused.id == "bandwidth")
        await pilot.press(*["down"] * 9)
        assert "250K" in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.trickle is not None and app.trickle.options.bandwidth == 250_000)
        await until(pilot, lambda: "bandwidth 250KB/s" in shown(app))


async def test_a_growing_window_gets_more_and_a_shrinking_one_keeps_the_lanes(app: BackfillApp, web: Web) -> None:
    async with driven(app, (80, 24)) as pilot:
        await run_held(pilot, app, web)
        await pilot.resize_terminal(140, 40)
        await until(pilot, lambda: "img.test.example" in shown(app))
        await pilot.resize_terminal(60, 18)
        await until(pilot, lambda: "img.test.example" not in shown(app) and "□□□" in shown(app))


async def test_what_moves_is_painted_at_every_second_look_and_another_phase_at_once(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        hold_still(app)
        page = app.screen.query_one(RunPage)
        painted = []
        for _ in range(6):
            app._look()
            painted.append(page.seen is app.snapshot)
        assert painted in ([True, False] * 3, [False, True] * 3)
        app.toggle_pause()
        assert page.seen is app.snapshot
        app.toggle_pause()
        assert page.seen is app.snapshot


async def test_the_log_stays_at_its_end_in_a_window_that_changes(app: BackfillApp, web: Web) -> None:
    async with driven(app, (120, 36)) as pilot:
        await run_held(pilot, app, web)
        hold_still(app)
        log = app.screen.query_one(RunLog)
        log.show(lines_of(40))
        await until(pilot, lambda: "line 39" in shown(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "line 39" in shown(app))
        log.show(lines_of(41))
        await until(pilot, lambda: "line 40" in shown(app))
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: "line 40" in shown(app))


async def test_the_log_waits_for_whoever_scrolled_up_in_it(app: BackfillApp, web: Web) -> None:
    async with driven(app, (120, 36)) as pilot:
        await run_held(pilot, app, web)
        hold_still(app)
        log = app.screen.query_one(RunLog)
        log.show(lines_of(40))
        await until(pilot, lambda: "line 39" in shown(app))
        await pilot.press("home")
        await until(pilot, lambda: "line 0 " in shown(app))
        log.show(lines_of(45))
        await pilot.pause()
        assert "line 0 " in shown(app)
        await pilot.press("end")
        await until(pilot, lambda: "line 44" in shown(app))
        log.show(lines_of(46))
        await until(pilot, lambda: "line 45" in shown(app))


async def test_another_theme_paints_all_lines_anew(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        hold_still(app)
        page = app.screen.query_one(RunPage)
        before = inks_of(page)
        app.theme = "backfill-light"
        await until(pilot, lambda: inks_of(page).isdisjoint(before))


async def test_lines_that_did_not_change_are_still_the_same_strips(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        hold_still(app)
        page = app.screen.query_one(RunPage)
        before = page.render_lines(page.outer_size.region)
        assert app.snapshot is not None
        page.seen = replace(app.snapshot, images_per_second=12.5)
        page.redraw()
        after = page.render_lines(page.outer_size.region)
        assert sum(old is not new for old, new in zip(before, after, strict=True)) == 1
        assert {strip.cell_length for strip in after} == {80}


async def test_a_snapshot_repaints_only_what_changed(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        page = app.screen.query_one(RunPage)
        app._look()  # until now it may show how the lanes stood before
        before = list(page.lines)
        app._look()
        app._look()
        await pilot.pause()
        assert sum(old != new for old, new in zip(before, page.lines, strict=True)) <= 3


async def test_a_snapshot_neither_repaints_the_whole_screen_nor_one_behind_it(
    app: BackfillApp, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with driven(app) as pilot:
        await run_held(pilot, app, web)
        screen = app.screen
        painted: list[RunScreen] = []

        def refresh(self: RunScreen, *regions: Region, **more: bool) -> RunScreen:
            painted.append(self)
            return self

        monkeypatch.setattr(RunScreen, "refresh", refresh)
        app._look()
        app._look()
        await pilot.pause()
        assert painted == []
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FailuresScreen))
        page = screen.query_one(RunPage)
        before = page.seen
        app._look()
        app._look()
        await pilot.pause()
        assert page.seen is before is not app.snapshot


async def test_refusals_are_told_in_the_log(app: BackfillApp, web: Web) -> None:
    web.answers[f"v0/{0}"] = (404, b"")
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        app.start_run(Scope())
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        assert app.snapshot is not None
        assert any("not found (no use to retry)" in line.text for line in app.snapshot.log)
        assert "not found" in shown(app)
        assert "no use to retry" in shown(app)
