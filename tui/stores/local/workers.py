"""Which workers of a folder are alive: each holds a lock on a file of its own, and the system drops it when it dies.

A lease has a deadline in any case; this only spares whoever asks for vehicles the wait for that of a killed one.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from tui.stores.local.database import writing


class Roll:
    """The lock files of a folder's workers, and the locks that this process holds.

    Only `is_dead` is used outside the writer's thread: it is the function of this name in the SQL of the store.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def enrol(self, worker: str) -> None:
        """Hold the lock of a worker of this process until `close`."""
        if worker not in self._held:
            self._folder.mkdir(exist_ok=True)
            descriptor = os.open(self._file(worker), os.O_CREAT | os.O_RDWR, 0o644)
            self._held[worker] = descriptor
            _try_lock(descriptor, fcntl.LOCK_EX)

    def is_dead(self, worker: str | None) -> bool:
        """Whether a worker enrolled and no longer holds its lock; False for none, and for one not known here."""
        if worker is None or worker in self._held:
            return False
        try:
            descriptor = os.open(self._file(worker), os.O_RDONLY)
        except OSError:
            return False
        try:
            # A shared lock: two that ask at once are not in each other's way.
            return _try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def strike(self, worker: str) -> None:
        """Forget a dead worker."""
        self._file(worker).unlink(missing_ok=True)

    def leave(self, worker: str, *, trace: bool = False) -> None:
        """Let go of a worker's lock; its file stays as a trace where others should find it dead."""
        if (descriptor := self._held.pop(worker, None)) is not None:
            if not trace:
                self.strike(worker)
            os.close(descriptor)

    def close(self) -> None:
        """Let go of every lock, and of the files behind them."""
        for worker in list(self._held):
            self.leave(worker)

    def _file(self, worker: str) -> Path:
        return self._folder / f"{quote(worker, safe='')}.lock"


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take_part(db: sqlite3.Connection, roll: Roll, worker: str) -> None:
    """Enrol a worker, and end the leases of those that died, so that their vehicles can be claimed at once."""
    roll.enrol(worker)
    holders = db.execute("SELECT DISTINCT worker FROM image_backfill_jobs WHERE worker IS NOT NULL").fetchall()
    for (worker,) in holders:
        if roll.is_dead(worker):
            with writing(db):
                db.execute(
                    "UPDATE image_backfill_jobs SET lease_token = NULL, lease_until = NULL, worker = NULL,"
                    " run_id = NULL WHERE worker = ?",
                    (worker,),
                )
            roll.strike(worker)


def leave(db: sqlite3.Connection, roll: Roll, worker: str) -> None:
    """A worker has ended; whatever it still holds is free at the next claim of any other."""
    held = db.execute("SELECT 1 FROM image_backfill_jobs WHERE worker = ? LIMIT 1", (worker,)).fetchone()
    roll.leave(worker, trace=held is not None)
