"""The line on top of every screen: where we are, how much there is to do, and the run that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from textual import events

from tui.app import words
from tui.app.sign import Sign
from tui.app.widgets.canvas import Canvas
from tui.app.widgets.ink import Ink, Line, Piece, bar, chip, cut, line_width, spread
from tui.model import Counts, Phase, Snapshot

if TYPE_CHECKING:
    from tui.app.app import BackfillApp

NAME = Piece("backfill", Ink.STRONG)
GAP = Piece("  ")


STEPS = 1_200
"""Parts of a whole that no bar and no percentage of the header tells apart any further."""


class Standing(NamedTuple):
    """What the header tells: `elsewhere` says that another app paused the run, `rereading` that rows are looked at."""

    sign: Sign = Sign()
    counts: Counts | None = None
    snapshot: Snapshot | None = None
    trouble: str = ""
    rereading: bool = False
    elsewhere: bool = False


class StatusHeader(Canvas):
    """One line: name, deployment, counts, and at the right the run's state; parts go by priority when room is short."""

    DEFAULT_CSS = """
    StatusHeader { height: 1; dock: top; padding: 0 1; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: tuple[object, ...] = ()

    def on_mount(self) -> None:
        """Look at the app's state for as long as the screen lives."""
        for name in ("session", "counts", "snapshot", "trouble", "rereading"):
            self.watch(self.app, name, self._look, init=False)

    def _look(self) -> None:
        """Draw what is news, unless another screen is on top: Textual would paint all of that one again for it."""
        if self.screen.is_active and self._told != telling(self._standing()):
            self.redraw()

    def _standing(self) -> Standing:
        app = cast("BackfillApp", self.app)
        return Standing(
            app.sign, app.counts, app.snapshot, app.trouble, app.rereading is not None, app.paused_elsewhere
        )

    def draw(self, width: int) -> Sequence[Line]:
        """The line."""
        standing = self._standing()
        self._told = telling(standing)
        return (header_line(standing, width),)

    def on_click(self, event: events.Click) -> None:
        """The run's state leads to the run."""
        if event.x > self.size.width * 2 // 3:
            cast("BackfillApp", self.app).action_watch_run()


