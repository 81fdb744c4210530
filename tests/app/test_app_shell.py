from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.app.conftest import Dealers
from tests.support.pilot import driven, shown, until
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.help import HelpScreen, key_lines
from tui.app.screens.inventory import InventoryScreen
from tui.app.screens.run import RunScreen
from tui.app.screens.summary import SummaryScreen
from tui.app.screens.welcome import WelcomeScreen
from tui.app.widgets.ink import line_width
from tui.app.widgets.sheet import Sheet
from tui.model import Phase, Scope


async def opened(pilot: Pilot[None], app: BackfillApp) -> None:
    await until(pilot, lambda: app.counts is not None and "12 vehicles · 36 images" in shown(app))


async def held(pilot: Pilot[None], app: BackfillApp, web: Web) -> None:
    """Start a run whose requests stay in flight until `web.hold` is set."""
    await opened(pilot, app)
    web.hold.clear()
    await pilot.press("r")
    await until(pilot, lambda: web.holding > 0 and isinstance(app.screen, RunScreen))


async def test_paints_before_anything_is_open(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        assert isinstance(app.screen, InventoryScreen)
        await opened(pilot, app)


async def test_a_store_that_does_not_open_leads_to_the_welcome_screen(broken_app: BackfillApp) -> None:
    async with driven(broken_app) as pilot:
        await until(pilot, lambda: isinstance(broken_app.screen, WelcomeScreen))
        await until(pilot, lambda: "the folder is not a store." in shown(broken_app))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_run_goes_to_its_end_and_shows_its_summary(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await opened(pilot, app)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        assert app.snapshot is not None
        assert app.snapshot.phase is Phase.FINISHED
        assert app.snapshot.tally.stored == 36
        await until(pilot, lambda: app.counts is not None and app.counts.backfilled == 12)
        assert "✓ finished" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: "✓ backfilled" in shown(app))
    assert "36 images stored" in app.exit_summary


async def test_a_run_is_about_what_is_marked(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("down", "down", "space", "r")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        await until(pilot, lambda: app.counts is not None and app.counts.backfilled == 4)
    assert "Go on with" in app.exit_summary


async def test_leaving_the_run_screen_does_not_end_the_run(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InventoryScreen))
        assert app.running
        await until(pilot, lambda: "▶ running" in shown(app))
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))


