"""The SQL that an operator can install in a Supabase project, as scripts for psql or the SQL editor."""

from __future__ import annotations

import re
from pathlib import Path

_FOLDER = Path(__file__).parent / "supabase"
_DROP = _FOLDER / "drop.sql"
_SETTING = re.compile(r"''(?=.*-- setting: organizations_table$)", re.MULTILINE)
_VERSION = re.compile(r"(\d+);.*-- image_backfill_version$", re.MULTILINE)


def install_script(organizations_table: str = "") -> str:
    """What installs our SQL or brings it up to date; may be run again at any time.

    `organizations_table` names the table of organizations, else the one there is of the known two is taken.
    """
    literal = "'" + organizations_table.replace("'", "''") + "'"
    return _SETTING.sub(lambda _: literal, _files(), count=1)


def drop_script() -> str:
    """What removes our SQL with all that it keeps; the project's own rows stay as they are."""
    return _DROP.read_text(encoding="utf-8")


def _files() -> str:
    files = sorted(path for path in _FOLDER.glob("*.sql") if path != _DROP)
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def _version() -> int:
    found = _VERSION.search(_files())
    return int(found[1]) if found else 0


VERSION = _version()
"""The version that `install_script` installs; `image_backfill_version()` tells the one of a project."""
