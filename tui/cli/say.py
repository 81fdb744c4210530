"""The two voices of a command: data on stdout, talk on stderr."""

from __future__ import annotations

import json
import sys


def data(text: str) -> None:
    """What was asked for."""
    print(text, flush=True)  # noqa: T201


def talk(text: str) -> None:
    """What is said beside it."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def answer(value: object) -> None:
    """What was asked for, as one JSON object."""
    data(json.dumps(value, ensure_ascii=False))