async def test_a_run_is_shown_again_after_a_window_that_was_too_small(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        await until(pilot, lambda: "images/s" in shown(app))
        await pilot.resize_terminal(60, 12)
        await until(pilot, lambda: "images/s" not in shown(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "images/s" in shown(app))


async def test_p_says_that_it_is_pausing_until_it_is_true(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        await pilot.press("p")
        await until(pilot, lambda: "pausing" in shown(app) and "in flight" in shown(app))
        web.hold.set()
        await until(pilot, lambda: app.snapshot is not None and app.snapshot.phase is Phase.PAUSED)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))


async def test_s_drains_and_a_second_s_cuts(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        await pilot.press("s")
        await until(pilot, lambda: app.snapshot is not None and app.snapshot.phase is Phase.STOPPING)
        assert app.running
        await pilot.press("s")
        await until(pilot, lambda: not app.running)
        assert app.snapshot is not None
        assert app.snapshot.phase is Phase.STOPPED


async def test_only_one_run_at_a_time(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        trickle = app.trickle
        app.start_run(Scope())
        await pilot.pause()
        assert app.trickle is trickle


async def test_options_tune_the_run_that_goes_on(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        app.options = app.options.tuned(batch_size=3)
        assert app.trickle is not None
        assert app.trickle.options.batch_size == 3


async def test_a_run_that_ends_elsewhere_is_told_and_its_summary_is_a_key_away(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        await pilot.press("escape")
        web.hold.set()
        await until(pilot, lambda: not app.running and "The run has ended" in shown(app))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))


async def test_quit_during_a_run_asks_with_the_focus_on_cancel(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        assert app.running


async def test_quit_and_drain_waits_for_what_is_in_flight(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        await pilot.press("q", "right", "enter")
        await until(pilot, lambda: app.trickle is not None and app.trickle.phase is Phase.STOPPING)
        assert app.is_running
        web.hold.set()
        await until(pilot, lambda: app._exit)
    assert app.snapshot is not None
    assert app.snapshot.phase is Phase.STOPPED
    assert app.snapshot.tally.stored > 0


async def test_an_interrupted_run_is_resumed_with_its_scope_and_options(
    app: BackfillApp, web: Web, dealers: Dealers
) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        app.options = app.options.tuned(max_images=2)
        web.hold.clear()
        await pilot.press("down", "down", "space", "r")
        await until(pilot, lambda: web.holding > 0)
        await pilot.press("s", "s")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        web.hold.set()
        await pilot.press("escape", "u")
        await until(pilot, lambda: "R resumes run" in shown(app))
        app.options = app.options.tuned(max_images=20)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        assert app.options.max_images == 2
        assert app.snapshot is not None
        assert app.snapshot.tally.stored == 8
        await pilot.press("escape")
        await until(pilot, lambda: "R resumes" not in shown(app))


async def test_another_session_takes_the_place_of_the_one_before(app: BackfillApp, dealers: Dealers) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        app.open_session(app.doors.local(f"{dealers.folder}-2"))
        await until(pilot, lambda: "No organization: i imports a file." in shown(app))
        assert "Organizations  0" in shown(app)
        assert len(dealers.opened) == 2


async def test_no_other_session_during_a_run(app: BackfillApp, web: Web, dealers: Dealers) -> None:
    async with driven(app) as pilot:
        await held(pilot, app, web)
        app.open_session(dealers.session)
        await until(pilot, lambda: "stop it before" in shown(app))
        assert len(dealers.opened) == 1


async def test_t_changes_between_dark_and_light(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await pilot.press("t")
        assert app.theme == "backfill-light"
        await pilot.press("t")
        assert app.theme == "backfill-dark"


async def test_other_themes_do_as_well(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        for theme in ("ansi-dark", "ansi-light", "nord"):
            app.theme = theme
            await pilot.pause()
            assert "Gulf Motorcars" in shown(app)


async def test_help_lists_the_keys_of_the_screen_below(app: BackfillApp) -> None:
    async with driven(app, (120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        text = shown(app)
        for words in ("Organizations and vehicles", "Resume the interrupted run", "Sort. By the next column", "Quit"):
            assert words in text
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InventoryScreen))


@pytest.mark.parametrize("size", [(80, 24), (110, 36), (120, 36), (200, 50)])
async def test_help_lists_every_key_of_a_screen_and_cuts_none(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await opened(pilot, app)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        sheet = app.screen.query_one(Sheet)
        text = " ".join(piece.text for line in sheet.lines for piece in line)
        named = [f" {label}" for label in ("e  ", "o  ", "h  ", "i  ", "D  ", "f5  ", "^o  ")]
        assert not [label for label in named if label not in f" {text}"]
        assert all(line_width(line) <= sheet.room for line in sheet.lines)
        assert "…" not in text
        await pilot.press("end")
        await until(pilot, lambda: "The next part of the screen" in shown(app))


def test_a_long_help_is_wrapped_in_its_column() -> None:
    groups = [(name, [("pgdn", f"{name} " * 30)] * 3) for name in ("one", "two")]
    for width in range(40, 150, 5):
        lines = key_lines(groups, width)
        assert all(line_width(line) <= width for line in lines)
        assert "".join(piece.text for line in lines for piece in line).count("two") == 91


async def test_the_footer_at_80_columns_is_whole(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        footer = shown(app).splitlines()[-1].split("  ")
        keys = "space Mark", "/ Filter", "v Preview", "r Run", "f Failures", "e Options", "? Help", "q Quit"
        assert tuple(word.strip() for word in footer if word.strip()) == keys


async def test_the_palette_has_what_the_registry_has(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        commands = {command.title: command for command in app.get_system_commands(app.screen)}
        assert {"Preview", "Run", "Light or dark", "Quit"} <= commands.keys()
        assert "Resume the interrupted run" not in commands
        await commands["Light or dark"].callback()
        assert app.theme == "backfill-light"


async def test_what_cannot_be_done_is_greyed_and_does_nothing(closed_app: BackfillApp) -> None:
    async with driven(closed_app) as pilot:
        await pilot.pause()
        assert closed_app.check_action("toggle_pause", ()) is None
        await pilot.press("p", "s", "w")
        assert isinstance(closed_app.screen, WelcomeScreen)
