from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from tests.app.conftest import Dealers
from tests.support.pilot import driven, shown, until
from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.connect import ConnectScreen
from tui.app.screens.doctor import DoctorScreen
from tui.app.screens.inventory import InventoryScreen
from tui.app.screens.welcome import WelcomeScreen
from tui.app.widgets.connect_form import ConnectForm
from tui.app.widgets.connect_lines import known, paint
from tui.app.widgets.field import Field, KeyField
from tui.app.widgets.ink import Ink, Line, line_width
from tui.model import Problem
from tui.settings import Profile, Secret, Settings, load_settings, remember, remembered
from tui.stores.supabase import doctor
from tui.trickle.session import Session

KEY = "sb_secret_f00dfeedf00dfeed"
URL = "https://abc.supabase.co"
PRODUCTION = Profile("production", URL, color="red", key_variable="PROD_SERVICE_KEY", read_only=True)
STAGING = Profile("staging", "https://def.supabase.co", color="green")

FILE = """
[profiles.production]
supabase_url = "https://abc.supabase.co"
color = "red"
key_variable = "PROD_SERVICE_KEY"
read_only = true
"""


def jwt(**claims: object) -> str:
    """A key that claims this; nobody checks its signature here."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2ln"


def text(line: Line) -> str:
    return "".join(piece.text for piece in line)


@dataclass
class Projects:
    """Projects that open as the dealers' store; those in `refused` do not."""

    dealers: Dealers
    refused: set[str] = field(default_factory=set)
    opened: list[Settings] = field(default_factory=list)

    async def open(self, settings: Settings) -> Session:
        self.opened.append(settings)
        if settings.project in self.refused:
            raise Problem("\x1b[31mthe project refuses the key: give a service key.")
        session = await self.dealers.session()
        shown_as = replace(settings, store=session.settings.store)
        return replace(session, settings=shown_as, title=settings.profile or settings.project, color=settings.color)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file with a profile, away from the user's own and from variables of this machine."""
    for name in ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config" / "config.toml"
    path.parent.mkdir()
    path.write_text(FILE)
    monkeypatch.setenv("BACKFILL_CONFIG", str(path))
    monkeypatch.chdir(path.parent)
    return path


@pytest.fixture
def projects(dealers: Dealers, config: Path) -> Projects:
    return Projects(dealers)


