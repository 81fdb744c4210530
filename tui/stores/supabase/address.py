"""What was typed as a project's address and key, and what can be used of it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from tui.settings import Secret
from tui.stores import StoreError

_EXAMPLE = "https://<project>.supabase.co"
_DASHBOARD = re.compile(r"/project/([a-z0-9]{16,24})(?:/|$)")
_DATABASE = re.compile(r"(?:db\.|postgres\.)([a-z0-9]{16,24})\b")


def project_url(text: str) -> str:
    """`https://host[:port]` of a project, without anything behind it. Raises StoreError, which repeats no secret."""
    text = text.strip()
    if not text:
        raise StoreError(f"There is no project to open: set SUPABASE_URL, e.g. {_EXAMPLE}.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _wrong("is not a web address") from None
    if parts.scheme not in ("http", "https"):
        raise _wrong(_not_web(parts, text))
    if not parts.hostname or not re.fullmatch(r"[\w.:-]+", parts.hostname, re.ASCII) or ".." in parts.hostname:
        raise _wrong("names no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}{f':{port}' if port else ''}"
    if (problem := _surplus(parts, url)) is not None:
        raise problem
    return url


def _not_web(parts: SplitResult, text: str) -> str:
    if parts.scheme.startswith("postgres"):
        return "is the address of a database, not of a project"
    return "has no https:// in front" if re.match(r"[\w-]+(\.[\w-]+)+([:/]|$)", text) else "is not a web address"


def _surplus(parts: SplitResult, url: str) -> StoreError | None:
    if parts.hostname in ("supabase.com", "app.supabase.com", "www.supabase.com"):
        found = _DASHBOARD.search(parts.path)
        return _wrong("is the dashboard's address", f"https://{found[1]}.supabase.co" if found else _EXAMPLE)
    if parts.username or parts.password:
        return _wrong("has a user name or a password in it", url)
    if parts.path.strip("/"):
        return _wrong("has a path", url)
    if parts.query or parts.fragment:
        return _wrong("has something behind the host", url)
    return None


def _wrong(what: str, instead: str = _EXAMPLE) -> StoreError:
    return StoreError(f"The project's URL (SUPABASE_URL) {what}: give {instead}.")


def usable_key(key: Secret) -> Secret:
    """The key without the white space of a clumsy paste. Raises StoreError, which never repeats it."""
    text = key.reveal().strip()
    if not text:
        raise StoreError("There is no key for the project: set SUPABASE_SERVICE_ROLE_KEY or SUPABASE_SECRET_KEY.")
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise StoreError("The project's key has white space or foreign letters in it: copy it again, on one line.")
    return Secret(text)


def is_loopback(url: str) -> bool:
    """Whether a project runs on this machine, where no proxy leads."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
