"""Organizations and their vehicles: what there is to do, and what of it to run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from tui.app import questions, words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.columns import ALL, ORGANIZATION_COLUMNS, ORGANIZATION_ORDERS, VEHICLE_COLUMNS, VEHICLE_ORDERS
from tui.app.farewell import notice_of
from tui.app.marks import Marks, aim, collect
from tui.app.screens.base import BaseScreen
from tui.app.screens.failures import FailuresScreen
from tui.app.screens.history import HistoryScreen
from tui.app.screens.importing import ImportScreen
from tui.app.screens.inventory_actions import ACTIONS
from tui.app.screens.preview import PreviewScreen
from tui.app.widgets.bottom import BottomLine
from tui.app.widgets.ink import Ink, Piece
from tui.app.widgets.options import OptionsBar, holds_from
from tui.app.widgets.pager import PagedList
from tui.app.widgets.pane import Pane
from tui.model import Counts, Organization, Problem, RunRecord, Scope, Vehicle
from tui.trickle.journal import unfinished

if TYPE_CHECKING:
    from tui.trickle.session import Session

LOOK_BACK_EVERY = 5.0

SETTLE = 0.06
"""Seconds that the cursor rests before the store is asked about it."""


class InventoryScreen(BaseScreen):
    """The first screen: organizations, the vehicles of the one under the cursor, and the run options."""

    AREA = "inventory"
    TITLE = "Organizations and vehicles"
    ACTIONS: ClassVar[tuple[Action, ...]] = ACTIONS
    AUTO_FOCUS = "#organizations-list"

    marks: reactive[Marks] = reactive(Marks, init=False)
    unfinished: reactive[RunRecord | None] = reactive(None, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._organizations: Pane[Organization] = Pane(
            ORGANIZATION_COLUMNS, lambda row: row.id, ORGANIZATION_ORDERS, id="organizations"
        )
        self._vehicles: Pane[Vehicle] = Pane(VEHICLE_COLUMNS, lambda row: row.id, VEHICLE_ORDERS, id="vehicles")
        self._options = OptionsBar()
        self._bottom = BottomLine()
        self._of: Organization | None = None
        self._last: Pane[Any] = self._organizations
        self._organizations.add_class("-active")

    def compose_body(self) -> ComposeResult:
        """Two panes, the options and one line about what a run would do."""
        with Container(id="panes"):
            yield self._organizations
            yield self._vehicles
        with Vertical(id="bottom"):
            yield Static(id="notice")
            yield self._options
            yield self._bottom

    @property
    def resumable(self) -> bool:
        """Whether a run left work behind that could go on now."""
        return self.unfinished is not None and not self.backfill.running

    @property
    def scope(self) -> Scope:
        """What a run would be about: the marks, else the row under the cursor of the list last used."""
        return self._aim[0]

    @property
    def _aim(self) -> tuple[Scope, str]:
        vehicle = self._vehicles.pager.current if self._last is self._vehicles else None
        return aim(self.marks, self._of, vehicle, include_private=self.backfill.options.scope.include_private)

    # Following the app

    def on_mount(self) -> None:
        """Look at the app's state for as long as the app lives."""
        self._organizations.heading.title = (Piece("Organizations", Ink.STRONG),)
        self._organizations.nothing = "opening …"
        self.watch(self.app, "session", self._session_changed)
        self.watch(self.app, "counts", self._counts_changed, init=False)
        self.watch(self.app, "rereading", self._reread, init=False)
        self.watch(self.app, "options", self._options_changed)
        self.set_interval(LOOK_BACK_EVERY, self._look_back_again)

    def on_screen_resume(self) -> None:
        """What other screens changed shows at once."""
        self._reload(stay=True)
        self._look_back()

    def _session_changed(self, session: Session | None) -> None:
        self.marks, self._of, self.unfinished = Marks(), None, None
        if session is None:
            return
        self._reload(stay=False)
        self._look_back()
        self.refresh_bindings()

    def _counts_changed(self, counts: Counts | None) -> None:
        if counts is None:
            return
        self._organizations.nothing = "No organization" + ("." if self.backfill.read_only else ": i imports a file.")
        self._vehicles.nothing = "No vehicle."
        if self.is_active:
            self._reload(stay=True)

    def _reread(self, session: Session | None) -> None:
        """Rows may be others now, though the counts stayed."""
        if session is None and self.is_active:
            self._reload(stay=True)

    def _options_changed(self) -> None:
        self._options.options = self.backfill.options
        self._measure()

    def _reload(self, *, stay: bool) -> None:
        if self.backfill.session is not None:
            self._show_organizations(self.backfill.session, stay=stay)
            self._show_vehicles(stay=stay)

    def _look_back_again(self) -> None:
        """A run of another process may have died meanwhile."""
        if self.is_active and not self.backfill.running:
            self._look_back()

    def _look_back(self) -> None:
        if self.backfill.session is not None:
            start(self, "unfinished", self._find_unfinished, self.backfill.session)

    async def _find_unfinished(self, session: Session) -> None:
        try:
            record = await unfinished(session.store, self.backfill.clock())
        except Problem:
            record = None
        self.unfinished = None if self.backfill.running else record

    def watch_unfinished(self, record: RunRecord | None) -> None:
        """Say it, and let R be pressed."""
        notice = self.query_one("#notice", Static)
        told = record is not None and not self.backfill.read_only
        notice.update(Content(notice_of(record) if record and told else ""))
        notice.display = told
        self.refresh_bindings()

    # Asking the store

    def _show_organizations(self, session: Session, *, stay: bool) -> None:
        pane = self._organizations
        rows = questions.organizations(session.store, pane.filter, pane.order, lambda: self.backfill.counts)
        pane.pager.show(rows, stay=stay)

    def _show_vehicles(self, *, stay: bool) -> None:
        session, pane = self.backfill.session, self._vehicles
        if self._of is None:
            pane.pager.clear()
        elif session is not None:
            pane.pager.show(questions.vehicles(session.store, self._of.id, pane.filter, pane.order), stay=stay)

    def _measure(self) -> None:
        """Ask what a run would find, once the cursor rests."""
        if self.backfill.session is not None and self.is_attached:
            start(self, "workload", self._weigh, self.backfill.session)

    async def _weigh(self, session: Session) -> None:
        await asyncio.sleep(SETTLE)
        options, (scope, name) = self.backfill.options, self._aim
        try:
            work = await session.store.workload(scope, options.max_images)
        except Problem as problem:
            self._bottom.problem = str(problem)
            return
        self._bottom.work = (name, work, options.limit)

    # Panes

    @on(Pane.Asked)
    def _ask_again(self, event: Pane.Asked) -> None:
        session = self.backfill.session
        if session is None:
            return
        if event.pane is self._vehicles:
            self._show_vehicles(stay=False)
        else:
            self._show_organizations(session, stay=False)

    @on(PagedList.Moved, "#organizations-list")
    def _another_organization(self) -> None:
        before, self._of = self._of, self._organizations.pager.current
        if before is None or self._of is None or before.id != self._of.id:
            self._show_vehicles(stay=False)
        self._measure()

    @on(PagedList.Loaded, "#organizations-list")
    def _organizations_loaded(self) -> None:
        pager = self._organizations.pager
        self._of = pager.current
        first = pager.row(0)
        count = Piece(f"  {pager.total - (first is not None and first.id == ALL):,}", Ink.DIM)
        self._organizations.heading.title = (Piece("Organizations", Ink.STRONG), count)
        self._title_vehicles()

    def _title_vehicles(self) -> None:
        of = self._of
        if of is None:
            self._vehicles.heading.title = ()
            return
        total = of.counts.vehicles
        detail = f"  {of.counts.needing:,} needing of {words.plural(total, 'vehicle')}" if total else ""
        self._vehicles.heading.title = (Piece(words.clean(of.name), Ink.STRONG), Piece(detail, Ink.DIM))

    @on(PagedList.Moved, "#vehicles-list")
    def _another_vehicle(self) -> None:
        self._title_vehicles()
        if self._last is self._vehicles:
            self._measure()

    @on(PagedList.Loaded, "#vehicles-list")
    def _vehicles_loaded(self) -> None:
        self._title_vehicles()
        self._measure()

    @on(PagedList.Opened, "#organizations-list")
    def _enter_organization(self) -> None:
        self._go(self._vehicles)

    @on(PagedList.Opened, "#vehicles-list")
    def _open_vehicle(self) -> None:
        vehicle = self._vehicles.pager.current
        if vehicle is not None:
            self.app.push_screen(PreviewScreen(Scope((), (vehicle.id,)), vehicle))

    @on(PagedList.Marked)
    def _click_mark(self) -> None:
        self.action_mark()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the list last used: actions are about it."""
        for pane in (self._organizations, self._vehicles):
            if event.widget is pane.pager:
                self._activate(pane)
                self._measure()

    def _activate(self, pane: Pane[Any]) -> None:
        """Let a list be the one that actions are about; in a low window it is the only one in sight."""
        self._last = pane
        for each in (self._organizations, self._vehicles):
            each.set_class(each is pane, "-active")

    def _go(self, pane: Pane[Any]) -> None:
        """Give the focus to a list, which has to be in sight for that."""
        pane.add_class("-active")
        self.call_after_refresh(pane.pager.focus)

    # Options

    @on(OptionsBar.Changed)
    def _take_options(self, event: OptionsBar.Changed) -> None:
        if self.backfill.running:
            self._bottom.say(holds_from(self.backfill.options, event.options, self.backfill.sharing))
        self.backfill.options = event.options

    @on(OptionsBar.Refused)
    def _say_problem(self, event: OptionsBar.Refused) -> None:
        self._bottom.problem = event.sentence

    @on(OptionsBar.Done)
    def _back_to_list(self) -> None:
        self._last.pager.focus()

    # Actions

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor."""
        row = self._last.pager.current
        if row is None:
            return
        if row.id == ALL:
            self.action_mark_all()
            return
        self._mark(self.marks.toggled(row.id, vehicles=self._last is self._vehicles))
        self._last.pager.action_move(1)

    def action_mark_all(self) -> None:
        """Mark all that the filter shows, or unmark them."""
        if self.backfill.session is not None:
            start(self, "mark", self._mark_all, self._last)

    async def _mark_all(self, pane: Pane[Any]) -> None:
        try:
            ids, more = await collect(pane.pager)
        except Problem as problem:
            self._bottom.problem = str(problem)
            return
        self._mark(self.marks.toggled_all([name for name in ids if name != ALL], vehicles=pane is self._vehicles))
        if more:
            self.notify(f"The first {len(ids):,} are marked. To run all of them, mark the organization.")

    def _mark(self, marks: Marks) -> None:
        if (self.marks.organizations and marks.vehicles) or (self.marks.vehicles and marks.organizations):
            kind = "organizations" if self.marks.organizations else "vehicles"
            self.notify(f"A run is about organizations or about vehicles: the marks on {kind} are gone.")
        self.marks = marks

    def action_unmark(self) -> None:
        """Forget all marks."""
        self.marks = Marks()

    def watch_marks(self, marks: Marks) -> None:
        """Show the marks in both lists."""
        self._organizations.pager.marks = frozenset(marks.organizations)
        self._vehicles.pager.marks = frozenset(marks.vehicles)
        self._measure()
        self.refresh_bindings()

    def action_filter(self) -> None:
        """Filter the list last used."""
        self._last.begin_filter()

    def action_order(self) -> None:
        """Sort by the next column."""
        self._last.next_order()

    def action_reverse(self) -> None:
        """Sort the other way."""
        self._last.reverse_order()

    def action_options(self) -> None:
        """Edit the run options."""
        self._options.begin()

    def action_left(self) -> None:
        """Go to the organizations."""
        self._go(self._organizations)

    def action_right(self) -> None:
        """Go to the vehicles."""
        self._go(self._vehicles)

    def action_escape(self) -> None:
        """Undo the last narrowing: the filter, then being among the vehicles."""
        if self._last.filter:
            self._last.clear_filter()
        else:
            self.action_left()

    def action_refresh(self) -> None:
        """Let the store look at every row again."""
        self.backfill.reread()
        self._reload(stay=True)
        self._look_back()

    def action_preview(self) -> None:
        """Show what a run would do."""
        self.app.push_screen(PreviewScreen(self.scope))

    def action_run(self) -> None:
        """Run what is marked, or show the run that goes on."""
        if self.backfill.running:
            self.backfill.action_watch_run()
        else:
            self.backfill.start_run(self.scope)

    def action_resume(self) -> None:
        """Go on with what an interrupted run was about, for as many vehicles as it did not come to."""
        if (record := self.unfinished) is not None:
            left = max(1, record.options.limit - record.vehicles_done)
            self.backfill.options = replace(record.options, limit=left)
            self.backfill.start_run(record.options.scope)

    def action_failures(self) -> None:
        """Show refusals by host and reason."""
        self.app.push_screen(FailuresScreen())

    def action_history(self) -> None:
        """Show earlier runs."""
        self.app.push_screen(HistoryScreen())

    def action_import_file(self) -> None:
        """Bring vehicles in."""
        self.app.push_screen(ImportScreen())
