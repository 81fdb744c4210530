"""What is said of a run that is over: when the app has closed, and when it opens again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.app.widgets.ink import cells
from tui.app.words import bytes_words, duration, plural, thousands
from tui.model import Counts, RunRecord, Snapshot

if TYPE_CHECKING:
    from tui.trickle.session import Session


WIDTH = 80
"""Cells of the narrowest terminal that is usual."""


def farewell(snapshot: Snapshot | None, counts: Counts | None, session: Session | None) -> str:
    """What was done, what is left, and the command that goes on with it; empty when there was no run."""
    if snapshot is None or session is None:
        return ""
    tally = snapshot.tally
    stored = f"{plural(tally.stored, 'image')} stored ({bytes_words(tally.bytes)})"
    lines = [
        f"Run {snapshot.run_id} {snapshot.phase.value} after {duration(snapshot.elapsed)}.",
        f"{stored}, {thousands(snapshot.vehicles_done)} of {plural(snapshot.vehicles_total, 'vehicle')} done.",
    ]
    if counts is not None and (left := counts.ready + counts.partial + counts.legacy):
        go_on = f"Left: {plural(left, 'vehicle')}. Go on with:"
        # The command stands alone where it would be broken: whoever copies it gets all of it.
        whole = f"{go_on} {session.command}"
        lines += [whole] if cells(whole) < WIDTH else [go_on, session.command]
    return "\n".join(lines)


def notice_of(record: RunRecord) -> str:
    """The line that offers to resume a run that left work behind."""
    done = f"{record.vehicles_done:,} of {plural(record.vehicles_total, 'vehicle')}"
    return f"R resumes run {record.run_id[-4:]}, interrupted after {done}"
