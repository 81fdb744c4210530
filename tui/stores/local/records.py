"""Reports of workers as rows, and back."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from tui.model import Phase, RunRecord, Tally, Wish
from tui.stores.reading import options_from

COLUMNS = (
    *("run_id", "worker", "started_at", "seen_at", "ended_at", "phase", "options", "tally"),
    *("vehicles_done", "vehicles_total", "error", "images_per_second", "bytes_per_second"),
)
"""Those of `image_backfill_shares`, the first two its key."""


def to_row(record: RunRecord, run_id: str) -> tuple[object, ...]:
    """The values of `COLUMNS` for a worker's report on a run."""
    row = {name: getattr(record, name) for name in COLUMNS}
    row |= {"run_id": run_id, "options": json.dumps(asdict(record.options)), "tally": json.dumps(asdict(record.tally))}
    return tuple(row.values())


def from_row(row: sqlite3.Row) -> RunRecord:
    """The report in a row that has the run's wish beside `COLUMNS`."""
    fields = {name: row[name] for name in COLUMNS}
    fields |= {
        "phase": Phase(row["phase"]),
        "wish": Wish(row["wish"]),
        "options": options_from(json.loads(row["options"])),
        "tally": Tally(**json.loads(row["tally"])),
    }
    return RunRecord(**fields)