@pytest.fixture
def hasty_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom a project out of reach does not keep for long."""
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)


@pytest.fixture
def connecting_app(projects: Projects) -> BackfillApp:
    return BackfillApp(Doors(projects.dealers.session, projects.open))


async def connecting(pilot: Pilot[None], app: BackfillApp) -> ConnectScreen:
    await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))
    await pilot.press("c")
    await until(pilot, lambda: isinstance(app.screen, ConnectScreen) and app.screen.asked)
    screen = app.screen
    assert isinstance(screen, ConnectScreen)
    return screen


async def type_in(pilot: Pilot[None], screen: ConnectScreen, **values: str) -> None:
    for name, value in values.items():
        screen.query_one(f"#{name}", Field).value = value
    screen.form.ask_for("key")
    await pilot.pause()


def test_profiles_tell_where_their_key_comes_from(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(profile: Profile) -> str:
        return known(profile, load_settings(connection=profile), remembered=False).key

    assert told(STAGING) == "asks for the key"
    assert told(PRODUCTION) == "PROD_SERVICE_KEY is not set"
    assert told(Profile("here", store="local:/tmp/x")) == ""
    monkeypatch.setenv("PROD_SERVICE_KEY", KEY)
    assert told(PRODUCTION) == "key from PROD_SERVICE_KEY"
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", KEY)
    assert told(STAGING) == "key from the environment"


@pytest.mark.parametrize("width", range(58, 200, 13))
def test_profiles_fit_and_keep_their_colour(width: int, config: Path) -> None:
    line = paint(known(PRODUCTION, load_settings(connection=PRODUCTION), remembered=False), width)
    assert line_width(line) <= width
    assert line[1].ink is Ink.ON_RED
    assert line[1].text.startswith(" production")
    assert "PROD_SERVICE_KEY is not set" in text(line)


def test_the_messages_of_a_key_field_do_not_show_it() -> None:
    field = KeyField()
    assert KEY not in repr(field.Changed(field, KEY))
    assert KEY not in repr(field.Submitted(field, KEY))


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36), (200, 50)])
async def test_lists_profiles_and_a_form(connecting_app: BackfillApp, size: tuple[int, int]) -> None:
    remember(STAGING)
    async with driven(connecting_app, size) as pilot:
        await connecting(pilot, connecting_app)
        for words in (" production ", "PROD_SERVICE_KEY is not set", " staging ", "asks for the key", "2 profiles"):
            assert words in shown(connecting_app)
        for words in ("URL", "key", "name", "colour", "read-only", "Open", "Test"):
            assert words in shown(connecting_app)


async def test_enter_opens_a_profile_whose_key_is_at_hand(
    connecting_app: BackfillApp, projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROD_SERVICE_KEY", KEY)
    async with driven(connecting_app) as pilot:
        await connecting(pilot, connecting_app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(connecting_app.screen, InventoryScreen))
        await until(pilot, lambda: " production " in shown(connecting_app) and "read-only" in shown(connecting_app))
        (settings,) = projects.opened
        assert settings.supabase_key == Secret(KEY)
        assert (settings.project, settings.profile, settings.read_only) == (URL, "production", True)


async def test_a_profile_without_its_variable_says_which(connecting_app: BackfillApp, projects: Projects) -> None:
    async with driven(connecting_app) as pilot:
        await connecting(pilot, connecting_app)
        await pilot.press("enter")
        await until(pilot, lambda: "PROD_SERVICE_KEY, where" in shown(connecting_app))
        assert projects.opened == []


async def test_a_profile_without_a_key_asks_for_it(connecting_app: BackfillApp, projects: Projects) -> None:
    remember(STAGING)
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await pilot.press("down", "enter")
        assert connecting_app.focused is screen.query_one("#key")
        await pilot.press(*KEY)
        assert KEY not in shown(connecting_app)
        assert "•" * len(KEY) in shown(connecting_app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(connecting_app.screen, InventoryScreen))
        (settings,) = projects.opened
        assert (settings.supabase_key, settings.profile, settings.color) == (Secret(KEY), "staging", "green")


async def test_connects_and_remembers_all_but_the_key(
    connecting_app: BackfillApp, projects: Projects, config: Path
) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await pilot.press("tab", *URL, "enter", *KEY, "tab", *"mine", "tab", "right", "tab", "space", "shift+tab")
        key = screen.query_one("#key", KeyField)
        screen.form.ask_for("name")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(connecting_app.screen, InventoryScreen))
        await until(pilot, lambda: " mine " in shown(connecting_app))
        assert key.value == ""
        assert connecting_app.read_only
        assert remembered() == (Profile("mine", URL, color="red", read_only=True),)
        assert not [file for file in config.parent.iterdir() if KEY in file.read_text()]


async def test_a_bad_url_and_a_missing_key_are_told_in_place(connecting_app: BackfillApp, projects: Projects) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        screen.form.ask_for("answers")
        await pilot.press("enter")
        await until(pilot, lambda: "Give the project's URL" in shown(connecting_app))
        await type_in(pilot, screen, url="abc.supabase", key=KEY)
        await pilot.press("enter")
        told = "The URL must be a project's address such as https://abcdefgh.supabase.co."
        await until(pilot, lambda: told in " ".join(shown(connecting_app).split()))
        assert connecting_app.focused is screen.query_one("#url")
        await type_in(pilot, screen, url=URL, key=" ")
        await pilot.press("enter")
        await until(pilot, lambda: "Give the service key" in shown(connecting_app))
        assert connecting_app.focused is screen.query_one("#key")
        assert projects.opened == []


async def test_a_refused_key_is_told_in_place_and_never_shown(connecting_app: BackfillApp, projects: Projects) -> None:
    projects.refused.add(URL)
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await type_in(pilot, screen, url=URL, key=KEY, name="mine")
        await pilot.press("enter")
        await until(pilot, lambda: "the project refuses the key" in shown(connecting_app))
        assert connecting_app.screen is screen
        assert remembered() == ()
        assert KEY not in shown(connecting_app)
        assert KEY not in connecting_app.export_screenshot()
        key = screen.query_one("#key", KeyField)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(connecting_app.screen, WelcomeScreen))
        assert key.value == ""


async def test_a_key_cannot_be_copied(connecting_app: BackfillApp) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await type_in(pilot, screen, key=KEY)
        key = screen.query_one("#key", KeyField)
        key.select_all()
        await pilot.press("ctrl+c", "ctrl+x")
        assert connecting_app.clipboard == ""
        assert key.value == KEY


async def test_a_key_as_a_name_is_neither_repeated_nor_written(connecting_app: BackfillApp, projects: Projects) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        for name in (KEY, f"eyJ{'f00d' * 40}"):
            screen.error = ""
            await type_in(pilot, screen, url=URL, key=KEY, name=name)
            await pilot.press("enter")
            await until(pilot, lambda: "never a key" in " ".join(shown(connecting_app).split()))
            assert "f00d" not in screen.error
            assert connecting_app.focused is screen.query_one("#name")
        assert (projects.opened, remembered()) == ([], ())


async def test_a_key_that_is_typed_right_after_the_url_is_never_on_the_screen(connecting_app: BackfillApp) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        screen.form.ask_for("url")
        await until(pilot, lambda: connecting_app.focused is screen.query_one("#url"))
        for typed in (*"http://a", "tab", *"sb_secret_f00d"):
            connecting_app.post_message(events.Key(typed, "\t" if typed == "tab" else typed))
        await until(pilot, lambda: screen.query_one("#key", Field).value == "sb_secret_f00d")
        assert screen.query_one("#url", Field).value == "http://a"


@pytest.mark.parametrize(
    ("key", "kind"), [("sb_publishable_f00d", "a publishable key"), (jwt(role="anon"), "an anon key")]
)
async def test_a_public_key_is_refused_before_anybody_is_asked_and_looks_read_only(
    connecting_app: BackfillApp, projects: Projects, key: str, kind: str
) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await type_in(pilot, screen, url=URL, key=key)
        await pilot.press("enter")
        await until(pilot, lambda: f"This is {kind}, which cannot write" in " ".join(shown(connecting_app).split()))
        assert "service_role key" in screen.error
        assert key not in screen.error
        assert connecting_app.focused is screen.query_one("#key")
        assert projects.opened == []
        screen.form.fill(replace(screen.form.profile, read_only=True))
        screen.form.ask_for("key")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(connecting_app.screen, InventoryScreen))
        assert projects.opened[0].read_only


async def test_a_name_of_the_settings_file_is_not_taken_twice(connecting_app: BackfillApp, projects: Projects) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await type_in(pilot, screen, url=URL, key=KEY, name="production")
        await pilot.press("enter")
        await until(pilot, lambda: "has a profile of this name already" in " ".join(shown(connecting_app).split()))
        assert projects.opened == []


@pytest.mark.usefixtures("hasty_doctor")
async def test_test_lets_the_doctor_look_and_the_form_stays(connecting_app: BackfillApp) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await type_in(pilot, screen, url="http://127.0.0.1:9", key=KEY)
        screen.form.ask_for("answers")
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(connecting_app.screen, DoctorScreen) and "fail" in shown(connecting_app))
        assert "127.0.0.1:9" in shown(connecting_app)
        await pilot.press("escape")
        await until(pilot, lambda: connecting_app.screen is screen)
        assert screen.query_one(ConnectForm).secret == Secret(KEY)


async def test_a_remembered_connection_can_be_forgotten_and_a_written_one_cannot(connecting_app: BackfillApp) -> None:
    remember(STAGING)
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await pilot.press("f")
        assert connecting_app.screen is screen
        await pilot.press("down", "f")
        await until(pilot, lambda: isinstance(connecting_app.screen, ConfirmScreen))
        await pilot.press("right", "enter")
        await until(pilot, lambda: "1 profile" in shown(connecting_app))
        assert remembered() == ()


async def test_edit_fills_the_form(connecting_app: BackfillApp) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await pilot.press("e")
        assert screen.form.profile == PRODUCTION


@pytest.fixture
def broken_config(config: Path) -> None:
    config.write_text("[profiles.production]\ncolor = 3\n")


async def test_a_key_never_goes_to_another_project(connecting_app: BackfillApp) -> None:
    remember(STAGING)
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await pilot.press("down", "e", *KEY)
        assert screen.form.secret == Secret(KEY)
        screen.query_one("#connect-list").focus()
        await pilot.press("up", "e")
        assert screen.form.profile == PRODUCTION
        assert not screen.form.secret
        screen.query_one("#url", Field).value = "https://elsewhere.example"
        assert screen.form.profile.key_variable == ""


@pytest.mark.usefixtures("hasty_doctor")
async def test_a_click_on_a_word_does_it(connecting_app: BackfillApp) -> None:
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await type_in(pilot, screen, url="http://127.0.0.1:9", key=KEY)
        await pilot.click("#answers", offset=(13, 0))
        await until(pilot, lambda: isinstance(connecting_app.screen, DoctorScreen))


@pytest.mark.usefixtures("broken_config")
async def test_a_settings_file_that_cannot_be_read_is_told(connecting_app: BackfillApp) -> None:
    async with driven(connecting_app) as pilot:
        await connecting(pilot, connecting_app)
        await until(pilot, lambda: "profiles.production" in shown(connecting_app))


async def test_a_start_on_a_profile_without_a_key_asks_for_it(projects: Projects) -> None:
    remember(STAGING)
    settings = load_settings({"profile": "staging"})

    async def opening() -> Session:
        raise Problem(settings.lacks)

    app = BackfillApp(Doors(projects.dealers.session, projects.open, settings), opening)
    async with driven(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ConnectScreen) and app.screen.asked)
        assert "has no key" in " ".join(shown(app).split())
        assert isinstance(app.focused, KeyField)
        await pilot.press(*KEY, "enter")
        await until(pilot, lambda: isinstance(app.screen, InventoryScreen) and " staging " in shown(app))
        assert projects.opened[0].supabase_key == Secret(KEY)
        assert remembered() == (STAGING,)


async def test_a_refusal_behind_the_doctor_is_told_and_stays(connecting_app: BackfillApp, projects: Projects) -> None:
    projects.refused.add(URL)
    async with driven(connecting_app) as pilot:
        screen = await connecting(pilot, connecting_app)
        await connecting_app.push_screen(DoctorScreen(Settings()))
        connecting_app.open_session(lambda: projects.open(Settings(store="supabase", supabase_url=URL)))
        await until(pilot, lambda: "the project refuses the key" in " ".join(shown(connecting_app).split()))
        await pilot.press("escape")
        await until(pilot, lambda: connecting_app.screen is screen and "the project refuses" in shown(connecting_app))


async def test_escape_leaves_without_opening_anything(connecting_app: BackfillApp, projects: Projects) -> None:
    async with driven(connecting_app) as pilot:
        await connecting(pilot, connecting_app)
        await pilot.press("tab", *"https", "escape")
        await until(pilot, lambda: isinstance(connecting_app.screen, WelcomeScreen))
        assert projects.opened == []
