"""Opening the database file, creating it, and running work on a connection in a thread of its own."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from tui.stores import StoreError
from tui.stores.local.faults import explained
from tui.stores.local.upgrades import UPGRADES, schema
from tui.threads import Threads

APPLICATION_ID = 0x4266_5475  # "BfTu"
VERSION = 2
BUSY_SECONDS = 10.0

CACHE = 24 * 1024
"""KiB of pages that each of a store's three connections keeps: a run stays below 150 MB however large the store is."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class _Write(Generic[R]):
    work: Callable[[], R]
    result: R = field(init=False)
    done: bool = False


class Desk:
    """A connection in its own thread: work on it is done in order, and never on the event loop."""

    def __init__(self, connection: sqlite3.Connection, place: Path) -> None:
        self._connection = connection
        self._place = place
        self._thread = Threads(1, "store")
        self._waiting: deque[_Write[Any]] = deque()
        self._closed = False

    async def run(self, work: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do `work(connection, …)` in the thread; raises `StoreError` for everything SQLite objects to."""
        self._require_open()
        return await self._thread.run(partial(self._do, partial(work, self._connection, *args, **kwargs)))

    async def together(
        self, work: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Like `run`, in one transaction with the writes that wait beside it, which costs each of them less.

        Whatever comes of the others, this one is committed when it is answered, or nothing of it is. It must bear to be
        undone and done again.
        """
        self._require_open()
        write = _Write(partial(work, self._connection, *args, **kwargs))
        self._waiting.append(write)
        return await self._thread.run(partial(self._written, write))

    def _written(self, write: _Write[R]) -> R:
        with explained(self._place):
            if not write.done:
                self._write_together([self._waiting.popleft() for _ in range(len(self._waiting))])
            return write.result if write.done else write.work()

    def _write_together(self, writes: Sequence[_Write[Any]]) -> None:
        """Commit them all, or none where one raises: then each does its work again, alone, when its turn comes."""
        try:
            with writing(self._connection):
                for write in writes:
                    write.result = write.work()
        except Exception:  # noqa: BLE001 - whoever raised it raises it again, alone
            return
        for write in writes:
            write.done = True

    def _do(self, work: Callable[[], R]) -> R:
        with explained(self._place):
            return work()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"The store {self._place} is closed.")

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if not self._closed:
            self._closed = True
            await self._thread.run(self._connection.close)
            self._thread.close()


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction that holds the write lock from its start: committed whole, or rolled back on any exception.

    Inside another one it is a part of that.
    """
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A full disk or a damaged file makes SQLite roll back by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def reading(db: sqlite3.Connection) -> Iterator[None]:
    """One view of the data for several queries."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def open_for_looking(file: Path) -> list[sqlite3.Connection]:
    """Two readers on `file`, which stays as it is; raises `StoreError` and `sqlite3.Error`."""
    with closing(look(file)) as db:
        if is_new(db, file):
            raise StoreError(f"The store {file} is empty and read-only: make it writable, or use another folder.")
        if version_of(db) < VERSION:
            raise StoreError(f"The store {file} is of an older version: open it once where it may be written.")
    return [look(file), look(file)]


def look(file: Path) -> sqlite3.Connection:
    """A connection that cannot write, to whatever SQLite database is there; raises `sqlite3.Error`."""
    try:
        return _read_through(file, "?mode=ro")
    except sqlite3.OperationalError:
        # WAL needs a -shm file even to read. Where none can be made, and no -wal holds anything, the file is whole.
        wal = file.with_name(file.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        return _read_through(file, "?mode=ro&immutable=1")


def _read_through(file: Path, parameters: str) -> sqlite3.Connection:
    db = _connect(file, parameters)
    try:
        db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # only now it touches the file
    except BaseException:
        db.close()
        raise
    return db


def open_database(file: Path) -> tuple[list[sqlite3.Connection], sqlite3.Connection | None]:
    """Two readers and a writer on `file`, which is created if missing; the writer is None where it is read-only.

    Raises `StoreError` when the file is no store or one of a newer version, and `sqlite3.Error`.
    """
    try:
        writer = _connect(file)
    except sqlite3.OperationalError:
        if not file.exists():
            raise
        return open_for_looking(file), None
    try:
        _prepare(writer, file)
    except sqlite3.OperationalError as error:
        writer.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
        return open_for_looking(file), None
    except BaseException:
        writer.close()
        raise
    readers = [_connect(file), _connect(file)]
    for reader in readers:
        reader.execute("PRAGMA query_only = ON")
    return readers, writer


def _connect(file: Path, parameters: str = "") -> sqlite3.Connection:
    # Each connection is used by one thread at a time, though not by the one that opens it.
    db = sqlite3.connect(
        f"{file.absolute().as_uri()}{parameters}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    db.row_factory = sqlite3.Row
    try:
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "temp_store = MEMORY", f"cache_size = -{CACHE}"):
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, file: Path) -> None:
    if is_new(db, file):
        _to_wal(db)
        with writing(db):
            # Another process may have created it while this one waited for the lock.
            if is_new(db, file):
                _create(db)
    if version_of(db) < VERSION:
        with writing(db):
            _upgrade(db)
    # An import touches pages all over the indexes: a long log writes each of them back once, not once per batch.
    db.execute("PRAGMA wal_autocheckpoint = 64000")
    db.execute("PRAGMA journal_size_limit = 67108864")
    with writing(db):
        # Asks for the write lock: a read-only file is noticed here, not at the first write.
        pass


def is_new(db: sqlite3.Connection, file: Path) -> bool:
    """Whether nothing is in the file yet; raises `StoreError` when what is in it is not a store this program knows."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    version = version_of(db)
    if application == APPLICATION_ID:
        if version > VERSION:
            raise StoreError(f"The store {file} was written by a newer version of backfill-tui: update this one.")
        return False
    (tables,) = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if application or version or tables:
        raise StoreError(f"The store {file} is not a store but another program's database: use another folder.")
    return True


def version_of(db: sqlite3.Connection) -> int:
    """The version of the tables in a store."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _upgrade(db: sqlite3.Connection) -> None:
    # Asked again under the write lock: another process may have done it meanwhile.
    for version in range(version_of(db), VERSION):
        UPGRADES[version](db)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _to_wal(db: sqlite3.Connection) -> None:
    # SQLite does not wait for this lock as it waits for others, so first openings at the same instant may collide.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _create(db: sqlite3.Connection) -> None:
    for statement in schema():
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {VERSION}")
