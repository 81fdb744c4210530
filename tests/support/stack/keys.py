"""The keys of a project: legacy JWTs, and the opaque ones that the gateway turns into JWTs."""

from __future__ import annotations

import time

import jwt

SECRET = "what the servers of the tests check every JWT with"  # noqa: S105

SECRET_KEY = "sb_secret_of_the_tests"  # noqa: S105
PUBLISHABLE_KEY = "sb_publishable_of_the_tests"


def sign(role: str, seconds: float = 10 * 365 * 86_400) -> str:
    """A JWT for a role, valid for so many seconds from now; a negative number makes one that has expired."""
    now = int(time.time())
    return jwt.encode({"iss": "supabase", "role": role, "iat": now, "exp": now + seconds}, SECRET, "HS256")


SERVICE_KEY = sign("service_role")
ANON_KEY = sign("anon")
