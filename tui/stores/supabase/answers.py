"""What an answer that is no success says, before anybody judges it."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from tui.model import retry_after
from tui.settings import Secret

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_LONGEST = 65_536
_REST, _STORAGE = "/rest/v1/", "/storage/v1/"


@dataclass(eq=False)
class Refused(Exception):
    """An answer that is not the one hoped for: its HTTP status, the fields of its JSON, or the title of its page."""

    status: int
    phrase: str
    subject: str  # what was asked for, e.g. "the table vehicles"
    fields: Mapping[str, object] = field(default_factory=dict)
    page: str | None = None  # the first words of an HTML page; None where there is none
    location: str = ""
    retry_after: float | None = None

    @property
    def code(self) -> str:
        """The SQLSTATE or the code of PostgREST or of Storage; empty where the answer has none."""
        named = (
            self.fields.get("code") or self.fields.get("error") if "statusCode" in self.fields else self.text("code")
        )
        return named if isinstance(named, str) else ""

    @property
    def message(self) -> str:
        """What the server itself says, on one short line."""
        for name in ("message", "msg", "error_description", "error"):
            if said := self.text(name):
                return tidy(said)
        return self.page or ""

    def text(self, name: str) -> str:
        """A field of the answer, empty where there is none or it is no text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


async def check(response: httpx.Response, key: Secret) -> None:
    """Let answers through that can be Supabase's own; raises `Refused` for every other, without the key in it."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.is_success and await _is_own(response, kind):
        return
    body = (await response.aread())[:_LONGEST].decode("utf-8", "replace").replace(key.reveal(), "***")
    fields = _fields(body) if "json" in kind else {}
    inner = str(fields.get("statusCode", ""))
    raise Refused(
        status=int(inner) if re.fullmatch(r"[1-5]\d\d", inner) else response.status_code,
        phrase=response.reason_phrase,
        subject=subject(response.request.url.path),
        fields=fields,
        page=_page(body) if response.is_success or kind == "text/html" else None,
        location=response.headers.get("Location", ""),
        retry_after=retry_after(response.headers.get("Retry-After", ""), time.time()),
    )


async def _is_own(response: httpx.Response, kind: str) -> bool:
    """Whether a success can come from PostgREST, which says JSON or nothing, or from Storage, which has any bytes."""
    if "json" in kind:
        return True
    if response.request.url.path.startswith(_REST):
        return not await response.aread()
    return kind != "text/html"


def _fields(body: str) -> dict[str, object]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _page(body: str) -> str:
    found = _TITLE.search(body)
    return tidy(html.unescape(found[1] if found else re.sub(r"<[^>]*>", " ", body)))


def subject(path: str) -> str:
    """What a request's path is about, in words."""
    if path.startswith(_REST):
        name = path.removeprefix(_REST)
        if name.startswith("rpc/"):
            return f"the function {name.removeprefix('rpc/')}"
        return f"the table {name}" if name else "the list of its tables"
    if path.startswith(f"{_STORAGE}object/"):
        return f"objects in the bucket {path.removeprefix(_STORAGE).split('/')[1]}"
    return "its storage" if path.startswith(_STORAGE) else "its address"


def tidy(text: str) -> str:
    """Text from outside on one short line, without control characters."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()).rstrip(".")
    return text if len(text) <= 120 else f"{text[:119]}…"
