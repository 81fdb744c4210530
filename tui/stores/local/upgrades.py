"""The tables of a new store, and how those of an older version become them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping

from tui.stores.reading import options_from, scope_text


def schema() -> Iterator[str]:
    """The statements that make a new store."""
    import importlib.resources  # slow to load, and a store is made once

    script = importlib.resources.files("tui.stores.schema").joinpath("local.sql").read_text("utf-8")
    # `executescript` would commit the transaction that keeps two creators apart.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _shares(db: sqlite3.Connection) -> None:
    """To version 2: a run has shares, one for each of its workers."""
    db.execute("ALTER TABLE image_backfill_runs RENAME TO image_backfill_runs_before")
    db.execute("DROP INDEX image_backfill_runs_started")
    db.execute("DROP INDEX IF EXISTS image_backfill_jobs_worker")
    for statement in schema():
        if "image_backfill_runs" in statement or "image_backfill_shares" in statement:
            db.execute(statement)
    db.create_function("scope_text", 1, _scope_text, deterministic=True)
    db.execute("""
        INSERT INTO image_backfill_runs (run_id, scope, started_at)
        SELECT run_id, scope_text(options), started_at FROM image_backfill_runs_before
    """)
    columns = (
        "run_id, worker, started_at, seen_at, ended_at, phase, options, tally, vehicles_done, vehicles_total, error"
    )
    db.execute(f"INSERT INTO image_backfill_shares ({columns}) SELECT {columns} FROM image_backfill_runs_before")
    db.execute("DROP TABLE image_backfill_runs_before")


def _scope_text(options: str) -> str:
    return scope_text(options_from(json.loads(options)).scope)


UPGRADES: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _shares}
"""What makes a store of each older version one of the next, inside a transaction."""
