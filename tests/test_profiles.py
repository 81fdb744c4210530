from __future__ import annotations

import json
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tui.settings import (
    Profile,
    Secret,
    Settings,
    SettingsError,
    default_store,
    forget,
    load_settings,
    profiles,
    remember,
    remembered,
)

PROFILES = """
[profiles.production]
supabase_url = "https://prod.supabase.co"
color = "red"
key_variable = "PROD_SERVICE_KEY"
read_only = true

[profiles.staging]
supabase_url = "https://staging.supabase.co/rest/v1/"
color = "green"
key_variable = "STAGING_KEY"

[profiles.bare]
supabase_url = "https://bare.supabase.co"

[profiles.desk]
store = "local:~/x"
"""
AMBIENT = {"SUPABASE_URL": "https://ambient.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "ambient-key"}
KEYS = {"PROD_SERVICE_KEY": "prod-key", "STAGING_KEY": "staging-key"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "config.toml").write_text(PROFILES)
    return {"BACKFILL_CONFIG": str(tmp_path / "config.toml")}


def load(environ: dict[str, str], folder: Path, **flags: object) -> Settings:
    return load_settings(flags, environ, folder)


def test_a_url_and_a_key_make_the_project_the_store(environ: dict[str, str], tmp_path: Path) -> None:
    settings = load(environ | AMBIENT, tmp_path)
    assert (settings.store, settings.project) == ("supabase", "https://ambient.supabase.co")
    assert not settings.lacks


def test_a_key_without_a_project_leaves_the_local_store(environ: dict[str, str], tmp_path: Path) -> None:
    named = {name: value for name, value in AMBIENT.items() if name != "SUPABASE_URL"}
    assert load(environ | named, tmp_path).store == default_store()


def test_a_project_without_a_key_is_not_worked_on_elsewhere(environ: dict[str, str], tmp_path: Path) -> None:
    settings = load(environ | {"SUPABASE_URL": AMBIENT["SUPABASE_URL"]}, tmp_path)
    assert settings.store == "supabase"
    assert "there is no key for https://ambient.supabase.co" in settings.lacks


def test_a_store_that_was_chosen_wins_over_the_project(environ: dict[str, str], tmp_path: Path) -> None:
    assert load(environ | AMBIENT, tmp_path, store="local:a").store == "local:a"
    assert load(environ | AMBIENT | {"BACKFILL_STORE": "local:b"}, tmp_path).store == "local:b"
    (tmp_path / "config.toml").write_text("store = 'local:c'")
    assert load(environ | AMBIENT, tmp_path).store == "local:c"


def test_a_profile_never_ends_up_on_the_project_of_the_environment(environ: dict[str, str], tmp_path: Path) -> None:
    settings = load(environ | AMBIENT | KEYS, tmp_path, profile="staging")
    assert settings.project == settings.supabase_url == "https://staging.supabase.co"
    assert settings.supabase_key.reveal() == "staging-key"
    assert (settings.profile, settings.color, settings.read_only) == ("staging", "green", False)


def test_a_profile_never_sends_the_key_of_another_project(environ: dict[str, str], tmp_path: Path) -> None:
    unset = load(environ | AMBIENT, tmp_path, profile="staging")
    assert not unset.supabase_key
    assert "STAGING_KEY" in unset.lacks
    bare = load(environ | AMBIENT, tmp_path, profile="bare")
    assert not bare.supabase_key
    assert "key_variable" in bare.lacks


@pytest.mark.parametrize("url", ["", "https://BARE.supabase.co/"])
def test_the_usual_key_serves_a_profile_where_no_other_project_is_meant(
    environ: dict[str, str], tmp_path: Path, url: str
) -> None:
    ambient = {"SUPABASE_SECRET_KEY": "usual"} | ({"SUPABASE_URL": url} if url else {})
    assert load(environ | ambient, tmp_path, profile="bare").supabase_key.reveal() == "usual"


def test_a_key_variable_may_stand_in_dotenv_and_the_environment_wins(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STAGING_KEY=from-dotenv")
    assert load(environ, tmp_path, profile="staging").supabase_key.reveal() == "from-dotenv"
    assert load(environ | KEYS, tmp_path, profile="staging").supabase_key.reveal() == "staging-key"


def test_a_profile_may_be_a_local_store(environ: dict[str, str], tmp_path: Path) -> None:
    settings = load(environ | AMBIENT, tmp_path, profile="desk")
    assert (settings.store, settings.project, settings.supabase_url) == ("local:~/x", "", "")
    assert not settings.supabase_key


def test_the_strongest_source_that_names_a_profile_or_a_store_decides(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f"profile = 'production'\n{PROFILES}")
    assert load(environ | AMBIENT, tmp_path).profile == "production"
    assert load(environ | {"BACKFILL_PROFILE": "staging"}, tmp_path).profile == "staging"
    assert load(environ | {"BACKFILL_PROFILE": ""}, tmp_path).profile == ""
    assert load(environ | {"BACKFILL_PROFILE": "staging"}, tmp_path, profile="desk").profile == "desk"
    aside = load(environ | {"BACKFILL_STORE": "local:a"}, tmp_path)
    assert (aside.store, aside.profile, aside.color, aside.read_only) == ("local:a", "", "none", False)
    assert load(environ, tmp_path, store="local:b").profile == ""
    with pytest.raises(SettingsError, match="exclude each other"):
        load(environ, tmp_path, store="local:b", profile="desk")


@pytest.mark.parametrize(
    ("profile", "env", "flags", "read_only"),
    [
        ("production", {"BACKFILL_READ_ONLY": "no"}, {}, True),
        ("staging", {"BACKFILL_READ_ONLY": "yes"}, {}, True),
        ("staging", {}, {"read_only": True}, True),
        ("staging", {}, {}, False),
        ("", {}, {"read_only": True}, True),
    ],
)
def test_who_says_read_only_is_heard(
    environ: dict[str, str],
    tmp_path: Path,
    profile: str,
    env: dict[str, str],
    flags: dict[str, object],
    read_only: bool,
) -> None:
    assert load(environ | env, tmp_path, profile=profile, **flags).read_only is read_only


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            "[profiles.a]\nsupabase_ulr = 'https://a.example'",
            ["profiles.a.supabase_ulr", "did you mean 'supabase_url'?"],
        ),
        ("[profiles.a]\nstore = 'local:x'\ncolor = 'redd'", ["profiles.a.color", "red, amber", "did you mean 'red'?"]),
        ("[profiles.a]\ncolor = 'red'", ["profiles.a", "either supabase_url or store"]),
        ("[profiles.a]\nstore = 'local:x'\nsupabase_url = 'https://a.example'", ["either supabase_url or store"]),
        ("[profiles.a]\nsupabase_url = 'a.example'", ["profiles.a.supabase_url", "https://abcdefgh.supabase.co"]),
        ("[profiles.a]\nsupabase_key = 'hush'", ["profiles.a.supabase_key", "key_variable", ".env"]),
        ("[profiles.a]\nkey_variable = 'sb_secret_hush'", ["profiles.a.key_variable", "never the key itself"]),
        ("[profiles.a]\nkey_variable = 'eyJhush.b.c'", ["profiles.a.key_variable", "never the key itself"]),
        ("supabase_key = 'hush'", ["config.toml: supabase_key", "SUPABASE_SERVICE_ROLE_KEY"]),
        ("profiles = 3", ["[profiles.production]"]),
        ("profiles.a = 3", ["profiles.a", "must be a table"]),
        ("profile = 'stagin'\n[profiles.staging]\nstore = 'local:x'", ["'stagin'", "did you mean 'staging'?"]),
        ("profile = 'x'\n[profiles.staging]\nstore = 'local:x'", ["'x'", "there are staging"]),
        ("profile = 'x'", ["'x'", "none is written down"]),
    ],
)
def test_a_bad_profile_names_file_key_and_the_nearest(
    environ: dict[str, str], tmp_path: Path, toml: str, says: list[str]
) -> None:
    (tmp_path / "config.toml").write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load(environ, tmp_path)
    for words in ("config.toml", *says):
        assert words in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"SUPABASE_URL": "sb_secret_hush"},
        {"SUPABASE_URL": "https://me:hush@a.example"},
        {"SUPABASE_URL": "https://a.example?apikey=hush"},
        {"SUPABASE_URL": "https://a.example:hush"},
        {"SUPABASE_SERVICE_ROLE_KEY": "hush\nhush"},
        {"SUPABASE_SERVICE_ROLE_KEY": "hush hüsh"},
        {"SUPABASE_SERVICE_ROLE_KEY": "https://hush.example"},
        {"BACKFILL_STORE": "supabase:hush"},
        {"BACKFILL_KEY_VARIABLE": "sb_secret_hush"},
    ],
)
def test_a_value_that_may_be_a_secret_is_not_repeated(
    environ: dict[str, str], tmp_path: Path, environment: dict[str, str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ | environment, tmp_path)
    assert next(iter(environment)) in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_connection_that_was_typed_takes_the_place_of_everything(environ: dict[str, str], tmp_path: Path) -> None:
    environ = environ | AMBIENT | {"BACKFILL_STORE": "local:a"}
    typed = Profile("", supabase_url="https://typed.supabase.co/", color="blue")
    settings = load_settings({"profile": "staging", "limit": "7"}, environ, tmp_path, connection=typed, key=Secret("k"))
    assert settings.store == "supabase:https://typed.supabase.co"
    assert (settings.project, settings.supabase_key) == ("https://typed.supabase.co", Secret("k"))
    assert (settings.profile, settings.color, settings.limit) == ("", "blue", 7)
    named = load_settings({}, environ, tmp_path, connection=replace(typed, name="mine"), key=Secret("k"))
    assert (named.store, named.profile) == ("supabase", "mine")
    with pytest.raises(SettingsError, match=r"project's address"):
        load_settings({}, environ, tmp_path, connection=Profile("", supabase_url="typed"))


def test_a_remembered_connection_is_a_profile(environ: dict[str, str], tmp_path: Path) -> None:
    assert remembered(environ) == ()
    mine = Profile("mine", supabase_url="https://mine.supabase.co", color="violet", read_only=True)
    remember(mine, environ)
    remember(Profile("staging", supabase_url="https://other.supabase.co"), environ)
    assert [profile.name for profile in remembered(environ)] == ["mine", "staging"]
    assert [profile.name for profile in profiles(environ)] == ["production", "staging", "bare", "desk", "mine"]
    settings = load(environ | AMBIENT, tmp_path, profile="mine")
    assert (settings.project, settings.color, settings.read_only) == ("https://mine.supabase.co", "violet", True)
    assert load(environ | KEYS, tmp_path, profile="staging").project == "https://staging.supabase.co"
    assert forget("mine", environ)
    assert not forget("mine", environ)
    assert [profile.name for profile in remembered(environ)] == ["staging"]


def test_what_is_remembered_is_for_its_owner_alone_and_holds_no_key(environ: dict[str, str], tmp_path: Path) -> None:
    remember(Profile("mine", supabase_url="https://mine.supabase.co", key_variable="MINE"), environ)
    path = tmp_path / "connections.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {
        "mine": {"supabase_url": "https://mine.supabase.co", "key_variable": "MINE"}
    }
    assert {item.name for item in tmp_path.iterdir()} == {"config.toml", "connections.json"}


