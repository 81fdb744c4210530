from __future__ import annotations

from pathlib import Path

import pytest

from tui.cli import main
from tui.stores.schema import VERSION, drop_script, install_script


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("BACKFILL_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.chdir(tmp_path)


def test_the_script_goes_to_stdout_alone_and_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    out, err = capsys.readouterr()
    assert (out.strip(), err) == (install_script().strip(), "")
    head = out[: out.index("BEGIN;")]
    assert "may be run again" in head
    assert "schema --drop" in head


def test_the_table_of_organizations_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--organizations-table", "dealers"]) == 0
    named = capsys.readouterr().out
    assert named.count("'dealers'") == 1
    assert named.replace("'dealers'", "''", 1).strip() == install_script().strip()
    assert main(["schema", "--organizations-table", "a'; drop table x"]) == 2


def test_the_version_is_the_one_in_the_script() -> None:
    assert VERSION >= 1
    assert f":= {VERSION}; -- image_backfill_version" in install_script()


def test_the_removal_is_a_script_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--drop"]) == 0
    assert capsys.readouterr().out.strip() == drop_script().strip()
