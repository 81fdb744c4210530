"""Bringing vehicles in from a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.app import words
from tui.app.actions import Action
from tui.app.background import start
from tui.app.screens.dialog import Dialog
from tui.app.widgets.canvas import Canvas
from tui.app.widgets.field import Field
from tui.app.widgets.ink import Ink, Line, Piece, bar
from tui.listings.intake import ImportReport, import_feed
from tui.listings.lines import require_file
from tui.model import Problem
from tui.settings import default_store

BAD_LINES_SHOWN = 6


class ImportScreen(Dialog[bool]):
    """Path and organization, then progress, then the result; answers whether anything was imported."""

    AREA = "import"
    ACTIONS = (Action("leave", "escape,enter", "Close", show=1),)
    AUTO_FOCUS = "#path"

    def __init__(self) -> None:
        super().__init__("Import a file")
        self._imported = False

    def compose_box(self) -> ComposeResult:
        """Two fields, and room for what comes of them."""
        yield Static("JSONL, CSV or TSV, one vehicle a line. The same file again adds nothing twice.", classes="text")
        yield Static("file", classes="label")
        yield Field(placeholder="listings.csv", id="path")
        yield Static("organization, for lines that name none", classes="label")
        yield Field(placeholder="optional", id="organization")
        yield Static(id="import-error", classes="error")
        yield Tidings()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """Enter in either field begins."""
        event.stop()
        path = self.query_one("#path", Field).value.strip()
        if path:
            organization = self.query_one("#organization", Field).value.strip() or None
            self._say("")
            for field in self.query(Field):
                field.disabled = True
            start(self, "import", self._import, Path(path).expanduser(), organization)

    async def _import(self, path: Path, organization: str | None) -> None:
        tidings = self.query_one(Tidings)
        try:
            await asyncio.to_thread(require_file, path)
            folder = default_store().removeprefix("local:")
            session = self.backfill.session or await self.backfill.adopt(self.backfill.doors.local(folder))
            tidings.report = await import_feed(session.store, path, organization, on_progress=tidings.tell)
        except Problem as problem:
            self._fail(str(problem))
            return
        tidings.done = True
        tidings.redraw()
        self._imported = True
        self.backfill.refresh_counts()

    def _fail(self, sentence: str) -> None:
        self._say(sentence)
        for field in self.query(Field):
            field.disabled = False
        self.query_one("#path", Field).focus()

    def _say(self, sentence: str) -> None:
        self.query_one("#import-error", Static).update(Content(words.clean(sentence)))

    def action_leave(self) -> None:
        """Close; what is written stays."""
        self.dismiss(self._imported)


class Tidings(Canvas):
    """How far an import is, and what came of it."""

    DEFAULT_CSS = "Tidings { margin: 0; }"

    def __init__(self) -> None:
        super().__init__()
        self.report: ImportReport | None = None
        self.done = False

    def tell(self, report: ImportReport) -> None:
        """Show how far it is."""
        self.report = report
        self.redraw()

    def draw(self, width: int) -> list[Line]:
        """Progress, or the result."""
        if self.report is None:
            return []
        return result_lines(self.report) if self.done else [progress_line(self.report, width)]


def progress_line(report: ImportReport, width: int) -> Line:
    """A bar and the lines read so far."""
    text = f"  {words.thousands(report.lines)} lines"
    return *bar(int(report.fraction * 1_000), 1_000, max(10, width - 20)), Piece(text, Ink.DIM)


def result_lines(report: ImportReport) -> list[Line]:
    """What was written, and the lines that were not."""
    pairs = (("inserted", report.inserted), ("updated", report.updated), ("unchanged", report.unchanged))
    told = " · ".join(f"{number:,} {name}" for name, number in pairs if number) or "nothing to import"
    lines: list[Line] = [(Piece("✓ ", Ink.GOOD), Piece(told))]
    if report.imageless:
        lines.append((Piece("◐ ", Ink.WARN), Piece(f"{words.plural(report.imageless, 'vehicle')} without image URLs")))
    if report.bad_count:
        lines.append((Piece("✕ ", Ink.BAD), Piece(f"{words.plural(report.bad_count, 'line')} left out")))
    shown = report.bad[:BAD_LINES_SHOWN]
    lines += [(Piece(f"  line {bad.line:,}  ", Ink.DIM), Piece(words.clean(bad.reason))) for bad in shown]
    if report.bad_count > BAD_LINES_SHOWN:
        lines.append((Piece(f"  and {report.bad_count - BAD_LINES_SHOWN:,} more", Ink.DIM),))
    return lines
