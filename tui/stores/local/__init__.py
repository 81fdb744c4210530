"""The embedded store: SQLite in WAL mode for rows, a folder for objects."""

from tui.stores.local.doctor import examine_folder
from tui.stores.local.store import LocalStore

__all__ = ["LocalStore", "examine_folder"]
