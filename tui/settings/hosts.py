"""What an operator says of single hosts: the tables `[hosts."img.example.com"]` of the TOML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from tui.model import host_name
from tui.settings.values import Value, nearest, number, text, whole

T = TypeVar("T")


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
_CREDENTIAL = re.compile(
    r"auth|cookie|token|secret|passw|key|session|credential|signature|jwt|bearer"
    r"|(?:^|[-_.])(?:pwd|pass|pin|otp|sid|sig|sign|hmac|csrf|xsrf)(?:$|[-_.])",
    re.IGNORECASE,
)
# The schemes of https://www.iana.org/assignments/http-authschemes that are met, and a JSON Web Token on its own.
_CREDENTIALS = re.compile(
    r"(?:basic|bearer|digest|negotiate|ntlm|aws4-[a-z0-9-]+)\s+\S.*|eyJ[\w-]+\.[\w.-]+", re.IGNORECASE
)
_EXAMPLE = "img.example.com"


def hosts(value: Value) -> dict[str, HostPolicy]:
    """Policies by host, as the URLs of a gallery name it once they are normalised."""
    if not isinstance(value, Mapping):
        raise ValueError(f'must be tables such as [hosts."{_EXAMPLE}"]')
    policies: dict[str, HostPolicy] = {}
    for name, policy in value.items():
        _require_quoted(str(name), policy)
        try:
            host = _host(str(name))
            if host in policies:
                raise ValueError(f"is {host}, which another entry names already: write one table for both")
            policies[host] = _policy(policy)
        except ValueError as error:
            raise ValueError(f"entry {name!r} {error}") from None
    return policies


def _require_quoted(name: str, policy: Value) -> None:
    """Refuse what TOML makes of a host without quotes: each dot begins a table inside the one before."""
    names = [name]
    while isinstance(policy, Mapping) and len(policy) == 1:
        ((inner, policy),) = policy.items()
        if not isinstance(policy, Mapping) or inner in _KEYS:
            break
        names.append(str(inner))
    if len(names) > 1 and (host := _bare(".".join(names))):
        raise ValueError(
            f'[hosts.{".".join(names)}] needs quotes, for its dots are a part of the name: [hosts."{host}"]'
        )


def _host(name: str) -> str:
    host = _bare(name)
    if host is None:
        hidden = re.sub(r"^(?:[a-z]+://)?(?:[^/@]*@)?|(?::[0-9]*)?(?:[/?#].*)?$", "", name.strip().lower())
        example = hidden if _bare(hidden) else _EXAMPLE
        raise ValueError(f'must be a host alone, without scheme, port, path or wildcard: write [hosts."{example}"]')
    return host


def _bare(name: str) -> str | None:
    host = host_name(f"[{name}]") if ":" in name and not name.startswith("[") else host_name(name)
    return host and host.strip("[]")


def _policy(value: Value) -> HostPolicy:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table with slots, rate, referer and headers")
    for key in value:
        if key not in _KEYS:
            raise ValueError(f"has no key {key!r}{nearest(str(key), _KEYS)}")
    headers = _headers(value.get("headers", {}))
    if "referer" in value:
        if any(name.lower() == "referer" for name in headers):
            raise ValueError("has a referer, and another among its headers: keep one of them")
        headers["Referer"] = _referer(value["referer"])
    slots = _parsed(whole(1, 1_000), value, "slots")
    return HostPolicy(slots=slots, rate=_parsed(number(0.01, 10_000), value, "rate"), headers=headers)


def _parsed(parse: Callable[[Value], T], policy: Mapping[str, Value], key: str) -> T | None:
    try:
        return parse(policy[key]) if key in policy else None
    except ValueError as error:
        raise ValueError(f"has {key} = {policy[key]!r}, which {error}") from None


def _headers(value: Value) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("must have its headers as a table of names and texts")
    return {_name(str(name)): _content(str(name), value[name]) for name in value}


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"has a header {name!r}, which is no name for one")
    if _CREDENTIAL.search(name):
        raise ValueError(f"has a header {name!r}: credentials never leave with a request")
    if name.lower() in _OURS:
        raise ValueError(f"has a header {name!r}, which is the fetcher's own")
    return name


def _content(name: str, value: Value) -> str:
    if name.lower() == "referer":
        return _referer(value)
    line = _line(value, f"header {name!r}")
    if _CREDENTIALS.fullmatch(line):
        raise ValueError(f"has a header {name!r} with credentials, which never leave with a request")
    return line


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
