"""A dry run on screen: each URL in order, what is left out and why, what the cap cuts. Nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from textual.app import ComposeResult

from tui.app import words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.screens.base import BaseScreen
from tui.app.widgets.canvas import LineList
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, line_width, spread
from tui.app.widgets.preview_lines import Row, Totals, paint, rows, totals_line
from tui.app.widgets.run_lines import scope_words
from tui.app.widgets.sheet import Sheet
from tui.model import Problem, Scope, Vehicle
from tui.trickle.plan import PlannedVehicle, plan, plan_vehicle

KEPT_VEHICLES = 500
KEPT_ROWS = 20_000
"""What the list holds at most; the totals go on beyond it."""

BREATH = 0.01
"""Seconds of planning after which the screen gets its turn."""

CAPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1_000)


def next_cap(cap: int, step: int) -> int:
    """The next cap up or down in comfortable steps."""
    beyond = [known for known in CAPS if (known > cap if step > 0 else known < cap)]
    return (beyond[0] if step > 0 else beyond[-1]) if beyond else cap


def _fits(start: Line, end: Line, width: int) -> bool:
    return line_width(start) + line_width(end) + 2 <= width


class PreviewScreen(BaseScreen):
    """What a run over a scope would do, or what would become of one vehicle's gallery."""

    AREA = "preview"
    TITLE = "Preview"
    ACTIONS = (
        Action("run", "r", "Run", show=1, enabled=lambda screen: not screen.backfill.running, writes=True),
        Action("more", "plus,equals_sign", "Cap up", show=3, help="More images per vehicle"),
        Action("fewer", "minus", "Cap down", show=4, help="Fewer images per vehicle"),
        Action("open_url", "o", "Open", show=5, help="Open the URL in a browser; enter, too"),
        Action("copy_url", "y", "Copy", show=6, help="Copy the URL"),
        Action("back", "escape", "Back", show=2),
    )
    DEFAULT_CSS = "PreviewScreen #preview-head { height: 3; }"

    def __init__(self, scope: Scope, vehicle: Vehicle | None = None) -> None:
        super().__init__()
        self.scope = Scope(vehicle_ids=(vehicle.id,), include_private=scope.include_private) if vehicle else scope
        self.vehicle = vehicle
        self.totals = Totals()
        self.expected = 0
        self.planning = False
        self.error = ""
        self._kept = 0
        self._planned_at: object = None

    def compose_body(self) -> ComposeResult:
        """Totals above the list of URLs."""
        yield Sheet(self._head, id="preview-head", focusable=False)
        yield LineList(paint, rests=lambda row: row.rests, id="preview-list")

    @property
    def list(self) -> LineList[Row]:
        """The list of URLs."""
        return self.query_one("#preview-list", LineList)

    def on_mount(self) -> None:
        """Plan behind the first paint."""
        self.list.focus()
        self.replan()

    def on_screen_resume(self) -> None:
        """Plan again when a run has begun or ended in the meantime."""
        if self._planned_at not in (None, self._moment()):
            self.replan()

    def _moment(self) -> tuple[object, bool]:
        return self.backfill.trickle, self.backfill.running

    def replan(self) -> None:
        """Start over with the present options."""
        self._planned_at = self._moment()
        self.totals, self._kept, self.planning, self.error = Totals(), 0, True, ""
        start(self, "preview", self._plan)

    async def _plan(self) -> None:
        self.list.show(())
        try:
            await self._stream()
        except Problem as problem:
            self.error = str(problem)
        self.planning = False
        self._show_head()

    async def _stream(self) -> None:
        loop = asyncio.get_running_loop()
        turn = loop.time() + BREATH
        fresh: list[PlannedVehicle] = []
        async for planned in self._planned():
            fresh.append(planned)
            if loop.time() >= turn:
                self._take(fresh)
                fresh.clear()
                await asyncio.sleep(0)
                turn = loop.time() + BREATH
        self._take(fresh)

    async def _planned(self) -> AsyncIterator[PlannedVehicle]:
        session, options = self.backfill.session, replace(self.backfill.options, scope=self.scope)
        if session is None:
            return
        if self.vehicle is not None:
            self.expected = 1
            yield await plan_vehicle(session.store, self.vehicle, options.max_images)
            return
        self.expected = (await session.store.workload(self.scope, options.max_images)).vehicles
        self._show_head()
        async for planned in plan(session.store, options):
            yield planned

    def _take(self, fresh: Sequence[PlannedVehicle]) -> None:
        cap = self.backfill.options.max_images
        shown: list[Row] = []
        for planned in fresh:
            self.totals = self.totals.with_vehicle(planned)
            if self._kept < KEPT_VEHICLES and len(self.list.rows) + len(shown) < KEPT_ROWS:
                self._kept += 1
                shown.extend(rows(planned, cap))
        if shown:
            self.list.extend(shown)
        self._show_head()

    def _show_head(self) -> None:
        self.query_one("#preview-head", Sheet).reflow()

    def _head(self, width: int) -> Sequence[Line]:
        cap = self.backfill.options.max_images
        title = (Piece("Preview", Ink.STRONG), Piece(f"   {self._about()}", Ink.DIM))
        if self.error:
            return title, (Piece(words.clean(self.error), Ink.BAD),), BLANK
        note: Line = (Piece("planning …" if self.planning else "nothing is written", Ink.DIM),)
        fits = _fits(title, note, width)
        second = totals_line(self.totals, cap, width)
        beside = self._shown() or (() if fits else note)
        return (
            spread(title, note if fits else (), width),
            spread(second, beside if _fits(second, beside, width) else (), width),
            BLANK,
        )

    def _about(self) -> str:
        limit = self.backfill.options.limit
        planned = min(self.expected, limit)
        about = scope_words(replace(self.backfill.options, scope=self.scope), planned)
        return f"{about} of {self.expected:,} (limit {limit:,})" if self.expected > limit else about

    def _shown(self) -> Line:
        if self._kept >= self.totals.vehicles:
            return ()
        return (Piece(f"the first {words.plural(self._kept, 'vehicle')} shown", Ink.DIM),)

    def on_line_list_opened(self) -> None:
        """Enter opens the URL."""
        self.action_open_url()

    def action_open_url(self) -> None:
        """Open the URL under the cursor in a browser; only the web's own addresses."""
        row = self.list.current
        if row is not None and row.url.startswith(("http://", "https://")):
            self.app.open_url(row.url)

    def action_copy_url(self) -> None:
        """Copy the URL under the cursor."""
        row = self.list.current
        if row is not None and row.url:
            self.app.copy_to_clipboard(words.clean(row.url))
            self.notify("Copied.", timeout=2)

    def _tune_cap(self, step: int) -> None:
        app = self.backfill
        if app.running:
            app.notify("The cap is that of the run that goes on as well: change it there, with e.")
            return
        cap = next_cap(app.options.max_images, step)
        if cap != app.options.max_images:
            app.options = app.options.tuned(max_images=cap)
            self.replan()

    def action_more(self) -> None:
        """Raise the cap."""
        self._tune_cap(1)

    def action_fewer(self) -> None:
        """Lower the cap."""
        self._tune_cap(-1)

    def action_run(self) -> None:
        """Run what is previewed."""
        self.backfill.start_run(self.scope)

    def action_back(self) -> None:
        """Leave."""
        self.app.pop_screen()
