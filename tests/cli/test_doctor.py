from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.stack import Project
from tui.cli import main


@pytest.fixture
def at(production: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that the environment leads to."""
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BACKFILL_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("SUPABASE_URL", production.url)
    monkeypatch.setenv("SUPABASE_SECRET_KEY", production.secret_key)
    monkeypatch.delenv("SUPABASE_SERVICE_ROLE_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    return production


@pytest.fixture
def without_bucket(at: Project) -> Project:
    headers = {"apikey": at.service_key, "Authorization": f"Bearer {at.service_key}"}
    httpx.delete(f"{at.url}/storage/v1/bucket/vehicle-images", headers=headers).raise_for_status()
    return at


def test_each_finding_is_a_line_with_the_advice_under_it(at: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert lines[0].startswith("ok    project             127.0.0.1:")
    (warned,) = (number for number, line in enumerate(lines) if line.startswith("warn"))
    assert "our SQL" in lines[warned]
    assert lines[warned + 1].startswith("      Run what `backfill-tui schema` prints")


def test_what_fails_is_the_exit_code(without_bucket: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 1
    assert "fail  bucket" in capsys.readouterr().out


def test_json_is_one_object(without_bucket: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 1
    answered = json.loads(capsys.readouterr().out)
    assert (answered["success"], answered["mended"]) == (False, [])
    (bucket,) = (finding for finding in answered["findings"] if finding["subject"] == "bucket")
    assert (bucket["health"], bucket["remedy"]) == ("fail", "bucket")


def test_it_mends_without_asking_where_it_was_told_to(
    without_bucket: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--fix", "--yes", "--json"]) == 0
    answered = json.loads(capsys.readouterr().out)
    assert answered["success"]
    assert len(answered["mended"]) == 1
    assert main(["doctor", "--fix", "--yes"]) == 0
    assert "nothing that the doctor could mend" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [(["--fix"], "--yes"), (["--fix", "--yes", "--read-only"], "read-only"), (["--yes"], "--fix")],
)
def test_without_a_terminal_or_a_right_nothing_is_mended(
    without_bucket: Project, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["doctor", *words]) != 0
    assert says in capsys.readouterr().err
    assert not without_bucket.gateway.requests(r"^(POST|PUT) /storage/")


def test_a_local_store_is_examined_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "feed.csv").write_text("title,link,image_link\nA,https://x.example/1,https://a.example/1.jpg\n")
    assert main(["import", str(tmp_path / "feed.csv"), "--store", f"local:{tmp_path / 's'}"]) == 0
    capsys.readouterr()
    assert main(["doctor", "--store", f"local:{tmp_path / 's'}"]) == 0
    assert "ok    folder" in capsys.readouterr().out
    assert main(["doctor", "--store", f"local:{tmp_path / 'feed.csv'}"]) == 1
    assert main(["doctor", "--store", "gopher:x"]) == 2


@pytest.fixture
def terminal(without_bucket: Project) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`doctor --fix` on a terminal of its own, and the terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tui.cli", "doctor", "--fix"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        yield process, ours
        process.kill()
    os.close(ours)


def read_until(terminal: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        assert select.select([terminal], [], [], 60)[0], seen
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # its other end has closed
            break
    return seen


@pytest.mark.parametrize(("said", "code"), [(b"y\n", 0), (b"\n", 1)])
def test_it_asks_before_it_mends(
    terminal: tuple[subprocess.Popen[bytes], int], without_bucket: Project, said: bytes, code: int
) -> None:
    process, ours = terminal
    assert b"Create the public bucket" in read_until(ours, b"[y/N]")
    assert not without_bucket.gateway.requests(r"^(POST|PUT) /storage/")
    os.write(ours, said)
    rest = read_until(ours, b"no end")
    assert process.wait(60) == code
    assert (b"is made" in rest) is (code == 0)
    assert bool(without_bucket.gateway.requests(r"^POST /storage/")) is (code == 0)


def test_an_interrupt_ends_the_question(terminal: tuple[subprocess.Popen[bytes], int], without_bucket: Project) -> None:
    process, ours = terminal
    read_until(ours, b"[y/N]")
    process.send_signal(2)
    assert process.wait(60) == 130
    assert b"Traceback" not in read_until(ours, b"no end")
    assert not without_bucket.gateway.requests(r"^POST /storage/")
