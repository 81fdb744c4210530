"""No command lets a key out, whatever goes wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import Project
from tui.cli import main
from tui.settings import Profile, SettingsError, remember

KEY = "sb_secret_hush_hush_hush"
COMMANDS = (
    ["status"],
    ["orgs", "--json"],
    ["vehicles"],
    ["run"],
    ["run", "--dry-run"],
    ["doctor"],
    ["doctor", "--json"],
)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BACKFILL_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.delenv("SUPABASE_SECRET_KEY", raising=False)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", KEY)
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) in (1, 2)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out + err


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_key_that_the_project_does_not_take(
    production: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setenv("SUPABASE_URL", production.url)
    words_said = said(capsys, *words)
    assert "does not take the key" in words_said
    assert "hush" not in words_said


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("nonsense", KEY),
        ("https://me:hush_hush@a.example", KEY),
        (KEY, "https://a.example"),
        ("https://a.example", f"{KEY} {KEY}"),
        ("https://a.example", f"{KEY}\r\nX-Hush: {KEY}"),
        ("https://a.example", f"{KEY}é"),
        ("postgresql://postgres:hush@db.a.example/postgres", KEY),
        ("https://supabase.com/dashboard/project/abcdefghijklmnop", KEY),
    ],
)
def test_values_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, key: str
) -> None:
    monkeypatch.setenv("SUPABASE_URL", url)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", key)
    for words in (["status"], ["status", "--json"], ["doctor"]):
        assert "hush" not in said(capsys, *words)


def test_a_key_in_a_wrong_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SUPABASE_SERVICE_ROLE_KEY")
    for toml in (
        f"supabase_key = '{KEY}'",
        f"key_variable = '{KEY}'",
        f"supabase_url = '{KEY}'",
        f"[profiles.a]\nsupabase_url = 'https://a.example'\nkey_variable = '{KEY}'",
        f"supabase_key = '{KEY}",
    ):
        (tmp_path / "config.toml").write_text(toml)
        assert "hush" not in said(capsys, "status")


DATABASE = "postgresql://postgres:hu:s@h/hush@db.abcdefghijklmnopqrst.supabase.co:5432/postgres"


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--store", DATABASE),
        ("status", "--store", f"local:{DATABASE}"),
        ("doctor", "--store", f"supabase:{DATABASE}"),
        ("doctor", "--store", KEY),
        ("status", "--profile", KEY),
        ("status", "--profile", f"eyJ{'hush' * 40}"),
        ("status", "--profile", DATABASE),
        ("doctor", "--profile", "me:hush@a.example"),
        ("status", KEY),
        ("run", "--limit", "5", DATABASE),
        (f"--{KEY}",),
    ],
    ids=range(11),
)
def test_a_secret_on_the_command_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert "hush" not in said(capsys, *words)


@pytest.mark.parametrize("name", ["STORE", "PROFILE"])
def test_a_secret_in_a_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    for value in (DATABASE, KEY):
        monkeypatch.setenv(f"BACKFILL_{name}", value)
        assert "hush" not in said(capsys, "status")


@pytest.mark.parametrize("name", [KEY, "eyJhush.hush.hush", "hush" * 20, DATABASE[:40]])
def test_a_secret_as_the_name_of_a_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    for toml in (f"[profiles.'{name}']\nsupabase_url = 'https://a.example'", f"[profiles]\n'{name}' = 3"):
        (tmp_path / "config.toml").write_text(toml)
        assert "hush" not in said(capsys, "status")
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(SettingsError) as caught:
        remember(Profile(name, "https://a.example"))
    assert "hush" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def spawned(*words: str, url: str) -> subprocess.Popen[str]:
    environ = os.environ | {"SUPABASE_URL": url, "PYTHONDEVMODE": "1", "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-m", "tui.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


@pytest.mark.parametrize("words", [["status"], ["doctor"]], ids=" ".join)
def test_python_in_development_mode_and_an_interrupt(words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        with spawned(*words, url=f"http://127.0.0.1:{server.getsockname()[1]}") as process:
            asked, _ = server.accept()
            asked.recv(1)  # the request is under way, and nobody answers it
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            asked.close()
    assert process.returncode == 130
    assert "hush" not in out + err
    assert "Traceback" not in err


def test_a_project_out_of_reach_in_development_mode() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with spawned("status", url=f"http://127.0.0.1:{nobody.getsockname()[1]}") as process:
            out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "cannot be reached" in err
    assert "hush" not in out + err
