from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.web import Web
from tests.support.world import listing
from tui.model import Problem, RunOptions
from tui.settings import Settings, default_store
from tui.trickle.session import Session, open_session


async def test_a_session_knows_the_command_that_opens_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = await open_session(Settings(store=default_store()))
    other = await open_session(Settings(store=f"local:{tmp_path / 'other'}"))
    assert usual.command == "backfill-tui"
    assert other.command == f"backfill-tui --store local:{tmp_path / 'other'}"
    await usual.close()
    await other.close()


async def test_a_run_of_a_session_follows_its_settings(tmp_path: Path, web: Web) -> None:
    settings = Settings(store=f"local:{tmp_path / 's'}", hosts={"img.test.example": (1, None)}, contact="me@a.example")
    opened = await open_session(settings)
    session = Session(opened.store, settings, "test", exempt=web.exempt)
    await session.store.intake([listing(web, 0, images=3)])
    trickle = session.trickle(RunOptions(pace="fast"))
    seen = await trickle.run()
    assert seen.tally.stored == 3
    assert [(host.host, host.slots, host.rate) for host in seen.hosts] == [("img.test.example", 1, 16.0)]
    await session.close()


async def test_what_cannot_be_opened_says_so() -> None:
    with pytest.raises(Problem, match="gopher"):
        await open_session(Settings(store="gopher:x"))
