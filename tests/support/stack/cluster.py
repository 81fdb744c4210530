"""One PostgreSQL cluster in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from secrets import randbelow
from typing import Any, Literal

import psycopg

from tests.support.stack.parts import FOLDER

ShutdownMode = Literal["fast", "immediate"]

# No fsync: the machine will not crash under it. Commits are not made asynchronous: the server will.
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 300
shared_buffers = 64MB
fsync = off
full_page_writes = off
jit = off
timezone = 'UTC'
"""


class Cluster:
    """PostgreSQL on a private port, with the roles of a Supabase project; runs from `create` to its reaper."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._data = folder / "data"
        self.port = free_port()
        self.running = False

    def create(self) -> None:
        """Make the cluster and start it."""
        self._folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(_SETTINGS.format(port=self.port))
        self.start()
        self._execute((FOLDER / "roles.sql").read_text())

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder}/postgres.log")
        self.running = True

    def stop(self, mode: ShutdownMode = "fast") -> None:
        """`fast` ends all connections in order; `immediate` is a crash, and the next start recovers."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")
        self.running = False

    def create_database(self, name: str, *scripts: str) -> None:
        """Make a database and run scripts in it; none is left where one of them fails."""
        self._execute(f'create database "{name}"')
        try:
            for script in scripts:
                self._execute(script, name)
        except psycopg.Error:
            self.drop_database(name)
            raise

    def drop_database(self, name: str) -> None:
        self._execute(f'drop database "{name}" with (force)')

    def psql(self, database: str, text: str, *options: str) -> str:
        """What the real `psql` prints for a script; its complaint is raised."""
        command = [str(self._programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, self.dsn(database)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr}")
        return done.stdout

    def _execute(self, script: str, database: str = "postgres") -> None:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(script.encode())

    def _run(self, program: str, *arguments: str) -> None:
        """PostgreSQL refuses to be root, and the package has made a user for it."""
        user: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        log = self._folder / f"{program}.log"
        command = [str(self._programs / program), *arguments, "-D", str(self._data)]
        with log.open("wb") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd=self._folder, check=False, **user)
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{log.read_text()}{_tail(self._folder / 'postgres.log')}")


def _tail(log: Path) -> str:
    return log.read_text()[-4000:] if log.exists() else ""


def free_port() -> int:
    """A port that nobody has, of those that the system does not give to clients: none takes it meanwhile."""
    while True:
        port = 20_000 + randbelow(12_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
