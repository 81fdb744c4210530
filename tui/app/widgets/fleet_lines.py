"""The fleet as rows of a list: live runs, and under each the workers that share it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rich.cells import cell_len

from tui.app import words
from tui.app.widgets.history_lines import details, options_words
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, clip, left, parts, right, shorten
from tui.app.widgets.run_lines import scope_words, short_id
from tui.model import SILENCE, Member, Phase, RunRecord, Wish, as_runs
from tui.settings import KEY_VARIABLES

NARROW = 70
WIDE = 112
STATE = 12
RECENT = 3.0
NAME_LEAST, NAME_MOST = 10, 28

EMPTY = "No worker is at work."

UNKNOWN = "More is known on the machines of this run, or anywhere with our SQL."

_HELD_BACK = {Wish.PAUSE: Phase.PAUSING, Wish.STOP: Phase.STOPPING}
_PAUSED = (Phase.PAUSING, Phase.PAUSED)


@dataclass(frozen=True, slots=True)
class Row:
    """A run with the members that work on it, or (`member`) one of them."""

    run: RunRecord
    members: tuple[Member, ...]
    member: Member | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What the row is about, whatever its numbers."""
        return self.run.run_id, self.member.share.worker if self.member else ""

    @property
    def holding(self) -> int:
        """Vehicles that are leased now."""
        return self.member.holding if self.member else sum(member.holding for member in self.members)

    @property
    def reports(self) -> bool:
        """Whether more is known than what is held."""
        return any(member.reports for member in ((self.member,) if self.member else self.members))

    @property
    def paused(self) -> bool:
        """Whether the run is wanted to pause, so that the next press lets it go on."""
        return self.run.wish is Wish.PAUSE or (self.run.wish is Wish.RUN and self.run.phase in _PAUSED)


def wanting(members: Iterable[Member], wishes: Mapping[str, Wish]) -> Iterator[Member]:
    """The members, with what has since been wanted of some runs."""
    for member in members:
        wish = wishes.get(member.share.run_id, member.share.wish)
        yield replace(member, share=replace(member.share, wish=wish))


def nobody(command: str, *, project: bool, key_variable: str = "") -> str:
    """What an empty fleet says where `command` opens the app: what starts workers, on a `project` also elsewhere."""
    told = f"{EMPTY} This starts four of them:\n\n  {command} run --workers 4"
    if not project:
        return told
    key = f"with the key in {key_variable or KEY_VARIABLES[0]}"
    return f"{told}\n\nIt needs a shell {key}. On another machine it adds its own workers to the same run."


def rows(members: Iterable[Member]) -> list[Row]:
    """Each run above its workers, in the order given."""
    found: list[Row] = []
    for _, group in groupby(members, key=lambda member: member.share.run_id):
        crew = tuple(group)
        (run,) = as_runs(member.share for member in crew)
        found += [Row(run, crew), *(Row(run, crew, member) for member in crew)]
    return found


def silence(share: RunRecord, now: float) -> float:
    """Seconds for which a worker has been silent, 0 while it reports."""
    quiet = now - share.seen_at
    return quiet if quiet >= SILENCE else 0.0


def state(share: RunRecord, now: float) -> Piece:
    """Where a worker or a run stands; what is wanted of it shows before it obeys."""
    if silence(share, now):
        return Piece("! silent", Ink.WARN)
    phase = _HELD_BACK.get(share.wish, share.phase) if share.phase in (Phase.STARTING, Phase.RUNNING) else share.phase
    return Piece(words.phase_words(phase), words.PHASES[phase][1])


def total_line(found: Sequence[Row], asked: bool, now: float) -> Line:
    """How many there are and what they do together."""
    runs = [row.run for row in found if row.member is None]
    if not runs:
        return (Piece("" if asked else "asking the store …", Ink.DIM),)
    told = [Piece(f"{words.plural(len(runs), 'run')} · {words.plural(len(found) - len(runs), 'worker')}", Ink.DIM)]
    heard = [run for run in runs if not silence(run, now)]
    if rate := sum(run.images_per_second for run in heard):
        told.append(Piece(words.rate(rate)))
        told.append(Piece(words.byte_rate(sum(run.bytes_per_second for run in heard))))
    return parts(told)


