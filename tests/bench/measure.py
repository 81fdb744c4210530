"""What a command costs as a whole process: seconds, CPU, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# A process begins with the peak of memory of the one that started it: this one has little.
_LAUNCHER = """
import json, os, sys, time
began = time.perf_counter()
child = os.fork()
if not child:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(child, 0)
told = time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
open(sys.argv[1], "w").write(json.dumps([*told, os.waitstatus_to_exitcode(status)]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """`seconds` of wall clock, `cpu` seconds of the process and all that it waited for, `peak` MB of the largest of
    them, and what it printed."""

    seconds: float
    cpu: float
    peak: float
    output: str


def run(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run it to its end in a folder. Raises RuntimeError with the end of what it said where it fails."""
    said, told = folder / "said.txt", folder / "told.json"
    with said.open("wb") as output:
        launcher = (sys.executable, "-I", "-S", "-c", _LAUNCHER, str(told), *command)
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        subprocess.run(launcher, cwd=folder, env={**os.environ, **(env or {})}, check=True, **streams)  # type: ignore[call-overload]
    seconds, cpu, peak, code = json.loads(told.read_text())
    text = said.read_text(errors="replace")
    if code:
        raise RuntimeError(f"{command[0]} ended with {code}: {text[-2000:]}")
    return Cost(seconds, cpu, peak, text)
