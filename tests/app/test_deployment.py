"""What is open: how every screen says it, and what it lets the operator do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.app.conftest import Dealers
from tests.app.guise import Guise, guised
from tests.support.pilot import driven, shown, until
from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.app.screens.failures import FailuresScreen
from tui.app.screens.fleet import FleetScreen
from tui.app.screens.help import HelpScreen
from tui.app.screens.history import HistoryScreen
from tui.app.screens.inventory import InventoryScreen
from tui.app.screens.preview import PreviewScreen
from tui.model import Listing
from tui.settings import Settings
from tui.trickle.session import Session

WRITING = ("Run", "Resume the interrupted run", "Import a file", "Pause or resume the run", "Stop the run")


@pytest.fixture
def looking_app(dealers: Dealers) -> BackfillApp:
    """The app on a deployment that may only be looked at."""
    settings = Settings(store=f"local:{dealers.folder}", read_only=True, profile="production", color="red")

    async def opening() -> Session:
        return await dealers.session(settings)

    return BackfillApp(Doors(opening, dealers.session), opening)


async def open_guised(app: BackfillApp, dealers: Dealers, say: Callable[[Guise], None]) -> Guise:
    """Let the app open the dealers in a guise that says something."""
    session, guise = guised(await dealers.session())
    say(guise)

    async def opening() -> Session:
        return session

    app.open_session(opening)
    return guise


async def test_read_only_takes_away_everything_that_writes(looking_app: BackfillApp) -> None:
    app = looking_app
    async with driven(app, (160, 40)) as pilot:
        await until(pilot, lambda: app.counts is not None and "Gulf Motorcars" in shown(app))
        assert "read-only" in shown(app)
        assert "r Run" not in shown(app)
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Preview", "Failures", "Fleet", "Doctor"} <= titles
        assert not titles & set(WRITING)
        await pilot.press("r", "R", "i", "p", "s")
        assert isinstance(app.screen, InventoryScreen)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert "Preview" in shown(app)
        assert not [words for words in WRITING[1:] if words in shown(app)]


@pytest.mark.parametrize("screen", ["v", "f", "h", "F"])
async def test_read_only_screens_offer_nothing_that_writes(looking_app: BackfillApp, screen: str) -> None:
    app = looking_app
    async with driven(app, (160, 40)) as pilot:
        await until(pilot, lambda: app.counts is not None)
        await pilot.press(screen)
        await until(pilot, lambda: isinstance(app.screen, PreviewScreen | FailuresScreen | HistoryScreen | FleetScreen))
        below = type(app.screen)
        assert not [
            words for words in ("Run", "Retry", "Unpark", "Pause", "Stop") if f" {words}" in shown(app).splitlines()[-1]
        ]
        await pilot.press("r", "R", "u", "p", "s")
        assert type(app.screen) is below
        assert app.trickle is None


async def test_an_interrupted_run_is_not_offered_where_nothing_may_be_written(looking_app: BackfillApp) -> None:
    async with driven(looking_app) as pilot:
        await until(pilot, lambda: looking_app.counts is not None)
        assert "R resumes" not in shown(looking_app)


async def test_the_colour_of_a_profile_is_in_the_header_of_every_screen(looking_app: BackfillApp) -> None:
    app = looking_app
    async with driven(app) as pilot:
        await until(pilot, lambda: app.counts is not None)
        for key in ("h", "f", "F", "D"):
            await pilot.press(key)
            assert " production " in shown(app).splitlines()[0]
        for theme in ("backfill-light", "ansi-dark"):
            app.theme = theme
            await pilot.pause()
            (strip,) = app.screen._compositor.render_strips()[:1]
            (chip,) = [segment for segment in strip if segment.text == " production "]
            assert chip.style is not None
            assert chip.style.bold


async def test_trouble_is_told_and_gone_when_it_is_over(app: BackfillApp, dealers: Dealers) -> None:
    async with driven(app, (120, 36)) as pilot:
        await until(pilot, lambda: app.session is not None)
        guise = await open_guised(app, dealers, lambda _: None)
        await until(pilot, lambda: app.session is not None and app.session.store is guise)
        guise.trouble = "the project answers 503; trying again in 8 s"
        await until(pilot, lambda: f"waiting: {guise.trouble}" in shown(app))
        guise.trouble = ""
        await until(pilot, lambda: "waiting" not in shown(app) and "needing" in shown(app))


async def test_what_others_do_is_seen_while_nothing_is_done_here(
    app: BackfillApp, dealers: Dealers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app.deployment.IDLE_EVERY", 0.0)
    async with driven(app, (120, 36)) as pilot:
        await until(pilot, lambda: app.counts is not None and "Gulf Motorcars" in shown(app))
        other = await dealers.session()
        listing = Listing("link:elsewhere", organization="Elsewhere & Co", image_urls=("http://a.example/1.jpg",))
        await other.store.intake([listing])
        await other.close()
        await until(pilot, lambda: "Elsewhere & Co" in shown(app))


async def test_a_notice_is_told_once_and_stays_readable(app: BackfillApp, dealers: Dealers) -> None:
    notice = "Our SQL is not installed: \x1b[31m`backfill-tui schema` prints it."

    def say(guise: Guise) -> None:
        guise.notice = notice

    async with driven(app, (120, 36)) as pilot:
        await until(pilot, lambda: app.counts is not None)
        await open_guised(app, dealers, say)
        await until(
            pilot, lambda: "Our SQL is not installed: [31m`backfill-tui schema`" in shown(app).replace("\n", "")
        )
        app.clear_notifications()
        await pilot.press("question_mark")
        await until(pilot, lambda: "Our SQL is not installed" in shown(app))
        await pilot.press("escape", "D")
        await until(pilot, lambda: "Our SQL is not installed" in shown(app))


async def test_rows_are_read_again_behind_the_first_counts(app: BackfillApp, dealers: Dealers) -> None:
    async with driven(app, (120, 36)) as pilot:
        await until(pilot, lambda: app.counts is not None)
        guise = await open_guised(app, dealers, lambda guise: guise.fresh.clear())
        await until(pilot, lambda: "reading again …" in shown(app))
        assert app.counts is not None
        needing = app.counts.needing
        await guise.intake(
            [Listing("link:new", organization="New", make="Saab", image_urls=("http://a.example/1.jpg",))]
        )
        await pilot.press("f5")
        assert guise.refreshed == 1
        guise.fresh.set()
        await until(pilot, lambda: app.counts is not None and app.counts.needing == needing + 1)
        assert "reading again" not in shown(app)
        await pilot.press("f5")
        await until(pilot, lambda: guise.refreshed == 2)


async def test_a_look_again_shows_what_changed_without_changing_the_counts(app: BackfillApp, dealers: Dealers) -> None:
    async with driven(app, (120, 36)) as pilot:
        await until(pilot, lambda: "Gulf Motorcars" in shown(app))
        guise = await open_guised(app, dealers, lambda _: None)
        await until(pilot, lambda: guise.refreshed == 1 and app.rereading is None)
        vehicle = replace(Listing("link:0", organization="Gulf Motorcars", year=1960, make="Renamed", model="910"))
        await guise.intake([vehicle])
        await pilot.press("f5")
        await until(pilot, lambda: "1960 Renamed 910" in shown(app))
