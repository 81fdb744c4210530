"""What a gateway can be told to do wrong, to which requests, and what it saw."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

When = Literal["before", "after"]
"""Before the request is forwarded, or after the server has applied it and before its answer goes out."""


@dataclass(frozen=True)
class Answer:
    """A canned answer; a body that is neither text nor bytes goes out as JSON. `after`: the server did its work."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    when: When = "before"

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body, separators=(",", ":"))).encode()

    @property
    def kind(self) -> str:
        if not isinstance(self.body, str | bytes):
            return "application/json; charset=utf-8"
        return "text/html; charset=utf-8" if self.body[:1] in ("<", b"<") else "text/plain; charset=utf-8"


def storage_refusal(status: int, code: str, message: str = "", error: str = "") -> Answer:
    """As hosted Storage refuses: HTTP 400 with the real status inside, but for 500 and 544."""
    body = {"statusCode": str(status), "code": code, "error": error or code, "message": message or code}
    return Answer(status if status in (500, 544) else 400, body)


@dataclass(frozen=True)
class Delay:
    """The request, or its answer, waits so many seconds and then goes on."""

    seconds: float
    when: When = "before"


@dataclass(frozen=True)
class Cut:
    """The connection is closed: in `request`, half-way through its body, which the server never sees; in `answer`,
    half-way through its body. `reset` closes it the rude way, with an RST."""

    when: Literal["before", "request", "after", "answer"] = "before"
    reset: bool = False


@dataclass(frozen=True)
class Hold:
    """The request, or its answer, waits until `release`."""

    when: When = "before"
    released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let go whoever is held, and whoever comes later."""
        self.released.set()


Act = Answer | Delay | Cut | Hold


@dataclass
class Fault:
    """An act for the requests whose `METHOD /path?query` the pattern finds: the next `times` of them (None: all),
    each with a `chance`."""

    pattern: re.Pattern[str]
    act: Act
    times: int | None
    chance: float
    random: random.Random
    hits: int = 0
    """How many requests it has struck."""
    withdrawn: bool = False
    """The gateway was reset: whoever still waits is cut, lest a late write meets the next test."""

    def strikes(self, line: str) -> bool:
        if self.hits == self.times or not self.pattern.search(line) or self.random.random() >= self.chance:
            return False
        self.hits += 1
        return True


@dataclass
class Logged:
    """One request: `path` as it was sent, with its query; `status` None while it is under way or where it was cut."""

    method: str
    path: str
    status: int | None = None
    fault: Fault | None = None


class Faults:
    """The rules in force, in order of their making; the first that strikes decides. Safe between threads."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._rules.append(fault)

    def pick(self, line: str) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._rules if fault.strikes(line)), None)

    def clear(self) -> None:
        with self._lock:
            rules, self._rules = self._rules, []
        for fault in rules:
            fault.withdrawn = True
