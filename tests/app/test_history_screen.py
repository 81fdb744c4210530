from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.support.pilot import driven, shown, until
from tui.app.app import BackfillApp
from tui.app.screens.history import HistoryScreen, RunDetails
from tui.app.widgets.history_lines import fate_piece, lasted
from tui.model import Phase, RunOptions, RunRecord, Scope, Tally

SIZES = [(80, 24), (120, 36), (60, 18)]
NOW = 1_790_000_000.0

KILLED = RunRecord(
    run_id="20260921-100000-aaaa",
    worker="elsewhere:1",
    started_at=NOW - 600,
    seen_at=NOW - 500,
    ended_at=None,
    phase=Phase.RUNNING,
    options=RunOptions(batch_size=3, max_images=2, limit=7, pace="gentle"),
    tally=Tally(stored=17, refused=4, bytes=5_100_000, refusals={"not_found": 4}),
    vehicles_done=5,
    vehicles_total=7,
)


async def history(pilot: Pilot[None], app: BackfillApp, *records: RunRecord) -> HistoryScreen:
    """The history of these runs."""
    await until(pilot, lambda: app.session is not None)
    assert app.session is not None
    for record in records:
        await app.session.store.save_run(record)
    app.clock = lambda: NOW
    screen = HistoryScreen()
    await app.push_screen(screen)
    await until(pilot, lambda: screen.asked and len(screen.records) == len(records))
    return screen


@pytest.mark.parametrize(
    ("changes", "word", "seconds"),
    [
        ({}, "interrupted", 100),
        ({"seen_at": NOW - 1}, "running", 600),
        ({"ended_at": NOW - 400, "phase": Phase.FINISHED}, "finished", 200),
        ({"ended_at": NOW - 400, "phase": Phase.STOPPED}, "stopped", 200),
        ({"ended_at": NOW - 400, "phase": Phase.FAILED}, "failed", 200),
    ],
)
def test_fates_and_how_long_a_run_took(changes: dict[str, object], word: str, seconds: float) -> None:
    record = replace(KILLED, **changes)  # type: ignore[arg-type]
    assert fate_piece(record, NOW).text.endswith(word)
    assert lasted(record, NOW) == seconds


async def test_says_so_when_there_was_no_run(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await history(pilot, app)
        assert "there was no run yet" in shown(app)
        await pilot.press("enter", "r")
        assert isinstance(app.screen, HistoryScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_lists_runs_with_their_fate_and_numbers(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await history(pilot, app, KILLED)
        text = shown(app)
        assert "aaaa" in text
        assert "! interrupted" in text
        assert "1 min 40 s" in text
        assert ("gentle" in text) == (size[0] >= 120)


@pytest.mark.parametrize("size", SIZES)
async def test_enter_shows_a_run_in_full(app: BackfillApp, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await history(pilot, app, replace(KILLED, error="[/red] \x1b[31mthe disk is full"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunDetails))
        text = shown(app)
        assert "Run 20260921-100000-aaaa" in text
        assert "batch size 3 · cap 2 · limit 7" in text
        await pilot.press("end")
        await until(pilot, lambda: "[/red] [31mthe disk is full" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))


async def test_runs_again_with_the_same_scope_and_options(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        await until(pilot, lambda: app.session is not None)
        assert app.session is not None
        organization = (await app.session.store.organizations(filter="Hill")).rows[0].id
        scope = Scope(organization_ids=(organization,))
        await history(pilot, app, replace(KILLED, options=replace(KILLED.options, pace="unlimited", scope=scope)))
        await pilot.press("r")
        await until(pilot, lambda: app.trickle is not None and not app.running)
        assert app.trickle is not None
        assert app.trickle.options == RunOptions(3, 2, 7, "unlimited", scope)
        assert app.snapshot is not None
        assert app.snapshot.tally.stored == 4 * 2


async def test_f5_asks_the_store_again(app: BackfillApp) -> None:
    async with driven(app) as pilot:
        screen = await history(pilot, app)
        assert app.session is not None
        await app.session.store.save_run(KILLED)
        await pilot.press("f5")
        await until(pilot, lambda: screen.records == (KILLED,))
