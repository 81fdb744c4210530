"""A child that outlives its parent just long enough to end what the parent started."""

from __future__ import annotations

import subprocess
from pathlib import Path

# It waits for the end of its input, which comes when the session closes the pipe or dies, however it dies.
_SCRIPT = """
trap '' HUP INT TERM
cat
lock="$1/postgres/data/postmaster.pid"
if [ -e "$lock" ] && kill -QUIT "$(head -n 1 "$lock")"; then
  tries=0
  while [ -e "$lock" ] && [ "$tries" -lt 300 ]; do sleep 0.01; tries=$((tries + 1)); done
fi
kill -TERM 0
rm -rf "$1"
kill -KILL 0
"""


class Reaper:
    """Ends the processes of its group and the cluster in `folder`, and removes the folder, when closed or orphaned."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "reaper", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            process_group=0,
        )

    @property
    def group(self) -> int:
        """The process group to start servers in."""
        return self._process.pid

    def close(self) -> None:
        """End everything; returns when it has ended."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)
