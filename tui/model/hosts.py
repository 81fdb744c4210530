"""The one form in which a host is named, compared and counted."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def host_name(text: str) -> str | None:
    """The host that `text` is, as URLs have it: lower case, IDNA (RFC 5891), brackets around an IPv6 address.

    None where it is no host alone.
    """
    if text.startswith("["):
        return _ipv6(text[1:-1]) if text.endswith("]") else None
    host = (text if text.isascii() else _idna(text)).lower().removesuffix(".")
    return host if _HOST.fullmatch(host) else None


def _ipv6(text: str) -> str | None:
    try:
        return None if "%" in text else f"[{IPv6Address(text)}]"
    except AddressValueError:
        return None


def _idna(host: str) -> str:
    import httpx  # slow to load, and hosts outside ASCII are rare

    try:
        return httpx.URL(scheme="http", host=host).raw_host.decode("ascii")
    except httpx.InvalidURL:
        return ""
