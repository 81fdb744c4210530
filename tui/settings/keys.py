"""What a key of a Supabase project says of itself, before anybody is asked."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from tui.settings.values import Secret


@dataclass(frozen=True, slots=True)
class Claims:
    """What a key says of itself, which nobody has to believe: the role, the project's name, and when it expires."""

    role: str = ""
    project: str = ""
    expires: float | None = None


def claims_of(key: Secret) -> Claims:
    """The claims of a JWT, or what the prefix of another key says."""
    text = key.reveal().strip()
    for prefix, role in (("sb_secret_", "service_role"), ("sb_publishable_", "publishable")):
        if text.startswith(prefix):
            return Claims(role)
    body = text.split(".")[1] if text.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        return Claims()
    if not isinstance(claims, dict):
        return Claims()
    expires = claims.get("exp")
    return Claims(
        str(claims.get("role", "")),
        str(claims.get("ref", "")),
        float(expires) if isinstance(expires, int | float) else None,
    )


def unfit(key: Secret) -> str:
    """Why a key cannot write and which one can, in a sentence; empty unless it says itself that it is a public one."""
    role = claims_of(key).role
    if role not in ("anon", "publishable"):
        return ""
    kind = "an anon key" if role == "anon" else "a publishable key"
    return (
        f"This is {kind}, which cannot write: give the secret key (sb_secret_…) or the service_role key, which the "
        "project's settings show under API keys."
    )
