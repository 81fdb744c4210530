"""Many workers, one run: their shares added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from tui.model.runs import OPTION_BOUNDS, SILENCE, Phase, RunOptions, RunRecord, Tally

_LOUDEST = (Phase.RUNNING, Phase.STARTING, Phase.PAUSING, Phase.STOPPING, Phase.PAUSED)
_HIGHEST_LIMIT = next(high for name, _, high in OPTION_BOUNDS if name == "limit")


def as_runs(shares: Iterable[RunRecord]) -> tuple[RunRecord, ...]:
    """The runs that these shares belong to, each whole; shares of one run must follow each other."""
    return tuple(as_run(list(group)) for _, group in groupby(shares, key=lambda share: share.run_id))


def as_run(shares: Sequence[RunRecord]) -> RunRecord:
    """One run. While one of its workers lives it goes on; else it ended as the worker that was seen last.

    A worker that fell silent long before the others is left behind: they have taken its vehicles over. One that fell
    silent with them leaves the run without an end, as a killed one does.
    """
    if len(shares) == 1:
        return shares[0]
    last = max(shares, key=lambda share: share.seen_at)
    alive = [share for share in shares if share.ended_at is None and share.seen_at > last.seen_at - SILENCE]
    counting = alive or [share for share in shares if share.ended_at is not None]
    return replace(
        min(shares, key=lambda share: share.started_at),
        worker=", ".join(sorted({share.worker for share in shares})),
        seen_at=last.seen_at,
        ended_at=None if alive else last.ended_at,
        phase=together([share.phase for share in alive]) if alive else last.phase,
        options=_options(shares, alive),
        tally=total_of(share.tally for share in shares),
        vehicles_done=sum(share.vehicles_done for share in shares),
        vehicles_total=sum(share.vehicles_done for share in shares) + _ahead(counting),
        error=next((share.error for share in shares if share.error), ""),
        workers=len(shares),
        images_per_second=sum(share.images_per_second for share in counting),
        bytes_per_second=sum(share.bytes_per_second for share in counting),
    )


def together(phases: Sequence[Phase]) -> Phase:
    """Where a run stands whose workers stand here and there: it runs while one of them does."""
    return min(phases, key=lambda phase: _LOUDEST.index(phase) if phase in _LOUDEST else len(_LOUDEST))


def to_come(ahead: Iterable[tuple[int, bool]]) -> int:
    """What workers have ahead together, from what each of them sees and whether its own limit ends it there.

    What one sees beyond every limit is what all the others see, too.
    """
    seen = list(ahead)
    unlimited = [count for count, limited in seen if not limited]
    return max(unlimited) if unlimited else sum(count for count, _ in seen)


def _ahead(shares: Sequence[RunRecord]) -> int:
    return to_come((share.vehicles_total - share.vehicles_done, _limited(share)) for share in shares)


def _limited(share: RunRecord) -> bool:
    return share.vehicles_total >= share.options.limit


def _options(shares: Sequence[RunRecord], alive: Sequence[RunRecord]) -> RunOptions:
    """Those of the first worker, with the limits of all; of a killed one only what it did counts."""
    limits = (
        share.options.limit if share.ended_at is not None or share in alive else share.vehicles_done for share in shares
    )
    first = min(shares, key=lambda share: share.started_at)
    return replace(first.options, limit=min(max(1, sum(limits)), _HIGHEST_LIMIT))


def total_of(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies, the most common refusal first."""
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
