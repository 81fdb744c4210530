"""What was seen of a project, judged: pure functions from what was seen to findings."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tui.model import BUCKET, Finding, Health
from tui.settings import Claims
from tui.stores.schema import VERSION
from tui.stores.supabase.objects import Bucket
from tui.stores.supabase.shape import Shape

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif")
"""What is ever stored."""

SKEW_WARNS, SKEW_FAILS = 2.0, 30.0
TIMEOUT_WARNS = 3.0
EXPIRY_WARNS = 14 * 86_400.0

BUCKET_REMEDY = "bucket"

_SERVICE_KEY = "Copy the service_role or sb_secret_ key from the project's API settings."
_OUR_SQL = "Run what `backfill-tui schema` prints in the project's SQL editor."

_LOSSES: Mapping[str, Mapping[str, str]] = {
    "vehicles": {
        "is_public": "every vehicle counts as public",
        "updated_at": "changes by others are found by reading every row",
    },
    "vehicle_images": {
        "source": "imports are told from other images by their path alone",
        "file_hash": "the same image under two URLs is stored twice",
        "source_url": "an image is found again by its path alone",
        "position": "images have no order",
        "is_primary": "no image is the primary one",
    },
}
"""What is lost where a column is missing; the rest is written where it is there, and nothing is lost without it."""

_INDEXES = {
    "images of a vehicle": ("vehicle_id", "CREATE INDEX ON vehicle_images (vehicle_id)"),
    "the same bytes once in a vehicle": (
        "file_hash",
        "CREATE UNIQUE INDEX ON vehicle_images (vehicle_id, file_hash) WHERE file_hash IS NOT NULL",
    ),
    "one primary image in a vehicle": (
        "is_primary",
        "CREATE UNIQUE INDEX ON vehicle_images (vehicle_id) WHERE is_primary",
    ),
}
"""The indexes that `image_backfill_health` looks for: the column without which one is pointless, and its making."""


# The key


def refused(claims: Claims, said: str, now: float) -> Finding:
    """A key that the project does not take; `said` is the sentence about it."""
    if claims.expires is not None and claims.expires < now:
        return Finding("key", Health.FAIL, f"it expired on {_day(claims.expires)}", _SERVICE_KEY)
    return Finding("key", Health.FAIL, said)


def stranger(claims: Claims, url: str) -> Finding | None:
    """The key of another hosted project."""
    name, _, domain = (urlsplit(url).hostname or "").partition(".")
    if not claims.project or domain not in ("supabase.co", "supabase.in") or claims.project == name:
        return None
    text = f"it is the key of the project {claims.project}, and the URL is that of {name}"
    return Finding("key", Health.FAIL, text, "Give the URL and the key of one project.")


@dataclass(frozen=True, slots=True)
class Powers:
    """What a key was seen to do; None where it was not tried.

    `writes`: it may write image rows; `sees_bucket`; `runs_ours`: it may call our functions, where they are there;
    `role`: what the database itself calls it.
    """

    writes: bool | None = None
    sees_bucket: bool | None = None
    runs_ours: bool | None = None
    role: str = ""


def key(claims: Claims, powers: Powers, now: float) -> Finding:
    """Whether the key is a service key: by what it may do, and by what it says only where that leaves it open."""
    said = {"anon": "an anon key", "publishable": "a publishable key", "authenticated": "a user's key"}
    kind = said.get(claims.role, "a key of limited rights")
    if powers.writes is False or powers.runs_ours is False:
        what = "write image rows" if powers.writes is False else "run the functions of our SQL"
        text = f"it may not {what}: {kind}" if claims.role in said else f"it may not {what}"
        return Finding("key", Health.FAIL, text, _SERVICE_KEY)
    if "service_role" in (powers.role, claims.role):
        return _expiring(claims, now)
    if powers.sees_bucket and powers.writes:
        text = f"{kind}, and yet it may do everything: so may everybody who has it"
        return Finding("key", Health.WARN, text, f"{_SERVICE_KEY} Enable row-level security on the tables.")
    return Finding("key", Health.FAIL, f"{kind}: it sees public rows only, and no bucket", _SERVICE_KEY)


def _expiring(claims: Claims, now: float) -> Finding:
    if claims.expires is None:
        return Finding("key", Health.OK, "service role")
    day = _day(claims.expires)
    if claims.expires - now < EXPIRY_WARNS:
        return Finding("key", Health.WARN, f"service role, until {day}", "Make a new key before that day.")
    return Finding("key", Health.OK, f"service role, until {day}")


def _day(moment: float) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(moment))
    except (OverflowError, OSError, ValueError):
        return "a day that no calendar has"


# Tables


def tables(shape: Shape) -> Iterator[Finding]:
    """The tables, their columns and the organizations."""
    there = [table.name for table in (shape.vehicles, shape.images, shape.links, shape.queue) if table]
    yield Finding("tables", Health.OK, ", ".join(there))
    missing = [
        f"{table.name}.{column} ({loss})"
        for table in (shape.vehicles, shape.images)
        for column, loss in _LOSSES[table.name].items()
        if not table.has(column)
    ]
    if missing:
        advice = "Add them where the loss matters; what is there is used."
        yield Finding("columns", Health.WARN, f"there is no {', no '.join(missing)}", advice)
    else:
        yield Finding("columns", Health.OK, "all that are made use of")
    yield _organizations(shape)


def _organizations(shape: Shape) -> Finding:
    table = shape.organizations
    if not table:
        text = "there is no table of organizations: all vehicles stand together"
        return Finding("organizations", Health.WARN, text, "Name the table in the setting organizations_table.")
    if not shape.vehicles.has("origin_organization_id") and not shape.links.has("organization_id", "vehicle_id"):
        text = f"{table.name}, and nothing says which vehicle is whose"
        advice = "Add vehicles.origin_organization_id, or the table organization_vehicles."
        return Finding("organizations", Health.WARN, text, advice)
    if not shape.organization_name:
        return Finding("organizations", Health.WARN, f"{table.name}, without names", "Add a column name.")
    return Finding("organizations", Health.OK, f"{table.name}, by {shape.organization_name}")


# The bucket


def bucket(found: Bucket | None, max_bytes: int) -> Iterator[Finding]:
    """Whether the bucket is there and takes what is put there."""
    if found is None:
        advice = f"Create the public bucket {BUCKET} for images."
        yield Finding("bucket", Health.FAIL, f"there is no bucket {BUCKET}", advice, BUCKET_REMEDY)
        return
    if found.public:
        yield Finding("bucket", Health.OK, f"{BUCKET}, public")
    else:
        advice = "Make it public in the project's storage settings."
        yield Finding("bucket", Health.FAIL, f"{BUCKET} is private: no image_url can be opened", advice)
    yield _size_limit(found, max_bytes)
    yield _mime_types(found)


def _size_limit(found: Bucket, max_bytes: int) -> Finding:
    if found.size_limit is None:
        return Finding("bucket size", Health.OK, "up to the project's own limit")
    text = f"objects up to {_megabytes(found.size_limit)}, images up to {_megabytes(max_bytes)} are fetched"
    if found.size_limit >= max_bytes:
        return Finding("bucket size", Health.OK, text)
    advice = f"Raise the bucket's limit, or set max_bytes = {found.size_limit}."
    return Finding("bucket size", Health.WARN, text, advice)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB"


def _mime_types(found: Bucket) -> Finding:
    refused = [name for name in IMAGE_TYPES if not found.takes(name)]
    if not refused:
        return Finding("bucket types", Health.OK, "takes every image that is ever stored")
    health = Health.FAIL if len(refused) == len(IMAGE_TYPES) else Health.WARN
    hint = " (image/jpg, which it has, is the type of nothing)" if "image/jpg" in found.mime_types else ""
    text = f"takes no {', '.join(refused)}{hint}"
    return Finding("bucket types", health, text, "Allow image/* in the bucket's settings.")


# Our SQL, and what it lets us see


@dataclass(frozen=True, slots=True)
class Installed:
    """What `image_backfill_health` says; `timeout` in seconds, 0 for none, None where it is not told."""

    version: int = 0
    now: float | None = None
    columns_current: bool = True
    timeout: float | None = None
    indexes: Mapping[str, bool] = field(default_factory=dict)
    role: str = ""


def installed_of(facts: object) -> Installed:
    """The same out of the JSON; what is not understood is left out."""
    if not isinstance(facts, Mapping):
        return Installed()
    version, now, indexes = facts.get("version"), facts.get("now"), facts.get("indexes")
    return Installed(
        version=version if isinstance(version, int) else 0,
        now=float(now) if isinstance(now, int | float) else None,
        columns_current=facts.get("columns_current") is not False,
        timeout=_seconds(str(facts.get("statement_timeout", ""))),
        indexes={str(name): bool(there) for name, there in indexes.items()} if isinstance(indexes, Mapping) else {},
        role=str(facts.get("role", "")),
    )


_UNITS = {"us": 1e-6, "ms": 1e-3, "": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def _seconds(text: str) -> float | None:
    """A time as PostgreSQL writes it, e.g. `8s`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d|)", text)
    return float(found[1]) * _UNITS[found[2]] if found else None


