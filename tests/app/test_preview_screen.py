from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.support.pilot import driven, shown, until
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.screens import preview
from tui.app.screens.preview import PreviewScreen, next_cap
from tui.app.screens.run import RunScreen
from tui.app.screens.summary import SummaryScreen
from tui.app.widgets.preview_lines import Totals
from tui.model import Listing, Scope, VehicleQuery

SIZES = [(80, 24), (120, 36), (60, 18)]


async def preview_of(pilot: Pilot[None], app: BackfillApp, scope: Scope = Scope()) -> PreviewScreen:  # noqa: B008
    """The preview of a scope, planned to its end."""
    await until(pilot, lambda: app.session is not None)
    screen = PreviewScreen(scope)
    await app.push_screen(screen)
    await planned(pilot, screen)
    return screen


async def planned(pilot: Pilot[None], screen: PreviewScreen) -> None:
    await until(pilot, lambda: not screen.planning and screen.totals.vehicles == screen.expected > 0)


@pytest.mark.parametrize("size", SIZES)
async def test_shows_every_url_in_order_and_the_totals(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        screen = await preview_of(pilot, app)
        assert screen.totals == Totals(vehicles=12, to_store=36)
        text = shown(app)
        assert "all organizations · 12 vehicles" in text
        assert "would store 36" in text
        assert "nothing is written" in text
        first, second = text.index("    1  img.test.example"), text.index("    2  img.test.example")
        assert first < second


async def test_nothing_is_written(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await preview_of(pilot, app)
        assert app.session is not None
        assert (await app.session.store.counts()).ready == 12
        assert await app.session.store.runs() == ()


async def test_the_cap_is_changed_and_the_plan_follows(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        app.options = app.options.tuned(max_images=3)
        screen = await preview_of(pilot, app)
        await pilot.press("minus")
        await until(pilot, lambda: screen.totals == Totals(vehicles=12, to_store=24, over_cap=12))
        await until(pilot, lambda: "over the cap of 2" in shown(app) and "cap 2 cuts 12" in shown(app))
        assert app.options.max_images == 2
        await pilot.press("plus")
        await until(pilot, lambda: screen.totals == Totals(vehicles=12, to_store=36))


async def test_the_limit_bounds_the_plan_and_says_so(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        app.options = app.options.tuned(limit=5)
        await until(pilot, lambda: app.session is not None)
        screen = PreviewScreen(Scope())
        await app.push_screen(screen)
        await until(pilot, lambda: not screen.planning and screen.totals.vehicles == 5)
        assert "5 vehicles of 12 (limit 5)" in shown(app)


async def test_one_vehicle_whatever_its_state(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        assert app.session is not None
        vehicle = (await app.session.store.vehicles(VehicleQuery(filter="1962"))).rows[0]
        screen = PreviewScreen(Scope(), vehicle)
        await app.push_screen(screen)
        await planned(pilot, screen)
        assert screen.totals == Totals(vehicles=1, to_store=3)
        assert screen.scope == Scope(vehicle_ids=(vehicle.id,))


async def test_enter_opens_the_url_and_y_copies_it(app: BackfillApp, monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    opened: list[str] = []
    monkeypatch.setattr(BackfillApp, "open_url", lambda self, url, *, new_tab=True: opened.append(url))
    async with driven(app) as pilot:
        screen = await preview_of(pilot, app)
        await pilot.press("down", "enter", "y")
        row = screen.list.current
        assert row is not None
        assert opened == [row.url]
        assert row.url.startswith(web.url("v"))
        assert app.clipboard == row.url


async def test_what_is_no_web_address_is_not_opened(app: BackfillApp, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(BackfillApp, "open_url", lambda self, url, *, new_tab=True: opened.append(url))
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        assert app.session is not None
        bad = Listing(
            identity="link:bad", title="Bad", image_urls=("javascript:alert(1)", "\x1b[31mfile:///etc/passwd")
        )
        await app.session.store.intake([bad])
        vehicle = (await app.session.store.vehicles(VehicleQuery(filter="Bad"))).rows[0]
        screen = PreviewScreen(Scope(), vehicle)
        await app.push_screen(screen)
        await planned(pilot, screen)
        assert "left out: not a url" in shown(app)
        assert "\x1b" not in shown(app)
        await pilot.press("o", "down", "o")
        assert opened == []


async def test_run_starts_from_here_and_the_plan_is_made_anew_afterwards(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await preview_of(pilot, app)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen | RunScreen))
        await until(pilot, lambda: isinstance(app.screen, SummaryScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen and not screen.planning)
        assert screen.totals == Totals()


async def test_the_list_keeps_a_bounded_number_of_vehicles(app: BackfillApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "KEPT_VEHICLES", 3)
    async with driven(app) as pilot:
        screen = await preview_of(pilot, app)
        assert screen.totals.vehicles == 12
        assert len(screen.list.rows) == 3 * 5
        assert "the first 3 vehicles shown" in shown(app)


async def test_leaving_ends_the_planning(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        screen = PreviewScreen(Scope())
        await app.push_screen(screen)
        await pilot.press("escape")
        await until(pilot, lambda: not [worker for worker in app.workers if worker.group == "preview"])
        assert app.screen is not screen


def test_caps_come_in_comfortable_steps() -> None:
    assert [next_cap(20, 1), next_cap(20, -1), next_cap(22, 1), next_cap(22, -1)] == [25, 15, 25, 20]
    assert [next_cap(1, -1), next_cap(1_000, 1)] == [1, 1_000]
