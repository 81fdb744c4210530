"""Two apps on one store see each other's workers, and what one wants of a run holds for both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from textual._context import active_app
from textual.pilot import Pilot

from tests.app.conftest import Dealers, listing
from tests.stores.contract.shelves import plain_project, served_project
from tests.support.pilot import driven, shown, until
from tests.support.stack import Project, Stack
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.doors import Doors, Opening
from tui.app.screens.fleet import FleetScreen
from tui.app.screens.summary import SummaryScreen
from tui.model import Phase, RunOptions
from tui.settings import Secret, Settings
from tui.stores import open_store
from tui.trickle.session import Session


async def on(project: Project, web: Web) -> Session:
    settings = Settings(store="supabase", supabase_url=project.url, supabase_key=Secret(project.secret_key))
    return Session(await open_store("supabase", settings), settings, "test", exempt=web.exempt)


async def filled(project: Project, web: Web) -> Opening:
    """Opens a project with the dealers' vehicles."""
    session = await on(project, web)
    await session.store.intake([listing(web, number, "Gulf Motorcars") for number in range(12)])
    await session.close()
    return partial(on, project, web)


@pytest.fixture(params=["local", "served"])
async def opening(request: pytest.FixtureRequest, dealers: Dealers, web: Web) -> Opening:
    """Opens the dealers in a folder, or on a project with our SQL."""
    if request.param == "local":
        return dealers.session
    return await filled(served_project(request.getfixturevalue("stack"), "served"), web)


def another(opening: Opening) -> BackfillApp:
    options = RunOptions(pace="unlimited", batch_size=3)
    return BackfillApp(Doors(opening, lambda _: opening()), opening, options)


def seen(app: BackfillApp) -> str:
    """What one of several apps shows."""
    token = active_app.set(app)
    try:
        return shown(app)
    finally:
        active_app.reset(token)


def stands(app: BackfillApp) -> Phase | None:
    return app.snapshot.phase if app.snapshot else None


@asynccontextmanager
async def two_apps(opening: Opening) -> AsyncIterator[tuple[BackfillApp, Pilot[None], BackfillApp, Pilot[None]]]:
    """Two apps on one store, each with its pilot, once both have counted."""
    one, other = another(opening), another(opening)
    async with driven(one, (120, 36)) as pilot, driven(other, (120, 36)) as second:
        await until(pilot, lambda: one.counts is not None and other.counts is not None)
        yield one, pilot, other, second


async def test_two_apps_share_a_run_and_pause_and_stop_each_other(opening: Opening, web: Web) -> None:
    async with two_apps(opening) as (one, pilot, other, second):
        web.hold.clear()
        await pilot.press("r")
        await until(pilot, lambda: web.holding >= 3)
        await second.press("r")
        await until(second, lambda: other.snapshot is not None and other.snapshot.workers == 2)
        await until(pilot, lambda: "2 workers" in seen(one))
        assert one.trickle is not None
        assert other.trickle is not None
        assert one.trickle.run_id == other.trickle.run_id

        await pilot.press("F")
        await until(pilot, lambda: isinstance(one.screen, FleetScreen) and "1 run · 2 workers" in seen(one))
        await pilot.press("p")
        await until(second, lambda: stands(other) is Phase.PAUSING and "Paused from elsewhere" in seen(other))
        assert "paused elsewhere" not in seen(one)

        await second.press("p")
        await until(pilot, lambda: stands(one) is Phase.RUNNING)

        await pilot.press("s", "right", "enter")
        await until(second, lambda: stands(other) is Phase.STOPPING)
        web.hold.set()
        await until(second, lambda: isinstance(other.screen, SummaryScreen))
        await until(second, lambda: "stopped from elsewhere" in seen(other))
        await until(pilot, lambda: not one.running)


async def test_the_counts_of_an_app_that_shows_the_fleet_follow_what_another_does(opening: Opening, web: Web) -> None:
    async with two_apps(opening) as (one, pilot, other, second):
        assert one.counts is not None
        before = one.counts.backfilled
        web.hold.clear()
        await pilot.press("r")
        await second.press("F")
        await until(second, lambda: "1 run · 1 worker" in seen(other))
        web.hold.set()
        await until(pilot, lambda: one.trickle is not None and not one.running)
        await until(pilot, lambda: one.counts is not None and one.counts.backfilled > before)
        await until(second, lambda: other.counts == one.counts)


async def test_without_our_sql_an_app_pauses_and_stops_the_run_of_another(stack: Stack, web: Web) -> None:
    opening = await filled(plain_project(stack, "plain"), web)
    async with two_apps(opening) as (one, pilot, other, second):
        web.hold.clear()
        await pilot.press("r")
        await until(pilot, lambda: web.holding >= 3)
        await second.press("F")
        await until(second, lambda: isinstance(other.screen, FleetScreen) and "1 run · 1 worker" in seen(other))
        await second.press("p")
        await until(pilot, lambda: stands(one) is Phase.PAUSING and "Paused from elsewhere" in seen(one))
        await until(second, lambda: "pausing" in seen(other))
        await second.press("p")
        await until(pilot, lambda: stands(one) is Phase.RUNNING)
        await second.press("s", "right", "enter")
        await until(pilot, lambda: stands(one) is Phase.STOPPING)
        web.hold.set()
        await until(pilot, lambda: not one.running)
        await until(second, lambda: "No worker is at work." in seen(other))