def our_sql(installed: Installed | None, *, read_only: bool = False) -> Finding:
    """Whether our SQL is there, of this version, and follows the tables; `read_only`: nothing is to be written."""
    if installed is None:
        text = (
            "not installed: slower, and of workers elsewhere only what they hold is known; "
            "the database's indexes, statement timeout and clock cannot be seen"
        )
        return Finding("our SQL", Health.WARN, text, _OUR_SQL)
    if installed.version > VERSION:
        text = f"version {installed.version}, newer than this program's {VERSION}"
        return Finding("our SQL", Health.FAIL, text, "Update this program.")
    if installed.version < VERSION:
        text = f"version {installed.version} of {VERSION}: nothing can be run until it is brought up to date"
        return Finding("our SQL", Health.WARN if read_only else Health.FAIL, text, _OUR_SQL)
    if not installed.columns_current:
        return Finding("our SQL", Health.WARN, "the tables' columns have changed since it was installed", _OUR_SQL)
    return Finding("our SQL", Health.OK, f"version {installed.version}")


def statement_timeout(seconds: float) -> Finding:
    """How long a statement may take."""
    if seconds >= TIMEOUT_WARNS:
        return Finding("statement timeout", Health.OK, f"{seconds:g} s")
    text = f"{seconds:g} s, which large projects need longer than" if seconds else "none: a statement may hang for ever"
    advice = "ALTER ROLE service_role SET statement_timeout = '8s'; NOTIFY pgrst, 'reload config';"
    return Finding("statement timeout", Health.WARN, text, advice)


def indexes(seen: Mapping[str, bool], shape: Shape) -> Finding:
    """The indexes that speed or correctness hang on."""
    wanted = {name: make for name, (column, make) in _INDEXES.items() if name in seen and shape.images.has(column)}
    missing = [name for name in wanted if not seen[name]]
    if not missing:
        return Finding("indexes", Health.OK, ", ".join(wanted))
    making = "; ".join(wanted[name] for name in missing)
    return Finding("indexes", Health.WARN, f"none for {', none for '.join(missing)}", f"{making};")


def clock(ahead: float) -> Finding:
    """How far the project's clock is ahead of ours, in seconds, at the least."""
    off = abs(ahead)
    if off <= SKEW_WARNS:
        return Finding("clock", Health.OK, "agrees with this machine's")
    text = f"this machine's is {off:,.0f} s {'behind' if ahead > 0 else 'ahead'}"
    advice = "Let this machine set its clock by NTP."
    return Finding("clock", Health.FAIL if off > SKEW_FAILS else Health.WARN, text, advice)


def ahead(low: float, high: float) -> float:
    """The smallest number between two bounds, whichever its sign."""
    return 0.0 if low <= 0 <= high else min(low, high, key=abs)
