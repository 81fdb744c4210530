from __future__ import annotations

import gc
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from tests.images.cameras import camera, jpeg
from tests.support.web import Web
from tests.support.world import listing, vehicles
from tui.model import Problem, RunOptions, StoredImage
from tui.settings import HostPolicy, Secret, Settings, default_store
from tui.trickle.session import Session, command_for, open_session


async def test_a_session_knows_the_command_that_opens_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = await open_session(Settings(store=default_store()))
    other = await open_session(Settings(store=f"local:{tmp_path / 'other'}"))
    assert usual.command == "backfill-tui"
    assert other.command == f"backfill-tui --store local:{tmp_path / 'other'}"
    await usual.close()
    await other.close()


async def test_whoever_opens_a_run_spares_the_collector_what_is_loaded(tmp_path: Path) -> None:
    gc.unfreeze()
    session = await open_session(Settings(store=f"local:{tmp_path}"))
    session.trickle(RunOptions())
    frozen = gc.get_freeze_count()
    session.trickle(RunOptions())
    await session.close()
    assert frozen > 10_000
    assert gc.get_freeze_count() <= frozen, "a second run freezes no more"


async def test_a_run_of_a_session_follows_its_settings(tmp_path: Path, web: Web) -> None:
    settings = Settings(
        store=f"local:{tmp_path / 's'}", hosts={"img.test.example": HostPolicy(slots=1)}, contact="me@a.example"
    )
    opened = await open_session(settings)
    session = Session(opened.store, settings, "test", exempt=web.exempt)
    await session.store.intake([listing(web, 0, images=3)])
    trickle = session.trickle(RunOptions(pace="fast"))
    seen = await trickle.run()
    assert seen.tally.stored == 3
    assert [(host.host, host.slots, host.rate) for host in seen.hosts] == [("img.test.example", 1, 16.0)]
    await session.close()


def content_of(image: StoredImage) -> bytes:
    return Path(url2pathname(urlsplit(image.image_url).path)).read_bytes()


@pytest.mark.parametrize(("verify", "keep_gps"), [("decode", False), ("decode", True), ("structure", False)])
async def test_how_images_are_verified_is_a_setting(tmp_path: Path, web: Web, verify: str, keep_gps: bool) -> None:
    settings = Settings(store=f"local:{tmp_path / 's'}", verify=verify, keep_gps=keep_gps)
    opened = await open_session(settings)
    session = Session(opened.store, settings, "test", exempt=web.exempt)
    web.answers["v0/0"] = 200, jpeg(b"Exif\0\0" + camera())
    await session.store.intake([listing(web, 0, images=1)])
    await session.trickle(RunOptions(pace="unlimited")).run()
    (vehicle,) = await vehicles(session.store)
    (image,) = await session.store.images(vehicle.id)
    assert (image.width, image.height, image.orientation) == (64, 48, 6)
    assert image.taken_at == datetime(2019, 7, 4, 10, 30, 45, tzinfo=UTC)
    assert bool(image.perceptual_hash) == (verify == "decode")
    kept = content_of(image)
    assert (hashlib.sha256(kept).hexdigest(), len(kept)) == (image.file_hash, image.file_size)
    assert (camera() in kept) == keep_gps
    await session.close()


@pytest.mark.parametrize(
    ("policy", "sharing", "slots", "rate"),
    [(None, 3, 2, 16 / 3), ((6, 9.0), 3, 2, 3.0), ((1, None), 2, 1, 8.0), (None, 64, 1, 0.25)],
)
async def test_processes_that_share_a_pace_keep_it_together(
    tmp_path: Path, web: Web, policy: tuple[int, float] | None, sharing: int, slots: int, rate: float
) -> None:
    hosts = {"img.test.example": HostPolicy(*policy)} if policy else {}
    opened = await open_session(Settings(store=f"local:{tmp_path / 's'}", hosts=hosts))
    session = Session(opened.store, opened.settings, "test", exempt=web.exempt)
    await session.store.intake([listing(web, 0, images=1)])
    seen = await session.trickle(RunOptions(pace="fast"), run_id="mine", sharing=sharing).run()
    assert [(host.slots, host.rate) for host in seen.hosts] == [(slots, rate)]
    assert seen.run_id == "mine"
    await session.close()


async def test_what_cannot_be_opened_says_so() -> None:
    with pytest.raises(Problem, match="gopher"):
        await open_session(Settings(store="gopher:x"))


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (Settings(store="supabase", profile="north west"), "backfill-tui --profile 'north west'"),
        (Settings(store="supabase", supabase_key=Secret("hush")), "backfill-tui --store supabase"),
        (Settings(store="supabase:https://a.example"), "backfill-tui --store supabase:https://a.example"),
        (Settings(read_only=True), "backfill-tui --read-only"),
        (Settings(store="local:a b", read_only=True), "backfill-tui --store 'local:a b' --read-only"),
    ],
)
def test_the_command_tells_profile_and_read_only_and_never_a_key(settings: Settings, command: str) -> None:
    assert command_for(settings) == command


async def test_a_profile_lends_its_name_and_its_colour(tmp_path: Path) -> None:
    session = await open_session(Settings(store=f"local:{tmp_path / 's'}", profile="mine", color="red"))
    assert session.title == f"mine · {session.store.label}"
    assert session.color == "red"
    assert not session.read_only
    await session.close()


async def test_a_project_without_a_key_is_not_opened() -> None:
    with pytest.raises(Problem, match="SUPABASE_SERVICE_ROLE_KEY"):
        await open_session(Settings(store="supabase", supabase_url="https://a.example"))
