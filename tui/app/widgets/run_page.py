"""The middle of the run screen: one canvas for all bars, lanes and hosts, and the log below it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size

from tui.app.widgets import run_lines as draw
from tui.app.widgets.canvas import Canvas, Drawn
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, clip
from tui.model import LogLine, Phase, Snapshot

WIDE = 100
LEAST_LOG = 4
MOST_BARS = 10
GAP = 4


def page(
    seen: Snapshot, width: int, rows: int, problem: str = "", note: str = "", *, elsewhere: bool = False
) -> list[Line]:
    """A run in `width` cells and at most `rows` lines: columns where there is room, lanes before all else."""
    head = [draw.title(seen, width), draw.overall(seen, width)]
    gap: Line = (Piece(problem, Ink.BAD),) if problem else (Piece(note, Ink.WARN),)
    if not problem and not note:
        gap = draw.standing(seen, elsewhere=elsewhere)
    body = _wide(seen, width, rows - 3) if width >= WIDE else _narrow(seen, width, rows - 3)
    return [clip(line, width) for line in (*head, gap, *body)][:rows]


def _wide(seen: Snapshot, width: int, rows: int) -> list[Line]:
    left = max(60, width // 2)
    right = width - left - GAP
    bars = draw.organizations(seen.organizations, left, min(MOST_BARS, max(2, rows // 4)))
    top = [*draw.beside(bars, [draw.speed(seen, right), draw.counters(seen.tally)], left, GAP), BLANK]
    room = _lane_rows(seen, rows - len(top))
    return [*top, *draw.beside(_lanes(seen, left, room), draw.hosts(seen.hosts, right, room), left, GAP)]


def _narrow(seen: Snapshot, width: int, rows: int) -> list[Line]:
    top = [draw.speed(seen, width), draw.counters(seen.tally), BLANK]
    room = _lane_rows(seen, rows - len(top))
    spare = rows - len(top) - room
    bars = _block(draw.organizations(seen.organizations, width, min(4, spare - 1)))
    hosts = _block(draw.hosts(seen.hosts, width, min(4, spare - len(bars) - 1)))
    return [*top, *_lanes(seen, width, room), *bars, *hosts]


def _block(lines: list[Line]) -> list[Line]:
    return [BLANK, *lines] if lines else []


def _lane_rows(seen: Snapshot, room: int) -> int:
    """Rows kept for lanes: as many as there may be at once, so that nothing below them jumps."""
    most = min(seen.options.batch_size, max(seen.vehicles_total, 1))
    used = max((lane.slot + 1 for lane in seen.lanes), default=0)
    return max(0, min(room, max(most, used)))


def _lanes(seen: Snapshot, width: int, rows: int) -> list[Line]:
    lines = draw.lanes(seen.lanes, width, rows)
    if not seen.lanes and seen.phase is Phase.STARTING:
        waiting: Line = (Piece("asking the store what is ahead …", Ink.DIM),)
        lines = [waiting][:rows]
    return [*lines, *([BLANK] * (rows - len(lines)))]


class RunPage(Canvas):
    """Shows a snapshot within `rows` lines, what is wrong with an option or from when on it holds (`note`), and whether
    another app paused the run.

    The screen sets them and redraws.
    """

    DEFAULT_CSS = "RunPage { padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.seen: Snapshot | None = None
        self.problem = self.note = ""
        self.elsewhere = False
        self.rows = 24

    def draw(self, width: int) -> Sequence[Line]:
        """The page, empty before there is a run, and as it was where a window is too small to show any of it."""
        if self.seen is None or not width:
            return self.lines
        return page(self.seen, width, self.rows, self.problem, self.note, elsewhere=self.elsewhere)


class RunLog(Drawn, can_focus=True):
    """The last lines that a run had to tell, at their end unless somebody scrolled away from it."""

    DEFAULT_CSS = "RunLog { height: 1fr; margin: 1 0 0 0; padding: 0 1; overflow: hidden auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: tuple[LogLine, ...] = ()
        self._following = True

    def show(self, entries: tuple[LogLine, ...]) -> None:
        """Show these lines in place of those before."""
        if entries == self.entries:
            return
        self.entries = entries
        self._measure()
        self._follow()
        self.redraw()

    def _measure(self) -> None:
        """Say how much there is to scroll; the whole screen is laid out for it only where the scrollbar may appear."""
        size = Size(self.size.width, len(self.entries))
        if not self.show_vertical_scrollbar:
            self.virtual_size = size
            return
        self.set_reactive(RunLog.virtual_size, size)
        self.vertical_scrollbar.window_virtual_size = size.height

    def _follow(self) -> None:
        if self._following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def action_scroll_end(self) -> None:
        """Go to the end at once and follow it: it would have moved on by the time that an animation were there."""
        self._following = True
        self._follow()

    def on_resize(self, event: events.Resize) -> None:
        """Stay at the end, and draw again."""
        self._follow()
        super().on_resize(event)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Show another part; follow what comes as soon as that is the end."""
        super().watch_scroll_y(old_value, new_value)
        self._following = new_value >= self.max_scroll_y
        self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The part in sight."""
        top = self.scroll_offset.y
        return [draw.log_line(entry, width) for entry in self.entries[top : top + self.size.height]]
