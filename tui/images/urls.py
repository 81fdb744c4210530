"""The one form in which a URL is compared, counted and requested."""

from __future__ import annotations

import re
from urllib.parse import quote

from tui.model import host_name

_URL = re.compile(r"(?:(https?):)?//([^/?#\\]*)([/?][^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]@]*)(?::([0-9]{0,5}))?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ESCAPED = re.compile(r"[^\x21-\x7e]+")
_DEFAULT_PORT = {"http": 80, "https": 443}


def without_controls(text: str) -> str:
    """The text without control characters, nor white space and invisible marks at its ends."""
    return _CONTROLS.sub("", text).strip().strip("\ufeff\u200b\u2060").strip()


def normalise(text: str) -> str | None:
    """The http or https URL that `text` stands for, as ASCII; None where it is none that may be requested.

    Scheme and host are lower case, the host as IDNA (RFC 5891), default port and fragment gone, a missing scheme is
    https. Path and query stay byte for byte, since some are signed; only what may not be sent as it is (white space,
    non-ASCII) is percent-encoded as UTF-8 (RFC 3987, section 3.1). User names and passwords are not accepted.
    """
    match = _URL.fullmatch(without_controls(text))
    if match is None:
        return None
    scheme = (match[1] or "https").lower()
    authority = _authority(match[2], _DEFAULT_PORT[scheme])
    if authority is None:
        return None
    target = _ESCAPED.sub(lambda part: quote(part[0], safe="", errors="surrogatepass"), match[3] or "/")
    return f"{scheme}://{authority}{target if target.startswith('/') else '/' + target}"


def host_of(url: str) -> str:
    """The host of a normalised URL, an IPv6 address without its brackets."""
    authority = url.split("/", 3)[2]
    if authority.startswith("["):
        return authority[1 : authority.index("]")]
    return authority.partition(":")[0]


def target_of(url: str) -> bytes:
    """What is asked of the host of a normalised URL: path and query as they are written."""
    return b"/" + url.split("/", 3)[3].encode("ascii")


def _authority(text: str, default_port: int) -> str | None:
    match = _AUTHORITY.fullmatch(text)
    host = match and host_name(match[1])
    if not match or not host:
        return None
    port = int(match[2] or default_port)
    if port == default_port:
        return host
    return f"{host}:{port}" if 0 < port < 65536 else None
