from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support.pilot import driven, shown, until
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.screens.inventory import InventoryScreen
from tui.app.screens.preview import PreviewScreen
from tui.app.widgets.bottom import work_line
from tui.app.widgets.ink import line_width
from tui.app.widgets.options import OptionsBar
from tui.app.widgets.pager import PagedList
from tui.model import Workload

SIZES = [(80, 24), (120, 36)]


def inventory(app: BackfillApp) -> InventoryScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, InventoryScreen)
    return screen


def rows(app: BackfillApp, name: str) -> PagedList[Any]:
    return inventory(app).query_one(f"#{name}-list", PagedList)


async def opened(pilot: Pilot[None], app: BackfillApp) -> None:
    await until(pilot, lambda: rows(app, "vehicles").total == 12 and "36 images" in shown(app))


@pytest.mark.parametrize("size", SIZES)
async def test_shows_organizations_vehicles_and_what_a_run_would_find(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await opened(pilot, app)
        text = shown(app)
        for words in ("All organizations", "Gulf Motorcars", "Hill Country", "needing 12", "12 needing of 12 vehicles"):
            assert words in text
        assert "1960 Porsche 910" in text
        assert "● ready" in text


async def test_counts_in_the_header_agree_with_the_store(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        assert app.session is not None
        assert app.counts == await app.session.store.counts()


@pytest.mark.parametrize("size", SIZES)
async def test_a_name_full_of_markup_and_control_characters_is_shown_as_data(
    app: BackfillApp, size: tuple[int, int]
) -> None:
    async with driven(app, size) as pilot:
        await opened(pilot, app)
        assert "[/red] [31m[b]Kyoto" in shown(app)
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "2 needing of 2 vehicles" in shown(app))
        assert "\x1b" not in shown(app)
        assert "\x07" not in shown(app)


async def test_the_cursor_chooses_whose_vehicles_are_shown(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("down")
        await until(
            pilot,
            lambda: (
                rows(app, "vehicles").total == 6 and "to run  Gulf Motorcars · 6 vehicles · 18 images" in shown(app)
            ),
        )
        assert "6 needing of 6 vehicles" in shown(app)


async def test_marks_decide_what_a_run_is_about(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("down", "space", "space")
        await until(pilot, lambda: "2 organizations marked · 10 vehicles · 30 images" in shown(app))
        assert len(inventory(app).scope.organization_ids) == 2
        await pilot.press("up", "space")
        await until(pilot, lambda: "1 organization marked · 6 vehicles" in shown(app))
        await pilot.press("u")
        await until(pilot, lambda: "marked" not in shown(app))


async def test_marking_vehicles_ends_marks_on_organizations(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("down", "space")
        await until(pilot, lambda: rows(app, "vehicles").total == 4 and "1 organization marked" in shown(app))
        await pilot.press("right", "space", "space")
        await until(pilot, lambda: "2 vehicles marked · 2 vehicles · 6 images" in shown(app))
        assert inventory(app).scope.organization_ids == ()


async def test_star_marks_all_that_the_filter_shows_and_unmarks_them(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("right", "slash", *"911", "enter")
        await until(pilot, lambda: rows(app, "vehicles").total == 4 and "/911" in shown(app))
        await pilot.press("asterisk")
        await until(pilot, lambda: "4 vehicles marked" in shown(app))
        await pilot.press("asterisk")
        await until(pilot, lambda: "marked" not in shown(app))


async def test_without_marks_the_vehicle_under_the_cursor_counts(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("right", "down")
        await until(pilot, lambda: "to run  this vehicle, 1961 Porsche 911 · 1 vehicle · 3 images" in shown(app))
        assert len(inventory(app).scope.vehicle_ids) == 1


async def test_filter_stays_in_sight_with_its_count_and_escape_clears_it(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("slash", *"hill")
        await until(pilot, lambda: rows(app, "organizations").total == 1)
        await pilot.press("enter")
        await until(pilot, lambda: "/hill  1 shown" in shown(app))
        assert "Gulf Motorcars" not in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: rows(app, "organizations").total == 4)
        assert "/hill" not in shown(app)


async def test_o_sorts_by_the_next_column_and_shift_o_the_other_way(app: BackfillApp) -> None:
    async with driven(app, (120, 36)) as pilot:
        await opened(pilot, app)
        assert "needing ↓" in shown(app)
        await pilot.press("right", "O")
        await until(pilot, lambda: "vehicle ↓" in shown(app))
        vehicles = rows(app, "vehicles")
        await until(pilot, lambda: vehicles.current is not None and vehicles.current.title.startswith("1971"))
        await pilot.press("o")
        await until(pilot, lambda: "URLs ↓" in shown(app))


async def test_options_are_checked_before_they_hold(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("e", "home", "ctrl+k", *"0", "enter")
        await until(pilot, lambda: "batch size must be between 1 and 1,000, not 0." in shown(app))
        assert app.options.batch_size == 10
        await pilot.press("backspace", *"25", "enter")
        await until(pilot, lambda: app.options.batch_size == 25)
        assert "must be" not in shown(app)
        assert app.screen.focused is rows(app, "organizations")


async def test_escape_restores_an_option(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("e", *"77")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.focused is rows(app, "organizations"))
        assert app.options.batch_size == 10
        assert app.screen.query_one(OptionsBar).query_one("#batch_size").value == "10"  # type: ignore[attr-defined]


async def test_the_cap_changes_what_a_run_would_find(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("e", "tab", "home", "ctrl+k", "2", "enter")
        await until(pilot, lambda: "12 vehicles · 24 images" in shown(app))


async def test_arrows_step_the_pace(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("e", "shift+tab")
        await pilot.press("tab", "tab", "tab", "tab", "down", "enter")
        await until(pilot, lambda: app.options.pace == "fast")


async def test_enter_goes_to_the_vehicles_and_then_to_the_preview(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.focused is rows(app, "vehicles"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PreviewScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InventoryScreen))


async def test_a_click_on_a_title_sorts_and_on_the_gutter_marks(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        pager = rows(app, "organizations")
        await pilot.click(pager, offset=(5, 0))
        await until(pilot, lambda: "name ↑" in shown(app))
        await until(pilot, lambda: pager.row(1) is not None)
        await pilot.click(pager, offset=(1, 2))
        await until(pilot, lambda: "1 organization marked" in shown(app))


async def test_a_window_that_is_too_small_says_what_it_needs(app: BackfillApp) -> None:
    async with driven(app, (50, 15)) as pilot:
        await until(pilot, lambda: "60 columns by 18" in shown(app))
        assert "organizations" not in shown(app)


async def test_a_low_window_shows_one_list_at_a_time(app: BackfillApp) -> None:
    async with driven(app, (80, 20)) as pilot:
        await until(pilot, lambda: rows(app, "vehicles").total == 12)
        assert "All organizations" in shown(app)
        assert "1960 Porsche" not in shown(app)
        await pilot.press("right")
        await until(pilot, lambda: "1960 Porsche" in shown(app))


async def test_a_filter_that_finds_nothing_says_so_and_shows_no_vehicle(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: "Nothing holds 'zzz'" in shown(app) and rows(app, "vehicles").total == 0)
        await pilot.press("escape")
        await until(pilot, lambda: rows(app, "vehicles").total == 12)


async def test_the_smallest_window_shows_every_option(app: BackfillApp) -> None:
    async with driven(app, (60, 18)) as pilot:
        await opened(pilot, app)
        last = shown(app).splitlines()[-3]
        for words in ("batch", "10", "cap", "20", "limit", "100", "pace", "unlimited"):
            assert words in last


@pytest.mark.parametrize("width", [80, 119, 120, 149, 150, 200])
async def test_two_lists_side_by_side_show_what_one_above_the_other_shows(app: BackfillApp, width: int) -> None:
    async with driven(app, (width, 36)) as pilot:
        await opened(pilot, app)
        titles = [line for line in shown(app).splitlines() if "URLs" in line]
        assert len(titles) == 1
        assert ("needing ↓" in titles[0]) == (width >= 120)
        for name in ("vehicle", "URLs", "stored", "state"):
            assert name in titles[0]


@pytest.mark.parametrize("width", [80, 100, 120, 200])
async def test_the_same_words_for_the_options_at_every_width(app: BackfillApp, width: int) -> None:
    async with driven(app, (width, 36)) as pilot:
        await opened(pilot, app)
        (line,) = (line for line in shown(app).splitlines() if "batch size" in line)
        for word in ("batch size", "10", "cap", "20", "limit", "100", "pace", "unlimited", "bandwidth", "none"):
            assert word in line


def test_the_name_of_what_is_to_run_gives_way_to_the_numbers() -> None:
    for width in (56, 76, 116):
        line = work_line("自動車の長い名前 🚗" * 9, Workload(418, 4_321), 100, width)
        assert line_width(line) <= width
        assert "418 vehicles · 4,321 images" in "".join(piece.text for piece in line)


async def test_a_change_while_a_run_goes_on_says_from_when_on_it_holds(app: BackfillApp, web: Web) -> None:
    async with driven(app) as pilot:
        await opened(pilot, app)
        web.hold.clear()
        await pilot.press("r")
        await until(pilot, lambda: web.holding > 0)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is inventory(app))
        await pilot.press("e", "tab", "home", "ctrl+k", "2", "enter")
        await until(pilot, lambda: "The cap of 2 holds from the next vehicle on" in shown(app))
