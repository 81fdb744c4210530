"""What a doctor finds out about a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How one thing stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, how it stands, what was seen, and the one thing to do about it.

    `remedy` names what the doctor itself can do when it is asked to, e.g. `bucket`; empty where it cannot help.
    """

    subject: str
    health: Health
    text: str
    advice: str = ""
    remedy: str = ""
