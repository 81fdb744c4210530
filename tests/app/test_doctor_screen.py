from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.app.conftest import Dealers
from tests.support.pilot import driven, shown, until
from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.doctor import DoctorScreen
from tui.app.screens.welcome import WelcomeScreen
from tui.app.widgets.doctor_lines import rows, summary
from tui.app.widgets.ink import Line, line_width
from tui.model import Finding, Health, Problem
from tui.settings import Settings

LONG = "there is no bucket vehicle-images, so that no image can be stored; images already stored elsewhere stay there"
BUCKET = Finding("bucket", Health.FAIL, LONG, "Let the doctor create it: x, or `backfill-tui doctor --fix`.", "bucket")
FINDINGS = (
    Finding("reachable", Health.OK, "the project answers in 48 ms"),
    Finding("indexes", Health.WARN, "[/red] \x1b[31mno index", "Install the SQL."),
    BUCKET,
)


def text(line: Line) -> str:
    return "".join(piece.text for piece in line)


@pytest.mark.parametrize("width", [56, 79, 119, 199])
def test_findings_are_wrapped_to_the_width_with_their_advice_below(width: int) -> None:
    found = rows(FINDINGS, False, "", width)
    assert all(line_width(row.line) <= width for row in found)
    page = " ".join(" ".join(text(row.line) for row in found).split())
    assert "✓ ok reachable the project answers in 48 ms" in page
    assert "! warn indexes [/red] [31mno index → Install the SQL." in page
    assert LONG in page
    assert "→ Let the doctor create it: x, or `backfill-tui doctor --fix`." in page
    assert [row.finding for row in found if row.finding] == list(FINDINGS)


def test_more_is_announced_and_the_notice_stands_at_the_end() -> None:
    assert text(rows(FINDINGS, True, "a notice", 80)[-1].line).strip() == "looking …"
    assert text(rows(FINDINGS, False, "a notice", 80)[-1].line).strip() == "a notice"


def test_the_summary_hides_what_there_is_none_of() -> None:
    assert text(summary(FINDINGS, False)) == "1 ok · 1 warn · 1 fail"
    assert text(summary(FINDINGS[:1], True)) == "1 ok · looking …"


class Patient:
    """A deployment that is examined finding by finding, and mended when it is asked to."""

    def __init__(self) -> None:
        self.found: asyncio.Queue[Finding | None] = asyncio.Queue()
        self.mended: list[tuple[str, str]] = []

    async def examine(self, settings: Settings) -> AsyncIterator[Finding]:
        while (finding := await self.found.get()) is not None:
            yield finding

    async def mend(self, settings: Settings, remedy: str) -> str:
        self.mended.append((settings.supabase_url, remedy))
        return "The bucket is there now."

    def tell(self, *findings: Finding | None) -> None:
        for finding in findings:
            self.found.put_nowait(finding)


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def sick_app(dealers: Dealers, patient: Patient) -> BackfillApp:
    """The app with a project at hand that is not open yet."""
    settings = Settings(store="supabase", supabase_url="https://abc.supabase.co", profile="production", color="red")
    return BackfillApp(Doors(dealers.session, dealers.session, settings, examine=patient.examine, mend=patient.mend))


async def test_findings_arrive_one_by_one_before_anything_is_open(sick_app: BackfillApp, patient: Patient) -> None:
    async with driven(sick_app) as pilot:
        await until(pilot, lambda: isinstance(sick_app.screen, WelcomeScreen))
        await pilot.press("D")
        await until(pilot, lambda: isinstance(sick_app.screen, DoctorScreen))
        assert "https://abc.supabase.co" in shown(sick_app)
        assert "looking …" in shown(sick_app)
        patient.tell(FINDINGS[0])
        await until(pilot, lambda: "1 ok · looking …" in shown(sick_app))
        patient.tell(*FINDINGS[1:], None)
        await until(pilot, lambda: "1 ok · 1 warn · 1 fail" in shown(sick_app))
        assert "looking" not in shown(sick_app)
        assert "Install the SQL." in shown(sick_app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(sick_app.screen, WelcomeScreen))


async def test_looks_again(sick_app: BackfillApp, patient: Patient) -> None:
    async with driven(sick_app) as pilot:
        await pilot.press("D")
        patient.tell(*FINDINGS, None)
        await until(pilot, lambda: "1 fail" in shown(sick_app))
        patient.tell(FINDINGS[0], None)
        await pilot.press("r")
        await until(pilot, lambda: "1 ok" in shown(sick_app) and "1 fail" not in shown(sick_app))


async def test_fixes_what_it_can_once_the_operator_has_agreed(sick_app: BackfillApp, patient: Patient) -> None:
    async with driven(sick_app) as pilot:
        await pilot.press("D", "x")
        patient.tell(*FINDINGS, None)
        await until(pilot, lambda: "x Fix" in shown(sick_app))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(sick_app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(sick_app.screen, DoctorScreen))
        assert patient.mended == []
        await pilot.press("x", "right", "enter")
        await until(pilot, lambda: "The bucket is there now." in shown(sick_app))
        assert patient.mended == [("https://abc.supabase.co", "bucket")]
        patient.tell(replace(BUCKET, health=Health.OK, text="there", advice="", remedy=""), None)
        await until(pilot, lambda: "1 ok" in shown(sick_app) and "looking" not in shown(sick_app))


async def test_a_project_that_may_only_be_looked_at_is_not_fixed(sick_app: BackfillApp, patient: Patient) -> None:
    async with driven(sick_app) as pilot:
        await sick_app.push_screen(DoctorScreen(replace(sick_app.doors.settings, read_only=True)))
        patient.tell(*FINDINGS, None)
        await until(pilot, lambda: "1 fail" in shown(sick_app))
        assert "x Fix" not in shown(sick_app)
        await pilot.press("x")
        assert isinstance(sick_app.screen, DoctorScreen)


async def test_says_why_nothing_can_be_examined(dealers: Dealers) -> None:
    async def examine(settings: Settings) -> AsyncIterator[Finding]:
        raise Problem("\x1b[31mthis is no store.")
        yield

    app = BackfillApp(Doors(dealers.session, dealers.session, examine=examine))
    async with driven(app) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: "this is no store." in shown(app))
        assert "looking" not in shown(app)


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36)])
async def test_examines_the_store_that_is_open(app: BackfillApp, dealers: Dealers, size: tuple[int, int]) -> None:
    async with driven(app, size) as pilot:
        await until(pilot, lambda: app.session is not None)
        await pilot.press("D")
        await until(pilot, lambda: "SQLite finds no damage" in shown(app) and "looking" not in shown(app))
        assert "✓ ok" in shown(app)
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: "SQLite finds no damage" in shown(app))


async def test_a_folder_that_is_not_there_is_told(dealers: Dealers, tmp_path: Path) -> None:
    app = BackfillApp(Doors(dealers.session, dealers.session, Settings(store=f"local:{tmp_path / 'none'}")))
    async with driven(app) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: "is not there yet" in " ".join(shown(app).split()) and "1 warn" in shown(app))