def telling(standing: Standing) -> tuple[object, ...]:
    """What the line is made of: as long as it is the same, so is the line."""
    seen = standing.snapshot
    run = seen and (seen.phase, seen.workers, STEPS * seen.tally.done // max(1, seen.images_total))
    return (*standing._replace(snapshot=None), run)


def header_line(standing: Standing, width: int) -> Line:
    """The richest line that fits."""
    line: Line = ()
    for start, end in _variants(standing):
        line = spread(start, end, width)
        if line_width(start) + line_width(end) + 3 <= width:
            break
    return line


class _Richness(NamedTuple):
    """How much a line tells: cells for the title and the bar, and what beside."""

    name: bool = True
    title: int = 80
    split: bool = False
    more: bool = False
    workers: bool = True
    cells: int = 8


_RICHNESS = (
    _Richness(split=True, more=True, cells=12),
    _Richness(more=True, cells=12),
    _Richness(title=14, more=True),
    _Richness(title=14),
    _Richness(title=14, cells=0),
    _Richness(title=0, cells=0),
    _Richness(title=0, workers=False, cells=0),
    _Richness(name=False, title=0, workers=False, cells=0),
)
"""From rich to poor: first the split of needing goes, then the title shrinks, then other counts go, then more."""

_TROUBLED = _Richness(name=False, title=14, workers=False, cells=0)
"""Where trouble does not fit its end goes: which deployment is in trouble matters more."""

CHIP_CELLS = 14
"""What is left of a title at the least where it has a colour: production must not be taken for staging."""


def _variants(standing: Standing) -> Iterator[tuple[Line, Line]]:
    for rich in (*_RICHNESS[:3], _TROUBLED) if standing.trouble else _RICHNESS:
        yield _start(standing, rich), _end(standing, rich)
    if not standing.trouble:
        yield _start(standing._replace(counts=None), _RICHNESS[-1]), _end(standing, _RICHNESS[-1])


def _start(standing: Standing, rich: _Richness) -> Line:
    groups: list[Line] = [(NAME,)] if rich.name or not standing.sign.name else []
    groups += _sign(standing.sign, rich.title)
    middle = _trouble(standing) or _counts(standing.counts, rich)
    return (*_joined(groups, GAP), *((Piece("    "), *middle) if middle else ()))


def _joined(groups: Sequence[Line], gap: Piece) -> Line:
    return tuple(piece for index, group in enumerate(groups) for piece in (*((gap,) if index else ()), *group))


def _sign(sign: Sign, cells: int) -> list[Line]:
    """The title as long as there is room for it, and that nothing may be written."""
    room = cells if sign.color == "none" else max(cells, CHIP_CELLS)
    name = sign.name if len(sign.name) <= room else sign.own
    groups: list[Line] = [(chip(cut(name, room), sign.color),)] if name and room else []
    if sign.detail and room > len(sign.title):
        groups.append((Piece(sign.detail, Ink.DIM),))
    return [*groups, (Piece("read-only", Ink.WARN),)] if sign.read_only else groups


def _trouble(standing: Standing) -> Line:
    return (Piece(f"waiting: {words.clean(standing.trouble)}", Ink.WARN),) if standing.trouble else ()


def _counts(counts: Counts | None, rich: _Richness) -> Line:
    if counts is None:
        return ()
    groups = [_needing(counts, rich.split)]
    if rich.more:
        beside = (("partial", counts.partial, Ink.WARN), ("backfilled", counts.backfilled, Ink.GOOD))
        groups += [_number(name, number, ink) for name, number, ink in beside if number]
    return _joined(groups, Piece("   "))


def _needing(counts: Counts, split: bool) -> Line:
    needing = (Piece("needing ", Ink.DIM), Piece(words.thousands(counts.needing), Ink.STRONG))
    shares = [(n, getattr(counts, n)) for n in ("ready", "parked", "empty", "marked") if getattr(counts, n)]
    if not split or not counts.needing or [name for name, _ in shares] == ["ready"]:
        return needing
    return (*needing, Piece(": " + " ".join(f"{name} {number:,}" for name, number in shares), Ink.DIM))


def _number(name: str, number: int, ink: Ink) -> Line:
    return Piece(f"{name} ", Ink.DIM), Piece(words.thousands(number), ink)


def _end(standing: Standing, rich: _Richness) -> Line:
    state = run_state(standing.snapshot, rich.cells, elsewhere=standing.elsewhere and rich.workers)
    seen = standing.snapshot
    if standing.rereading:
        rereading = Piece("reading again …", Ink.DIM)
        return (rereading,) if seen is None or seen.phase.over else (rereading, GAP, *state)
    if seen is None or seen.phase.over or seen.workers < 2 or not rich.workers:
        return state
    return (Piece(words.plural(seen.workers, "worker"), Ink.DIM), GAP, *state)


def run_state(snapshot: Snapshot | None, cells: int, *, elsewhere: bool = False) -> Line:
    """The run in a few words; a bar of that many cells while it goes on; whether another app paused it."""
    if snapshot is None:
        return (Piece("idle", Ink.DIM),)
    text = words.phase_words(snapshot.phase) + (" elsewhere" if elsewhere else "")
    state = Piece(text, words.PHASES[snapshot.phase][1])
    if snapshot.phase.over or snapshot.phase is Phase.STARTING:
        return (state,)
    done, total = snapshot.tally.done, snapshot.images_total
    mini = (Piece("  "), *bar(done, total, cells)) if cells else ()
    return (state, *mini, Piece(f" {words.percent(done, total):>4}"))
