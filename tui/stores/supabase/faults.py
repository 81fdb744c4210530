"""One translator from what a project says, or fails to say, to a wait or to one sentence for people."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx

from tui.model import BUCKET
from tui.stores import StoreError
from tui.stores.supabase.answers import Refused, tidy
from tui.stores.supabase.waits import span

MISSING_TABLE = frozenset({"42P01", "PGRST205"})
MISSING_COLUMN = frozenset({"42703", "PGRST204"})
MISSING_FUNCTION = frozenset({"42883", "PGRST202"})
DENIED = frozenset({"42501"})
LEASE_LOST = "BF001"
"""What the functions of our SQL raise when a lease is lost."""
STATEMENT_TIMEOUT = "57014"
SILENCE = "silence"
"""A call with a time of its own, of which it is all used up."""

FEW = 4
"""Tries where the same request may well fail for ever."""


class ProjectError(StoreError):
    """What a project answered once it was clear that waiting is of no use.

    `code` is the SQLSTATE, PostgREST's or Storage's own code, else `http 413`, `network`, `dns`, `tls` and the
    like; `status` the HTTP status, 0 where nothing answered; `said` the project's own words.
    """

    def __init__(self, sentence: str, code: str, status: int = 0, said: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status
        self.said = said


@dataclass(frozen=True, slots=True)
class Fault:
    """One try that failed: `reason` completes "The project …", `advice` tells what to do once it is known to stay.

    A `passing` one is tried again, at most `tries` times in all where there is a number. `own` is a reason that
    concerns this one request and tells nothing about the others.
    """

    code: str
    reason: str
    advice: str
    passing: bool = False
    retry_after: float | None = None
    tries: int | None = None
    own: bool = False
    status: int = 0
    said: str = ""

    def error(self, url: str, waited: float = 0.0) -> ProjectError:
        """The sentence that ends the call; `waited` seconds were spent on trying again."""
        lasting = f", and still did after {span(waited)}" if waited >= 1 else ""
        return ProjectError(
            f"The project {url} {self.reason}{lasting}: {self.advice}.", self.code, self.status, self.said
        )


_WAIT = "see whether it is healthy, then go on; all that is written is safe"
_KEY = "copy the service_role or sb_secret_ key from the project's settings"
_DENIAL = ("keeps this key from {subject}{said}", f"{_KEY}, or grant the service role what is missing")
_RELOAD = "after a migration reload the schema cache with NOTIFY pgrst, 'reload schema'"

_PASSING: dict[str, str] = {
    "PGRST000": "has no connection to its database",
    "PGRST001": "has no connection to its database",
    "PGRST002": "is loading its schema",
    "PGRST003": "has no free connection to its database",
    "57P01": "is restarting its database",
    "57P02": "is recovering its database from a crash",
    "57P03": "is starting its database",
    "57P05": "closed a connection to its database",
    "08000": "has no connection to its database",
    "08001": "has no connection to its database",
    "08003": "has no connection to its database",
    "08004": "has no connection to its database",
    "08006": "has no connection to its database",
    "53300": "has too many connections to its database",
    "40001": "is writing the same rows for somebody else",
    "40P01": "is writing the same rows for somebody else",
    "55P03": "holds these rows locked for somebody else",
    "SlowDown": "asks for fewer uploads at once",
    "ResourceLocked": "is writing the same object for somebody else",
    "LockTimeout": "is writing the same object for somebody else",
    "DatabaseTimeout": "has no free connection to its database",
}
_OWN = frozenset({"40001", "40P01", "55P03", STATEMENT_TIMEOUT, "ResourceLocked", "LockTimeout"})

_FEW: dict[str, tuple[str, str]] = {
    STATEMENT_TIMEOUT: (
        "stopped a statement that took longer than it allows",
        "raise statement_timeout for the service role, or install the SQL that `backfill-tui schema` prints",
    ),
    "25006": ("has a database that takes no writes", "its disk is probably full: make room there, then go on"),
    "DatabaseReadOnly": (
        "has a database that takes no writes",
        "its disk is probably full: make room there, then go on",
    ),
    "53200": ("has a database that is out of memory", _WAIT),
}

_STOPS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(MISSING_TABLE, ("does not have {subject}{said}", f"create it; {_RELOAD}")),
    **dict.fromkeys(MISSING_COLUMN, ("lacks a column of {subject}{said}", f"create it; {_RELOAD}")),
    **dict.fromkeys(
        MISSING_FUNCTION,
        ("does not have {subject}{said}", f"install the SQL that `backfill-tui schema` prints; {_RELOAD}"),
    ),
    **dict.fromkeys(("42501", "AccessDenied"), _DENIAL),
    "53100": ("has no room left on its database's disk", "make room or enlarge the disk, then go on; all is safe"),
    "ENOSPC": ("has no room left for objects", "make room or enlarge the disk, then go on; all is safe"),
    "NoSuchBucket": (f"has no bucket {BUCKET}", "create it with `backfill-tui doctor --fix`"),
    "PGRST106": ("does not expose its schema public{said}", "expose it in the project's API settings"),
    "TenantNotFound": ("is not known to its storage{said}", "check SUPABASE_URL"),
}

_UNKNOWN_KEY = frozenset({"PGRST300", "PGRST301", "PGRST302", "PGRST303", "InvalidJWT"})
_VERDICT = re.compile(r"PGRST\d+|[0-9A-Z]{5}")
"""A code of PostgREST's or a SQLSTATE: the same request fails again."""
_OF_A_KEY = re.compile(r"\b(jwt|jws|signature)\b", re.IGNORECASE)