@pytest.mark.parametrize("name", ["", " ", "a\x1bb", "x" * 41])
def test_a_connection_without_a_printable_name_is_not_remembered(environ: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match="printable"):
        remember(Profile(name, supabase_url="https://mine.supabase.co"), environ)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 3}', '{"a": {"color": "red"}}'])
def test_a_damaged_memory_is_told_and_stands_in_nobodys_way(
    environ: dict[str, str], tmp_path: Path, content: str
) -> None:
    (tmp_path / "connections.json").write_text(content)
    with pytest.raises(SettingsError, match=r"connections\.json"):
        remembered(environ)
    assert load(environ, tmp_path, profile="production").profile == "production"


def test_a_folder_that_cannot_be_written_is_told() -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        remember(Profile("mine", supabase_url="https://a.example"), {"BACKFILL_CONFIG": "/proc/none/config.toml"})


def test_another_store_is_no_profiles(environ: dict[str, str], tmp_path: Path) -> None:
    elsewhere = load(environ | KEYS, tmp_path, profile="production").at("local:x")
    assert (elsewhere.store, elsewhere.profile, elsewhere.color, elsewhere.project) == ("local:x", "", "none", "")
    assert elsewhere.read_only


def test_no_dump_of_settings_lays_the_key_open(environ: dict[str, str], tmp_path: Path) -> None:
    settings = load(environ | AMBIENT, tmp_path)
    assert "ambient-key" not in f"{settings} {asdict(settings)}"


def test_the_address_of_a_project_is_cut_to_its_origin(environ: dict[str, str], tmp_path: Path) -> None:
    for given, kept in {
        " https://A.supabase.co/rest/v1/ ": "https://a.supabase.co",
        "http://127.0.0.1:54321/": "http://127.0.0.1:54321",
        "https://data.example/supabase/storage/v1": "https://data.example/supabase",
    }.items():
        assert load(environ | {"SUPABASE_URL": given}, tmp_path).supabase_url == kept