def _numbers(holds: str, images: str, size: str, done: str, seen: str, width: int) -> str:
    """The narrower the list, the fewer."""
    text = right(holds, 6) + right(images, 10)
    return text + (right(size, 10) if width >= NARROW else "") + right(done, 7) + " " + right(seen, 11)


def _room(width: int) -> int:
    """What the other columns leave for names, within reason."""
    most = max(NAME_MOST, width // 5)
    return max(NAME_LEAST, min(most, width - 2 - STATE - len(_numbers("", "", "", "", "", width))))


def column_titles(width: int) -> Line:
    """The line over the list."""
    text = " " + left("worker", _room(width)) + left("state", STATE)
    text += _numbers("holds", "images/s", "bytes/s", "done", "last seen", width)
    return (Piece(text + ("   now at" if width >= WIDE else ""), Ink.DIM),)


def paint(row: Row, width: int, now: float, own: str = "") -> Line:
    """One row; `own` names the worker that this app is."""
    share, seen, about = row.run, "", _scope(row)
    name: Line = (Piece(" " + left(f"Run {short_id(share.run_id)}", _room(width)), Ink.STRONG),)
    if row.member is not None:
        share, about = row.member.share, titles(row.member)
        seen = last_seen(share, now) if row.reports else "–"
        name = _worker(share.worker, _room(width), here=share.worker == own)
    told = state(share, now)
    line = (*name, Piece(left(told.text, STATE), told.ink), Piece(_counted(row, share, seen, width, now)))
    return clip((*line, Piece("   " + about, Ink.DIM)), width) if width >= WIDE else line


def _worker(name: str, room: int, *, here: bool) -> Line:
    """Both ends of a name tell workers apart: the host and the process."""
    mark = " here" if here else ""
    text = shorten(words.clean(name), room - 3 - len(mark))
    return Piece("   " + text), Piece(left(mark, room - 2 - cell_len(text)), Ink.ACCENT)


def _counted(row: Row, share: RunRecord, seen: str, width: int, now: float) -> str:
    unknown = bool(silence(share, now)) or not row.reports
    return _numbers(
        words.thousands(row.holding),
        "–" if unknown else f"{share.images_per_second:.1f}",
        "–" if unknown else words.byte_rate(share.bytes_per_second),
        words.thousands(share.vehicles_done) if row.reports else "–",
        seen,
        width,
    )


def _scope(row: Row) -> str:
    return scope_words(row.run.options, row.run.vehicles_total) if row.reports else ""


def last_seen(share: RunRecord, now: float) -> str:
    """`now`, or about how long ago."""
    ago = now - share.seen_at
    return "now" if ago < RECENT else " ".join([*words.duration(ago).split()[:2], "ago"])


def titles(member: Member) -> str:
    """The vehicles in a worker's hands, as far as they are known by name."""
    named = ", ".join(words.clean(title) for title in member.titles)
    more = member.holding - len(member.titles)
    return f"{named} and {more:,} more" if named and more > 0 else named


def detail(row: Row | None, now: float, width: int) -> list[Line]:
    """What else there is to say about the row under the cursor."""
    if row is None:
        return []
    lines = [_standing(row, now), *([(Piece(titles(row.member), Ink.DIM),)] if row.member else [])]
    return [clip(line, width) for line in lines]


def _standing(row: Row, now: float) -> Line:
    if row.member is None:
        told = f"{_scope(row)} · {options_words(row.run)}" if row.reports else UNKNOWN
        return (Piece(told, Ink.DIM),)
    if quiet := silence(row.member.share, now):
        after = "; its vehicles are taken over when its lease ends" if row.holding else "; it holds no vehicle"
        return (Piece(f"silent for {words.duration(quiet)}{after}", Ink.WARN),)
    return (Piece(f"holds {words.plural(row.holding, 'vehicle')}", Ink.DIM),)


def page(row: Row, now: float) -> list[Line]:
    """Everything that is known of a run or of one worker's share of it."""
    members = row.members if row.member is None else (row.member,)
    lines = details(row.run if row.member is None else row.member.share, now)
    for member in members:
        if member.titles:
            lines += [BLANK, (Piece(f"{words.clean(member.share.worker)} holds {member.holding:,}", Ink.DIM),)]
            lines += [(Piece(f"  {words.clean(title)}"),) for title in member.titles]
    return lines
