"""What an operator says of single hosts: the tables `[hosts."img.example.com"]` of the TOML file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tui.settings.values import Value, nearest, number, text, whole


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """Slots and requests per second of one host (None leaves the pace's own), and headers for its requests alone."""

    slots: int | None = None
    rate: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_KEYS = ("slots", "rate", "referer", "headers")

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")

# What belongs to the connection (RFC 9110, section 7.6.1), to the message, or to the fetcher, which reads bodies plain
# and whole and says honestly who it is.
_OURS = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("host", "content-length", "content-type", "content-encoding", "expect"),
        *(
            "accept-encoding",
            "range",
            "if-match",
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
            "if-range",
        ),
        *("user-agent", "from"),
    }
)
_CREDENTIAL = re.compile(r"auth|cookie|token|secret|passw|api-?key|session|credential|signature", re.IGNORECASE)


def hosts(value: Value) -> dict[str, HostPolicy]:
    """Policies by host name."""
    if not isinstance(value, Mapping):
        raise ValueError('must be tables such as [hosts."img.example.com"]')
    policies = {}
    for host, policy in value.items():
        try:
            policies[str(host).lower()] = _policy(policy)
        except ValueError as error:
            raise ValueError(f"entry {host!r} {error}") from None
    return policies


def _policy(value: Value) -> HostPolicy:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table with slots, rate, referer and headers")
    for key in value:
        if key not in _KEYS:
            raise ValueError(f"has no key {key!r}{nearest(str(key), _KEYS)}")
    headers = _headers(value.get("headers", {}))
    if "referer" in value:
        headers["Referer"] = _referer(value["referer"])
    return HostPolicy(
        slots=whole(1, 1_000)(value["slots"]) if "slots" in value else None,
        rate=number(0.01, 10_000)(value["rate"]) if "rate" in value else None,
        headers=headers,
    )


def _headers(value: Value) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("must have its headers as a table of names and texts")
    return {_name(str(name)): _line(value[name], f"header {name!r}") for name in value}


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"has a header {name!r}, which is no name for one")
    if _CREDENTIAL.search(name):
        raise ValueError(f"has a header {name!r}: credentials never leave with a request")
    if name.lower() in _OURS:
        raise ValueError(f"has a header {name!r}, which is the fetcher's own")
    return name


def _line(value: Value, what: str) -> str:
    line = text(value) if isinstance(value, str) else None
    if line is None or len(line) > 1_000 or not re.fullmatch(r"[ -~]*", line):
        raise ValueError(f"must have its {what} as text of up to 1,000 plain characters")
    return line.strip()


def _referer(value: Value) -> str:
    address = _line(value, "referer")
    try:
        parts = urlsplit(address)
        named = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    except ValueError:
        named = False
    if not named or " " in address:
        raise ValueError("must have its referer as an address such as https://www.example.com/")
    return address
