"""What you type: commands, exit codes, and the way into the app. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.cli.parser import Arguments
    from tui.model import Problem

RAN, COULD_NOT, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code: 0 ran, 1 could not run, 2 usage, 130 interrupted."""
    try:
        _open_streams()
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(argv: Sequence[str]) -> int:
    # Imported here, where a Ctrl-C in the middle of it leaves no traceback.
    from tui.cli.parser import parse
    from tui.model import Problem
    from tui.settings import SettingsError

    try:
        return _dispatch(parse(argv))
    except SettingsError as problem:
        return _tell(problem, USAGE)
    except Problem as problem:
        return _tell(problem, COULD_NOT)
    except OSError as error:
        # Whatever reads our output has gone or is full; leave without a traceback, also from the flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return COULD_NOT
        return _tell(Problem(f"cannot go on: {error}."), COULD_NOT)


def _open_streams() -> None:
    """Give a command that was started with closed streams empty ones: else a file could come to be its stdout."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        for descriptor in range(3):
            try:
                os.fstat(descriptor)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        sys.stdin, sys.stdout, sys.stderr = (
            stream or open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, (stream, mode) in enumerate(((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")))
        )


def _dispatch(arguments: Arguments) -> int:
    if arguments.command is None:
        from tui.cli.face import open_face  # Textual costs a start-up that no other command should pay

        return open_face(arguments)
    import asyncio
    import json

    from tui.cli.commands import COMMANDS
    from tui.model import Problem

    try:
        return asyncio.run(COMMANDS[arguments.command](arguments))
    except Problem as problem:
        if arguments.json:
            print(json.dumps({"success": False, "error": str(problem)}, ensure_ascii=False))  # noqa: T201
        raise


def _tell(problem: Problem, code: int) -> int:
    print(f"backfill-tui: {problem}", file=sys.stderr)  # noqa: T201
    return code
