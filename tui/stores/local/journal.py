"""What every run did."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from tui.model import Phase, RunOptions, RunRecord, Scope, Tally
from tui.stores.local.database import writing


def save_run(db: sqlite3.Connection, record: RunRecord) -> None:
    """Write or overwrite a run's entry."""
    with writing(db):
        db.execute(
            "INSERT OR REPLACE INTO image_backfill_runs (run_id, worker, started_at, seen_at, ended_at, phase, options,"
            " tally, vehicles_done, vehicles_total, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.run_id,
                record.worker,
                record.started_at,
                record.seen_at,
                record.ended_at,
                record.phase,
                json.dumps(asdict(record.options)),
                json.dumps(asdict(record.tally)),
                record.vehicles_done,
                record.vehicles_total,
                record.error,
            ),
        )


def runs(db: sqlite3.Connection, limit: int) -> tuple[RunRecord, ...]:
    """The newest runs first."""
    query = "SELECT * FROM image_backfill_runs ORDER BY started_at DESC, run_id LIMIT ?"
    return tuple(_record(row) for row in db.execute(query, (limit,)))


def _record(row: sqlite3.Row) -> RunRecord:
    return RunRecord(
        run_id=row["run_id"],
        worker=row["worker"],
        started_at=row["started_at"],
        seen_at=row["seen_at"],
        ended_at=row["ended_at"],
        phase=Phase(row["phase"]),
        options=_options(json.loads(row["options"])),
        tally=Tally(**json.loads(row["tally"])),
        vehicles_done=row["vehicles_done"],
        vehicles_total=row["vehicles_total"],
        error=row["error"],
    )


def _options(saved: dict[str, object]) -> RunOptions:
    scope = saved.pop("scope", None)
    saved_scope = scope if isinstance(scope, dict) else {}
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in saved_scope.items()}
    return RunOptions(scope=Scope(**fields), **saved)  # type: ignore[arg-type]
