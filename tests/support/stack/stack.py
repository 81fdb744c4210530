"""The stack of one test process: a cluster, the projects on it, and the end of them all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stack.cluster import Cluster, ShutdownMode
from tests.support.stack.gateway import Loop
from tests.support.stack.parts import find_parts
from tests.support.stack.project import Project
from tests.support.stack.reaper import Reaper
from tests.support.stack.storage import Storage


class Stack:
    """Runs from construction to `close`; if the process dies before that, all it started ends by itself."""

    def __init__(self) -> None:
        self._parts = find_parts()
        self._folder = Path(tempfile.mkdtemp(prefix="backfill-stack-"))
        self._folder.chmod(0o711)  # the server's own user has its folder in it
        self._reaper = Reaper(self._folder)
        self._loop = Loop()
        self._projects: dict[str, Project] = {}
        self._cluster = Cluster(self._parts.postgres, self._folder / "postgres")
        self._storage = Storage(self._parts, self._folder / "storage", self._cluster, self._reaper.group)
        try:
            self._cluster.create()
        except BaseException:
            self.close()
            raise

    def project(self, name: str, schema: str) -> Project:
        """The project of that name; a schema script makes its database when it is first asked for. A database that an
        earlier test left down is brought back."""
        if not self._cluster.running:
            self.start_database()
        if name not in self._projects:
            folder, group = self._folder / name, self._reaper.group
            self._projects[name] = Project(
                name, schema, self._cluster, self._storage, self._parts, folder, group, self._loop
            )
        return self._projects[name]

    def drop(self, project: Project) -> None:
        """End a project before the stack ends."""
        self._projects.pop(project.name).drop()

    def stop_database(self, mode: ShutdownMode = "fast") -> None:
        """Take the database from under all projects: `fast` in order, `immediate` as a crash does."""
        for project in self._projects.values():
            project.forget_connection()
        self._cluster.stop(mode)

    def start_database(self) -> None:
        """Bring it back, recovered, and wait until every project answers from it."""
        self._cluster.start()
        for project in self._projects.values():
            project.reload_schema()

    @contextmanager
    def database_down(self, mode: ShutdownMode = "fast") -> Iterator[None]:
        """The database is away inside the block."""
        self.stop_database(mode)
        try:
            yield
        finally:
            self.start_database()

    def restart_database(self, mode: ShutdownMode = "fast") -> None:
        self.stop_database(mode)
        self.start_database()

    def close(self) -> None:
        """End and remove everything."""
        try:
            for project in self._projects.values():
                project.close()
            self._storage.close()
            self._loop.close()
        finally:
            self._reaper.close()
