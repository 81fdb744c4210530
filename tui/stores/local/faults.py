"""One translator from what SQLite and the file system say to one sentence for people."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tui.stores import StoreError

_SQLITE = {
    sqlite3.SQLITE_BUSY: "is busy: another program has been writing to it for too long; try again when it is done.",
    sqlite3.SQLITE_LOCKED: "is busy: another program has been writing to it for too long; try again when it is done.",
    sqlite3.SQLITE_READONLY: "is read-only: make the folder and its files writable, or use another folder.",
    sqlite3.SQLITE_PERM: "may not be opened by this user: check its permissions.",
    sqlite3.SQLITE_AUTH: "may not be opened by this user: check its permissions.",
    sqlite3.SQLITE_FULL: "is out of disk space: free some and try again; everything stored until now is safe.",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a copy, or save what can be read with `sqlite3 … .recover`.",
    sqlite3.SQLITE_NOTADB: "is not a store: the file is not an SQLite database; use another folder.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that the folder exists and that this user may write to it.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error; check the disk, then try again.",
    sqlite3.SQLITE_NOMEM: "needs more memory than there is: close other programs and try again.",
}

_FILES = {
    errno.ENOSPC: "is out of disk space: free some and try again; everything stored until now is safe.",
    errno.EDQUOT: "is over this user's disk quota: free some space and try again; everything stored until now is safe.",
    errno.EROFS: "is on a read-only disk: use another folder.",
    errno.EACCES: "may not be opened or written by this user: check its permissions.",
    errno.EPERM: "may not be opened or written by this user: check its permissions.",
    errno.ENOTDIR: "cannot be a folder, since a part of its path is a file: use another folder.",
    errno.EEXIST: "is a file, and a local store is a folder: give a folder.",
    errno.ENOENT: "does not exist.",
    errno.ENAMETOOLONG: "has a name that is too long for this disk: use another folder.",
    errno.EMFILE: "cannot be opened, since too many files are open: raise the limit (`ulimit -n`) and try again.",
}


def explain(error: sqlite3.Error | OSError, place: Path) -> StoreError:
    """The `StoreError` for an error of SQLite or of the file system met at `place`."""
    if isinstance(error, OSError):
        words = _FILES.get(error.errno or 0, f"cannot be used: {(error.strerror or str(error)).lower()}.")
    else:
        # The low byte is the primary code; the rest refines it.
        code = getattr(error, "sqlite_errorcode", None)
        words = _SQLITE.get((code or 0) & 0xFF, f"refused to do that: {error}.")
    return StoreError(f"The store {place} {words}")


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Let no error of SQLite or of the file system out but as a `StoreError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explain(error, place) from error
