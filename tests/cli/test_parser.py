from __future__ import annotations

import re
from pathlib import Path

import pytest

from tui import __version__
from tui.cli.parser import SETTING_FLAGS, parse
from tui.settings import SettingsError
from tui.settings.sources import FLAGS_ALONE


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.touch()
    monkeypatch.setenv("BACKFILL_CONFIG", str(config))
    monkeypatch.chdir(tmp_path)


def test_no_command_means_the_app() -> None:
    assert parse([]).command is None


def test_the_flags_of_the_original_script() -> None:
    words = "run --limit 500 --batch-size 20 --max-images 5 --organization-id a --organization-id b --dry-run"
    arguments = parse(words.split())
    settings = arguments.settings
    assert (settings.limit, settings.batch_size, settings.max_images) == (500, 20, 5)
    assert arguments.organization_ids == ("a", "b")
    assert arguments.dry_run


@pytest.mark.parametrize("words", [["--demo", "run"], ["run", "--demo"], ["run", "--demo="]])
def test_a_bare_demo_never_eats_the_next_word(words: list[str]) -> None:
    arguments = parse(words)
    assert (arguments.command, arguments.demo) == ("run", Path())


@pytest.mark.parametrize("words", [["--demo=x", "run"], ["run", "--demo=x"]])
def test_a_demo_folder_before_or_behind_the_command(words: list[str]) -> None:
    assert parse(words).demo == Path("x")


@pytest.mark.parametrize("words", [["--store", "local:a", "status"], ["status", "--store", "local:a"]])
def test_a_store_before_or_behind_the_command(words: list[str]) -> None:
    assert parse(words).settings.store == "local:a"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("run --limit ten", "--limit must be a whole number"),
        ("run --limit 0", "--limit must be a whole number between 1 and"),
        ("run --pace fats", "did you mean 'fast'?"),
        ("run --verify decod", "did you mean 'decode'?"),
        ("run --batchsize 3", "--batchsize"),
        ("runn", "runn"),
        ("import", "FILE"),
        ("orgs --rows -1", "--rows"),
        ("orgs --offset 99999999999999999999", "not a whole number between 0 and 1,000,000,000"),
        (f"vehicles --rows {'9' * 5_000}", "not a whole number between 0 and 1,000,000,000"),
        ("run --workers 65", "not a whole number between 1 and 64"),
        ("--demo --store local:x", "exclude each other"),
    ],
)
def test_a_bad_word_is_one_sentence(words: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(words.split())
    assert says in str(caught.value)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["--version"])
    assert caught.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_flags_that_choose_a_deployment_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("profile = 'desk'\n[profiles.desk]\nstore = 'local:x'\ncolor = 'red'")
    assert parse(["status"]).settings.profile == "desk"
    assert parse(["--demo", "status"]).settings.color == "none"
    for words, says in ((["--demo", "--profile", "desk"], "--demo"), (["--store", "local:a", "--profile", "desk"], "")):
        with pytest.raises(SettingsError, match=f"{says}.*exclude each other"):
            parse(words)
    with pytest.raises(SettingsError, match="did you mean 'desk'"):
        parse(["--profile", "dask", "status"])


@pytest.mark.parametrize("words", [["--read-only", "status"], ["status", "--read-only"]])
def test_read_only_before_or_behind_the_command(words: list[str]) -> None:
    assert parse(words).settings.read_only


def test_the_settings_know_which_flags_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    flags: set[str] = set()
    for command in ("", "run", "status", "orgs", "vehicles", "import", "doctor", "schema"):
        with pytest.raises(SystemExit):
            parse([*command.split(), "--help"])
        flags |= set(re.findall(r"--([a-z-]+)", capsys.readouterr().out.partition("options:")[2]))
    assert {flag.replace("-", "_") for flag in flags} - set(SETTING_FLAGS) == FLAGS_ALONE
