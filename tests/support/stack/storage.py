"""The storage server of a stack, shared by its projects: one bucket, which each of them empties before a test.

It keeps each object as a file, and its tables in a database of its own: when it starts it grants all of `public` to
every role, which would undo a project's own revokes.

Where it differs from hosted Storage: a public object comes with `no-cache` whatever was asked for, signed URLs do not
work with supabase-py, `list()` gives full paths, a request without a key meets the tables as `anon` instead of being
refused for its missing header, a broken JWT is a plain 401, errors carry no `code`, and without its database it answers
500. The gateway makes up for two more: keys with any character, and 500 where one object is uploaded twice at once.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import httpx
import psycopg

from tests.support.stack.cluster import Cluster, free_port
from tests.support.stack.daemon import Daemon
from tests.support.stack.keys import SECRET, SERVICE_KEY
from tests.support.stack.parts import Parts

BUCKET = "vehicle-images"
_DATABASE = "storage"
_RESTORE = f"""
delete from storage.objects;
delete from storage.buckets;
insert into storage.buckets (id, name, public) values ('{BUCKET}', '{BUCKET}', true);
"""
_CONFIG = """
[api]
port = {port}
schemas = ["public"]
[db]
driver = "postgres"
url = "{dsn}"
[storage]
enabled = true
[auth]
jwt_secret = "{secret}"
"""


class Storage:
    """Starts when it is first needed, which takes 0.6 s and 100 MB: before a test by `clear`, lest a request wait."""

    def __init__(self, parts: Parts, folder: Path, cluster: Cluster, group: int) -> None:
        self._parts, self._folder, self._cluster, self._group = parts, folder, cluster, group
        self._dsn = cluster.dsn(_DATABASE)
        self._objects = folder / "supabase/.temp/storage"
        self._daemon: Daemon | None = None
        self.touched = False
        """Whether anything was asked of it that may have changed something since `clear`."""
        self._starting = threading.Lock()
        self.port = 0

    @property
    def running(self) -> bool:
        return self._daemon is not None and self._daemon.alive

    def start(self) -> None:
        """Start once, and again where a crash of the database took it along; returns when it serves."""
        with self._starting:
            if self._daemon is None:
                self._create()
                self._daemon = self._serve()
                self._restore()
                self._warm_up()
                self._restore()
            elif not self._daemon.alive:
                self._daemon = self._serve()

    def _create(self) -> None:
        self._cluster.create_database(_DATABASE)
        self.port = free_port()
        config = self._folder / "supabase/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(_CONFIG.format(port=self.port, dsn=self._dsn, secret=SECRET))

    def _serve(self) -> Daemon:
        environ = {**os.environ, "EXPERIMENTAL_STORAGE": "1", "DO_NOT_TRACK": "1", "HOME": str(self._folder)}
        command: list[str | Path] = [self._parts.node, self._parts.lite, "--no-telemetry", "start", "--no-admin"]
        daemon = Daemon(command, self._folder / "storage.log", self._group, environ)
        daemon.wait_for("Ready in")
        return daemon

    def _warm_up(self) -> None:
        """Upload something: before the first object is in, those that come at the same time may be refused."""
        url = f"http://127.0.0.1:{self.port}/storage/v1/object/{BUCKET}/first.jpg"
        headers = {"Authorization": f"Bearer {SERVICE_KEY}", "Content-Type": "image/jpeg", "x-upsert": "true"}
        for _ in range(20):
            if httpx.post(url, content=b"first", headers=headers).is_success:
                return
        raise AssertionError("the storage server takes no object")

    def clear(self) -> None:
        """Back to one empty public bucket."""
        self.start()
        if self.touched or self.objects():
            self.touched = False
            self._restore()

    def _restore(self) -> None:
        with psycopg.connect(self._dsn) as connection:
            connection.execute(_RESTORE)
        shutil.rmtree(self._objects, ignore_errors=True)

    def objects(self) -> dict[str, bytes]:
        """Path → bytes of all that the bucket holds, from the server's own files."""
        bucket = self._objects / BUCKET
        return {str(path.relative_to(bucket)): path.read_bytes() for path in bucket.rglob("*") if path.is_file()}

    def close(self) -> None:
        if self._daemon:
            self._daemon.close()