_STATUS: dict[int, tuple[str, str]] = {
    402: ("is restricted{said}", "lift the restriction in its organization's billing settings"),
    403: _DENIAL,
    404: ("has nothing at {subject}{said}", "check SUPABASE_URL: it has to be the project's own, without a path"),
    413: ("takes nothing as large as this{said}", "raise the limit in the project's storage settings"),
    414: ("takes no address as long as this", "ask for fewer things at once"),
    507: ("has no room left for objects", "make room or enlarge the disk, then go on; all is safe"),
    540: ("is paused", "restore it in the dashboard, then go on"),
}

_PASSING_STATUS = frozenset({408, 423, 425, 429, 502, 503, 504, *range(520, 525), 527, 530, 544})


def judge(refused: Refused) -> Fault:
    """The fault behind an answer."""
    return replace(_judge(refused), status=refused.status, said=refused.message)


def _judge(refused: Refused) -> Fault:
    code = refused.code
    if code in _PASSING:
        return Fault(code, _PASSING[code], _WAIT, True, refused.retry_after, own=code in _OWN)
    if code in _FEW:
        return Fault(code, *_FEW[code], True, refused.retry_after, tries=FEW, own=True)
    if "ENOSPC" in refused.message:
        code = "ENOSPC"
    if refused.status == 404 and refused.message == "Bucket not found":
        code = "NoSuchBucket"
    if refused.status == 403 and _OF_A_KEY.search(refused.message):
        return _unknown_key(refused)  # older storage servers have one code for all of it
    if code in _STOPS:
        return _stop(refused, code, *_STOPS[code])
    if refused.status == 401 or code in _UNKNOWN_KEY:
        return _unknown_key(refused)
    return _by_status(refused)


def _by_status(refused: Refused) -> Fault:
    code = refused.code or f"http {refused.status}"
    if refused.status in _PASSING_STATUS:
        return Fault(code, _busy(refused), _WAIT, True, refused.retry_after)
    if refused.page is not None:
        return _strange(refused)
    if 300 <= refused.status < 400:
        return _strange(refused)
    if refused.status in _STATUS:
        return _stop(refused, code, *_STATUS[refused.status])
    if refused.status >= 500 and not _VERDICT.fullmatch(refused.code):
        return Fault(code, f"answers {refused.status}{_said(refused)}", _WAIT, True, refused.retry_after, tries=FEW)
    return _stop(refused, code, "refuses what was asked of {subject}{said}", "the project's logs tell more")


def _stop(refused: Refused, code: str, reason: str, advice: str) -> Fault:
    return Fault(code, reason.format(subject=refused.subject, said=_said(refused)), advice, own=True)


def _said(refused: Refused) -> str:
    return f" ({refused.message})" if refused.message else ""


def _busy(refused: Refused) -> str:
    if refused.status == 429:
        return "asks for fewer requests at once (HTTP 429)"
    phrase = f" ({refused.phrase})" if refused.phrase not in ("", "Unknown") else ""
    return f"answers {refused.status}{phrase}"


def _unknown_key(refused: Refused) -> Fault:
    why = "its key has expired" if "expired" in refused.message.lower() else "it may be another project's"
    return Fault(refused.code or "http 401", f"does not take the key{_said(refused)}", f"{why}; {_KEY}", own=True)


def _strange(refused: Refused) -> Fault:
    """An answer that no part of Supabase gives: somebody in between, or somebody else altogether."""
    code = f"http {refused.status}"
    page = f'the page "{refused.page}"' if refused.page else "a page"
    if refused.status in (403, 1020):
        return Fault(
            code, f"is guarded by an edge that answers {page} (HTTP 403)", "wait a while, then go on more gently"
        )
    if refused.status == 413:
        return _stop(refused, code, *_STATUS[413])
    if 300 <= refused.status < 400:
        place = tidy(refused.location.partition("?")[0]) or "another address"
        return Fault(code, f"sends everybody on to {place}", "check SUPABASE_URL")
    return Fault(code, f"answers {page} (HTTP {refused.status}), not as Supabase does", "check SUPABASE_URL")


def judge_network(error: httpx.RequestError, *, reached: bool) -> Fault:
    """The fault behind a request that got no whole answer; `reached`: the project has answered before."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            lost = cause.errno == socket.EAI_AGAIN or reached
            return Fault("dns", "has a name that does not resolve", "check SUPABASE_URL and the network", lost)
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return Fault("tls", f"cannot be trusted (TLS: {_why(cause)})", "check SUPABASE_URL, proxies and this clock")
    if isinstance(error, httpx.ProxyError):
        return Fault("proxy", f"is not let through by the proxy ({tidy(str(error))})", "check HTTPS_PROXY and NO_PROXY")
    return Fault("network", _network_reason(error), f"check SUPABASE_URL and the network, or {_WAIT}", True)


def silent(seconds: float) -> Fault:
    """The fault of a call that has used up its whole time in one try."""
    return Fault(SILENCE, f"gives no answer within {span(seconds)}", f"check SUPABASE_URL and the network, or {_WAIT}")


def _why(error: ssl.SSLError) -> str:
    words = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    return tidy(words.replace("_", " ")).lower()


def _network_reason(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "gives no answer in time"
    numbers = (cause.errno or 0 for cause in _causes(error) if isinstance(cause, OSError))
    why = next((os.strerror(number) for number in numbers if number > 0), "")
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached ({tidy(why or str(error)).lower() or 'no connection'})"
    return "cut the connection"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
