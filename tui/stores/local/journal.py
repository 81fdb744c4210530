"""What every run did, worker by worker, and what is wanted of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from tui.model import SILENCE, Member, Orders, RunRecord, Scope, Wish, as_runs
from tui.stores.local.database import writing
from tui.stores.local.records import COLUMNS, from_row, to_row
from tui.stores.reading import scope_text

KILLED_SHOWN = 600.0
"""Seconds for which a worker that fell silent stays among the fleet."""

TITLES = 3

# Reports may overtake each other: what has ended is never alive again.
_SAVE = f"""
    INSERT INTO image_backfill_shares ({", ".join(COLUMNS)}) VALUES ({", ".join("?" * len(COLUMNS))})
    ON CONFLICT DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in COLUMNS[2:])}
    WHERE ended_at IS NULL OR excluded.ended_at IS NOT NULL
"""
_SHARES = "SELECT s.*, r.wish FROM image_backfill_shares s JOIN image_backfill_runs r USING (run_id)"
_NEWEST_FIRST = "ORDER BY r.started_at DESC, r.run_id, s.started_at, s.worker"


def join_run(db: sqlite3.Connection, record: RunRecord, now: float, is_dead: Callable[[str], bool]) -> str:
    """Write a worker's first report as a part of the live run over its scope, or of a run of its own; the run's id."""
    with writing(db):
        run_id = _live_run(db, record.options.scope, now, is_dead) or record.run_id
        _save(db, record, run_id)
    return run_id


def _live_run(db: sqlite3.Connection, scope: Scope, now: float, is_dead: Callable[[str], bool]) -> str | None:
    query = f"""
        {_SHARES} WHERE s.ended_at IS NULL AND s.seen_at > ? AND r.scope = ? AND r.wish <> '{Wish.STOP}'
        ORDER BY r.started_at, r.run_id
    """
    live = db.execute(query, (now - SILENCE, scope_text(scope)))
    return next((row["run_id"] for row in live if not is_dead(row["worker"])), None)


def save_run(db: sqlite3.Connection, record: RunRecord, now: float) -> Orders:
    """Write or overwrite a worker's share of a run; what is wanted of it."""
    with writing(db):
        _save(db, record, record.run_id)
        query = "SELECT wish FROM image_backfill_runs WHERE run_id = ?"
        (wish,) = db.execute(query, (record.run_id,)).fetchone()
        query = """
            SELECT COUNT(*) FROM image_backfill_shares
            WHERE run_id = ? AND worker <> ? AND ended_at IS NULL AND seen_at > ?
        """
        (others,) = db.execute(query, (record.run_id, record.worker, now - SILENCE)).fetchone()
    return Orders(Wish(wish), 1 + others)


def _save(db: sqlite3.Connection, record: RunRecord, run_id: str) -> None:
    db.execute(
        "INSERT INTO image_backfill_runs (run_id, scope, wish, started_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (run_id, scope_text(record.options.scope), record.wish, record.started_at),
    )
    db.execute(_SAVE, to_row(record, run_id))


def direct_run(db: sqlite3.Connection, run_id: str, wish: Wish) -> None:
    """Want something of every worker of a run; a stop is for good."""
    with writing(db):
        query = f"UPDATE image_backfill_runs SET wish = ? WHERE run_id = ? AND wish <> '{Wish.STOP}'"
        db.execute(query, (wish, run_id))


def runs(db: sqlite3.Connection, limit: int) -> tuple[RunRecord, ...]:
    """The newest runs first, whole."""
    query = f"""
        {_SHARES} WHERE run_id IN (SELECT run_id FROM image_backfill_runs ORDER BY started_at DESC, run_id LIMIT ?)
        {_NEWEST_FIRST}
    """
    return as_runs(from_row(row) for row in db.execute(query, (limit,)))


def fleet(db: sqlite3.Connection, now: float) -> tuple[Member, ...]:
    """The workers that have not ended, those of the newest run first, with what they hold."""
    query = f"{_SHARES} WHERE s.ended_at IS NULL AND s.seen_at > ? {_NEWEST_FIRST}"
    return tuple(_member(db, from_row(row), now) for row in db.execute(query, (now - KILLED_SHOWN,)).fetchall())


def _member(db: sqlite3.Connection, share: RunRecord, now: float) -> Member:
    query = """
        SELECT title FROM image_backfill_jobs WHERE worker = ? AND run_id = ? AND lease_until > ? ORDER BY rank, vehicle
    """
    titles = [row["title"] for row in db.execute(query, (share.worker, share.run_id, now))]
    return Member(share, len(titles), tuple(titles[:TITLES]))
