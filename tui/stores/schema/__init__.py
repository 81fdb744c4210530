"""The SQL that an operator can install in a Supabase project, as scripts for psql or the SQL editor."""

from __future__ import annotations

import re
from pathlib import Path

_FOLDER = Path(__file__).parent / "supabase"
_KNOWN, _DROP = _FOLDER / "known.sql", _FOLDER / "drop.sql"
_INCLUDE = "-- include: known.sql\n"
_VERSION = re.compile(r"(\d+);.*-- image_backfill_version$", re.MULTILINE)
_MADE = re.compile(
    r"\bCREATE (?:OR REPLACE )?(?:TABLE|VIEW|FUNCTION|INDEX) (?:IF NOT EXISTS )?(?:public\.)?(image_backfill_\w+)"
)


def install_script(organizations_table: str = "") -> str:
    """What installs our SQL or brings it up to date; may be run again at any time.

    `organizations_table` names the table of organizations, else the one there is of the known two is taken.
    """
    return _script(_files(), organizations_table=organizations_table)


def drop_script() -> str:
    """What removes our SQL with all that it keeps; the project's own rows stay as they are."""
    return _script(_DROP.read_text(encoding="utf-8"))


def _script(text: str, **settings: str) -> str:
    text = text.replace(_INCLUDE, _KNOWN.read_text(encoding="utf-8"))
    for name, value in {**settings, "names": ",".join(NAMES)}.items():
        literal = "'" + value.replace("'", "''") + "'"
        text = text.replace(f"''; -- setting: {name}\n", f"{literal}; -- setting: {name}\n")
    return text


def _files() -> str:
    files = sorted(path for path in _FOLDER.glob("[0-9]*.sql"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def _version() -> int:
    found = _VERSION.search(_files())
    return int(found[1]) if found else 0


VERSION = _version()
"""The version that `install_script` installs; `image_backfill_version()` tells the one of a project."""

NAMES = tuple(sorted(set(_MADE.findall(_files()))))
"""All that it makes in the schema `public`: tables, views, functions and indexes."""
