"""PostgREST on one database, set up as hosted projects have it."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.stack.daemon import Daemon
from tests.support.stack.keys import SECRET

_LOADED = "Schema cache loaded"
_CONFIG = """
db-uri = "{dsn}"
db-schemas = "public"
db-anon-role = "anon"
db-max-rows = 1000
db-pool = 20
db-channel-enabled = true
jwt-secret = "{secret}"
server-unix-socket = "{socket}"
log-level = "warn"
"""


class PostgREST:
    """Serves at a Unix socket from construction to `close`."""

    def __init__(self, program: Path, folder: Path, dsn: str, group: int) -> None:
        self.socket = folder / "postgrest.socket"
        config = folder / "postgrest.conf"
        config.write_text(_CONFIG.format(dsn=dsn, secret=SECRET, socket=self.socket))
        self._daemon = Daemon([program, config], folder / "postgrest.log", group)

    def wait(self) -> None:
        """Wait until it knows the schema."""
        self._daemon.wait_for(_LOADED)

    def reload(self) -> None:
        """Learn the schema anew; returns when that is done."""
        # The first load may have begun before the schema became what it is now.
        for _ in range(2):
            self._load()

    def _load(self) -> None:
        loads = self._daemon.said(_LOADED) + 1
        for _ in range(30):
            self._daemon.signal(signal.SIGUSR1)
            if self._daemon.heard(_LOADED, loads, seconds=1):  # a signal is lost on one that is loading just then
                return
        raise RuntimeError("PostgREST does not load the schema; is the database down?")

    def close(self) -> None:
        self._daemon.close()
