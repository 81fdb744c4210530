"""Many workers, one run: their shares added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from tui.model.runs import SILENCE, RunRecord, Tally


def as_runs(shares: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """The runs that these shares belong to, each whole; shares of one run must follow each other."""
    return tuple(_whole(list(group)) for _, group in groupby(shares, key=lambda share: share.run_id))


def _whole(shares: Sequence[RunRecord]) -> RunRecord:
    """One run. While one of its workers lives it goes on; else it ended as the worker that was seen last."""
    last = max(shares, key=lambda share: share.seen_at)
    alive = [share for share in shares if share.ended_at is None and share.seen_at > last.seen_at - SILENCE]
    speaker = max(alive, key=lambda share: share.seen_at) if alive else last
    if len(shares) == 1:
        return speaker
    first = min(shares, key=lambda share: share.started_at)
    done = sum(share.vehicles_done for share in shares)
    return replace(
        first,
        worker=", ".join(sorted(share.worker for share in shares)),
        seen_at=last.seen_at,
        ended_at=speaker.ended_at,
        phase=speaker.phase,
        tally=_sum(share.tally for share in shares),
        vehicles_done=done,
        vehicles_total=max(done, *(share.vehicles_total for share in shares)),
        error=next((share.error for share in shares if share.error), ""),
        workers=len(shares),
        images_per_second=sum(share.images_per_second for share in alive),
        bytes_per_second=sum(share.bytes_per_second for share in alive),
    )


def _sum(tallies: Iterable[Tally]) -> Tally:
    total, refusals = Tally(), Counter[str]()
    for tally in tallies:
        refusals.update(tally.refusals)
        total = Tally(
            stored=total.stored + tally.stored,
            duplicate=total.duplicate + tally.duplicate,
            refused=total.refused + tally.refused,
            deferred=total.deferred + tally.deferred,
            bytes=total.bytes + tally.bytes,
        )
    return replace(total, refusals=dict(refusals.most_common()))
