from __future__ import annotations

import asyncio
import time

from textual.app import App, ComposeResult

from tests.support.pilot import shown, until
from tui.app.theme import DARK
from tui.app.widgets.ink import Piece
from tui.app.widgets.pager import PAGE, Column, PagedList
from tui.model import Page, Problem

MILLION = 1_000_000


class Rows:
    """A million rows, counted by what is asked of them; `gate` holds answers back."""

    def __init__(self, total: int = MILLION, word: str = "row") -> None:
        self.total, self.word = total, word
        self.asked: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, offset: int, limit: int) -> Page[str]:
        self.asked.append(offset)
        await self.gate.wait()
        end = min(self.total, offset + limit)
        return Page(tuple(f"{self.word} {n}" for n in range(offset, end)), offset, self.total)


class Shell(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        columns = (
            Column[str]("name", 10, lambda row: (Piece(row),), grow=1, sort="name"),
            Column[str]("size", 6, lambda row: (Piece(str(len(row))),), right=True),
        )
        self.pager = PagedList[str](columns, lambda row: row)

    def compose(self) -> ComposeResult:
        yield self.pager


async def test_a_million_rows_cost_a_page() -> None:
    app, rows = Shell(), Rows()
    async with app.run_test(size=(60, 20)) as pilot:
        app.pager.show(rows.fetch)
        await until(pilot, lambda: "row 18" in shown(app))
        assert rows.asked == [0]
        began = time.perf_counter()
        await pilot.press("end")
        await until(pilot, lambda: "row 999999" in shown(app))
        assert time.perf_counter() - began < 2
        await pilot.press("home")
        await until(pilot, lambda: "row 0 " in shown(app))
        assert len(rows.asked) <= 3
        assert all(offset % PAGE == 0 for offset in rows.asked)


async def test_rows_on_their_way_are_dots_and_only_what_is_in_sight_is_asked_for() -> None:
    app, rows = Shell(), Rows()
    async with app.run_test(size=(60, 20)) as pilot:
        app.pager.show(rows.fetch)
        await until(pilot, lambda: "row 5 " in shown(app))
        rows.gate.clear()
        for place in range(1, 30):
            app.pager.cursor = place * 10_000
            await pilot.pause()
        assert "·" in shown(app)
        rows.gate.set()
        await until(pilot, lambda: "row 290000" in shown(app))
        assert len(rows.asked) < 8


async def test_the_cursor_follows_its_row_through_a_refresh() -> None:
    app = Shell()
    async with app.run_test(size=(60, 20)) as pilot:
        app.pager.show(Rows(50).fetch)
        await until(pilot, lambda: app.pager.total == 50)
        app.pager.cursor = 3

        async def moved(offset: int, limit: int) -> Page[str]:
            return Page(tuple(f"row {n}" for n in (9, 8, 7, 6, 5, 4, 3, 2)), 0, 8)

        app.pager.show(moved, stay=True)
        await until(pilot, lambda: app.pager.total == 8)
        assert app.pager.current == "row 3"
        app.pager.show(Rows(5, "other").fetch)
        await until(pilot, lambda: app.pager.total == 5)
        assert app.pager.cursor == 0


async def test_an_answer_that_comes_too_late_is_not_shown() -> None:
    app, slow, fast = Shell(), Rows(9, "slow"), Rows(9, "fast")
    async with app.run_test(size=(60, 20)) as pilot:
        slow.gate.clear()
        app.pager.show(slow.fetch)
        await until(pilot, lambda: slow.asked)
        app.pager.show(fast.fetch)
        await until(pilot, lambda: "fast 0" in shown(app))
        slow.gate.set()
        await pilot.pause()
        assert "slow" not in shown(app)


async def test_a_problem_is_told_in_the_list() -> None:
    app = Shell()

    async def fail(offset: int, limit: int) -> Page[str]:
        raise Problem("the disk is gone.")

    async with app.run_test(size=(60, 20)) as pilot:
        app.pager.show(fail)
        await until(pilot, lambda: "the disk is gone." in shown(app))


async def test_keys_and_wheel_stay_within_the_rows() -> None:
    app = Shell()
    async with app.run_test(size=(60, 12)) as pilot:
        app.pager.show(Rows(30).fetch)
        await until(pilot, lambda: app.pager.total == 30)
        await pilot.press("up")
        assert app.pager.cursor == 0
        await pilot.press("pagedown")
        assert app.pager.cursor == 10
        await pilot.press("end", "down")
        assert app.pager.cursor == 29
        assert "row 29" in shown(app)
        assert shown(app).startswith("   name")
