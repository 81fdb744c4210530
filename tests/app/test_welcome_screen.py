from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.conftest import NASTY, Dealers
from tests.support.pilot import driven, shown, until
from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.app.screens.importing import ImportScreen
from tui.app.screens.inventory import InventoryScreen
from tui.app.screens.prompt import PromptScreen
from tui.app.screens.welcome import WelcomeScreen
from tui.app.widgets.field import Field
from tui.model import Problem
from tui.settings import Secret, Settings
from tui.trickle.session import Session


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_offers_four_ways(closed_app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(closed_app, size) as pilot:
        await until(pilot, lambda: isinstance(closed_app.screen, WelcomeScreen))
        for words in ("Demo", "Import a file", "Open a store", "Connect Supabase", "URL and service key"):
            assert words in shown(closed_app)


async def test_offers_no_import_where_nothing_may_be_written(dealers: Dealers) -> None:
    app = BackfillApp(Doors(dealers.session, dealers.session, Settings(read_only=True)))
    async with driven(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
        assert "Import" not in shown(app)
        await pilot.press("i")
        assert isinstance(app.screen, WelcomeScreen)


@pytest.mark.parametrize("keys", [("d",), ("enter",)])
async def test_the_demo_is_a_key_away(closed_app: BackfillApp, keys: tuple[str, ...]) -> None:
    async with driven(closed_app) as pilot:
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(closed_app.screen, InventoryScreen))
        await until(pilot, lambda: "Gulf Motorcars" in shown(closed_app))


async def test_opens_the_store_of_a_folder(closed_app: BackfillApp, dealers: Dealers) -> None:
    async with driven(closed_app) as pilot:
        await pilot.press("o")
        await until(pilot, lambda: isinstance(closed_app.screen, PromptScreen))
        closed_app.screen.query_one(Field).value = str(dealers.folder)
        await pilot.press("enter")
        await until(pilot, lambda: "Gulf Motorcars" in shown(closed_app))
        assert closed_app.session is not None
        assert closed_app.session.settings.store == f"local:{dealers.folder}"


async def test_escape_leaves_a_prompt_without_opening_anything(closed_app: BackfillApp, dealers: Dealers) -> None:
    async with driven(closed_app) as pilot:
        await pilot.press("o", "escape")
        await until(pilot, lambda: isinstance(closed_app.screen, WelcomeScreen))
        assert dealers.opened == []


async def test_says_why_a_store_does_not_open() -> None:
    async def refuse(*_: object) -> Session:
        raise Problem(f"{NASTY} is not connected yet.")

    app = BackfillApp(Doors(refuse, refuse))
    async with driven(app) as pilot:
        await pilot.press("d")
        await until(pilot, lambda: "Kyoto is not connected yet." in shown(app))
        assert "\x1b" not in shown(app)


async def test_imports_into_the_default_store_and_shows_it(
    closed_app: BackfillApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app.screens.importing.default_store", lambda: f"local:{tmp_path / 'fresh'}")
    feed = tmp_path / "feed.csv"
    feed.write_text("vin,make,model,year,dealership_name,image_link\n1A,Saab,96,1970,Nordic,https://a.example/1.jpg\n")
    async with driven(closed_app) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: isinstance(closed_app.screen, ImportScreen))
        closed_app.screen.query_one("#path", Field).value = str(feed)
        await pilot.press("enter")
        await until(pilot, lambda: "1 inserted" in shown(closed_app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(closed_app.screen, InventoryScreen))
        await until(pilot, lambda: "1970 Saab 96" in shown(closed_app))


async def test_import_tells_bad_lines_with_number_and_reason(app: BackfillApp, tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text('{"vin": "X1", "make": "Saab", "image_urls": []}\nnot json\n')
    async with driven(app) as pilot:
        await until(pilot, lambda: "36 images" in shown(app))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen))
        app.screen.query_one("#path", Field).value = str(feed)
        await pilot.press("tab", *"Acme", "enter")
        await until(pilot, lambda: "1 inserted" in shown(app) and "1 line left out" in shown(app))
        assert "line 2" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: "Acme" in shown(app))


async def test_import_of_a_file_that_is_not_there_can_be_corrected(app: BackfillApp, tmp_path: Path) -> None:
    async with driven(app) as pilot:
        await until(pilot, lambda: "36 images" in shown(app))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportScreen))
        await pilot.press(*"/nowhere.csv", "enter")
        await until(pilot, lambda: "nowhere.csv" in str(app.screen.query_one("#import-error").render()))
        assert app.screen.focused is app.screen.query_one("#path")


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36)])
async def test_a_key_without_a_project_is_told(dealers: Dealers, size: tuple[int, int]) -> None:
    app = BackfillApp(Doors(dealers.session, dealers.session, Settings(supabase_key=Secret("sb_secret_x"))))
    async with driven(app, size) as pilot:
        await until(pilot, lambda: "no SUPABASE_URL" in shown(app))
        assert "sb_secret_x" not in shown(app)
        await pilot.press("d")
        await until(pilot, lambda: app.session is not None and isinstance(app.screen, InventoryScreen))
        app.action_welcome()
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen) and "Connect Supabase" in shown(app))
        assert "no SUPABASE_URL" not in shown(app)
