"""What every run did, and which of them left work behind."""

from __future__ import annotations

from tui.model import SILENCE, Phase, RunRecord
from tui.stores import Store


def fate(record: RunRecord, now: float) -> str:
    """How a run ended in one word: finished, stopped, failed, interrupted (killed), or running."""
    if record.ended_at is not None:
        return record.phase.value
    return "running" if now - record.seen_at < SILENCE else "interrupted"


async def unfinished(store: Store, now: float) -> RunRecord | None:
    """The newest run, when it ended before its work did: stopped, failed or killed. None otherwise."""
    newest = next(iter(await store.runs(limit=1)), None)
    if newest is None or newest.phase is Phase.FINISHED or fate(newest, now) == "running":
        return None
    return newest
