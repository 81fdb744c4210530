"""A local store as the mirror of vehicles that live elsewhere: written as they were seen there, never changed here.

Image rows are not mirrored, only counted: `stored` and `ours` of a job are set by hand, and so are its parking, its
lease and what is remembered of its candidates. The triggers keep the counts all the same.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.model import Outcome, Scope, Wish
from tui.stores.local.database import writing
from tui.stores.local.store import LocalStore

_MIRRORED = """
CREATE TABLE IF NOT EXISTS image_backfill_mirrored (
  vehicle INTEGER PRIMARY KEY, -- vehicles.seq
  version TEXT NOT NULL, -- of the row as it was seen
  content INTEGER -- a hash of all that was seen; NULL where this store knows better by now
)
"""

_COLUMNS = (
    *("year", "make", "model", "trim", "listing_title", "vin", "is_public", "origin_metadata"),
    "origin_organization_id",
)
_INSERT = f"INSERT INTO vehicles ({', '.join(_COLUMNS)}, id) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"
_UPDATE = f"UPDATE vehicles SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE id = ?"

_KEY = "(SELECT seq FROM vehicles WHERE id = ?)"
_JOB = f"""
UPDATE image_backfill_jobs SET stored = ?, ours = ?, finals = ?, parked = ?, retry_at = ?, lease_token = ?,
  lease_until = ?, worker = ?, run_id = ? WHERE vehicle = {_KEY}
"""
_OUTCOME = f"""
INSERT INTO image_backfill_outcomes (vehicle, source_url, host, result, reason, detail, attempts, retry_at, at)
VALUES ({_KEY}, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING
"""
_SEEN = f"INSERT OR REPLACE INTO image_backfill_mirrored (vehicle, version, content) VALUES ({_KEY}, ?, ?)"


@dataclass(frozen=True, slots=True)
class Hold:
    """A live lease: its token, its deadline in seconds since the epoch, and who holds it for which run.

    `wish` is what somebody elsewhere wanted of that run, `wished_at` when; 0.0 where nobody did. `paused` tells that
    the holder rests.
    """

    token: str
    until: float
    worker: str
    run_id: str
    wish: Wish = Wish.RUN
    wished_at: float = 0.0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A vehicle as it was seen; `columns` are year, make, model, trim, listing_title and vin.

    `metadata` is the JSON of its gallery and mark, `version` changes whenever the row does; `stored` counts its image
    rows, `ours` those that a backfill wrote, `finals` the candidates that are over and done with.
    """

    id: str
    version: str
    columns: tuple[object, ...]
    is_public: bool
    metadata: str
    organization_id: str
    stored: int
    ours: int
    finals: int = 0
    parked: bool = False
    retry_at: float | None = None
    hold: Hold | None = None
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker with live leases on mirrored vehicles."""

    worker: str
    run_id: str
    vehicle_ids: tuple[str, ...]
    titles: tuple[str, ...]


async def prepare(store: LocalStore) -> None:
    """Make a new store a mirror. It is thrown away after use, so that nothing in it waits for the disk."""
    await store._write(_prepare)


async def take(store: LocalStore, vehicles: Sequence[Seen]) -> None:
    """Let vehicles be as they were seen."""
    await store._write(_take_some, vehicles)


async def take_page(
    store: LocalStore, vehicles: Sequence[Seen], after: str, last: str | None, spared: Sequence[str]
) -> None:
    """The same for all vehicles with ids above `after` and up to `last`: whoever else is there is gone by now.

    But for those that are `spared`, which stay whatever they are.
    """
    await store._write(_take_page, vehicles, after, last, spared)


async def forget(store: LocalStore, vehicle_ids: Sequence[str]) -> None:
    """Let go of vehicles that are gone."""
    await store._write(_forget, vehicle_ids)


async def take_organizations(
    store: LocalStore, rows: Sequence[tuple[str, str, str | None]], *, all_of_them: bool
) -> None:
    """Let organizations (id, name, website) be these."""
    await store._write(_take_organizations, rows, all_of_them)


async def nameless(store: LocalStore) -> list[str]:
    """The ids of organizations that vehicles name and nobody has told of."""
    return await store._read(_nameless)


async def differing(store: LocalStore, versions: Mapping[str, str]) -> list[str]:
    """Those of the vehicles that are not mirrored in the version given."""
    return await store._read(_differing, versions)


async def count_image(store: LocalStore, vehicle_id: str) -> None:
    """One more image row of ours."""
    await store._write(_count_image, vehicle_id)


async def is_claimable(store: LocalStore, vehicle: Seen, scope: Scope, now: float) -> bool:
    """Let a vehicle be as it was seen, and tell whether a claim over a scope may give it."""
    return await store._write(_is_claimable, vehicle, scope, now)


async def refused(store: LocalStore, host: str | None, reason: str | None) -> list[str]:
    """The ids of vehicles with refused or deferred candidates of a host, for a reason; None matches all."""
    return await store._read(_refused, host, reason)


async def known(store: LocalStore, vehicle_ids: Sequence[str]) -> list[str]:
    """Those of the ids that a mirrored vehicle has, each once."""
    return await store._read(_known, vehicle_ids)


async def holders(store: LocalStore, now: float) -> list[Holder]:
    """The workers that hold live leases."""
    return await store._read(_holders, now)


def _prepare(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA synchronous = OFF")
    db.execute(_MIRRORED)


def _take_some(db: sqlite3.Connection, vehicles: Sequence[Seen]) -> None:
    with writing(db):
        _take(db, vehicles)


def _take_page(
    db: sqlite3.Connection, vehicles: Sequence[Seen], after: str, last: str | None, spared: Sequence[str]
) -> None:
    query = """
        SELECT id FROM vehicles WHERE id > :after AND (:last IS NULL OR id <= :last)
          AND id NOT IN (SELECT value FROM json_each(:there))
    """
    there = json.dumps([*(vehicle.id for vehicle in vehicles), *spared])
    with writing(db):
        gone = [row["id"] for row in db.execute(query, {"after": after, "last": last, "there": there})]
        _delete(db, gone)
        _take(db, vehicles)


def _forget(db: sqlite3.Connection, vehicle_ids: Sequence[str]) -> None:
    with writing(db):
        _delete(db, vehicle_ids)


def _delete(db: sqlite3.Connection, vehicle_ids: Sequence[str]) -> None:
    keys = [(vehicle_id,) for vehicle_id in vehicle_ids]
    db.executemany(f"DELETE FROM image_backfill_mirrored WHERE vehicle = {_KEY}", keys)
    db.executemany("DELETE FROM vehicles WHERE id = ?", keys)


def _take(db: sqlite3.Connection, vehicles: Sequence[Seen]) -> None:
    query = """
        SELECT v.id, m.content FROM json_each(?) wanted CROSS JOIN vehicles v ON v.id = wanted.value
        LEFT JOIN image_backfill_mirrored m ON m.vehicle = v.seq
    """
    ids = json.dumps([vehicle.id for vehicle in vehicles])
    before = {row["id"]: row["content"] for row in db.execute(query, (ids,))}
    new = [vehicle for vehicle in vehicles if vehicle.id not in before]
    changed = [vehicle for vehicle in vehicles if vehicle.id in before and before[vehicle.id] != hash(vehicle)]
    db.executemany(_INSERT, map(_values, new))
    db.executemany(_UPDATE, map(_values, changed))
    db.executemany(f"DELETE FROM image_backfill_outcomes WHERE vehicle = {_KEY}", [(seen.id,) for seen in changed])
    db.executemany(_OUTCOME, [row for seen in (*new, *changed) for row in _outcomes(seen)])
    # A new job has neither images nor a past, and most vehicles have none either.
    db.executemany(_JOB, [_job(seen) for seen in (*(seen for seen in new if _has_past(seen)), *changed)])
    db.executemany(_SEEN, [(seen.id, seen.version, hash(seen)) for seen in (*new, *changed)])


def _values(seen: Seen) -> tuple[object, ...]:
    return (*seen.columns, seen.is_public, seen.metadata, seen.organization_id or None, seen.id)


def _has_past(seen: Seen) -> bool:
    return bool(seen.stored or seen.finals or seen.parked or seen.retry_at or seen.hold or seen.outcomes)


def _job(seen: Seen) -> tuple[object, ...]:
    hold = (seen.hold.token, seen.hold.until, seen.hold.worker, seen.hold.run_id) if seen.hold else (None,) * 4
    return (seen.stored, seen.ours, seen.finals, seen.parked, seen.retry_at, *hold, seen.id)


def _outcomes(seen: Seen) -> list[tuple[object, ...]]:
    return [
        (
            seen.id,
            outcome.source_url,
            outcome.host,
            outcome.result,
            outcome.reason,
            outcome.detail,
            outcome.attempts,
            outcome.retry_at,
        )
        for outcome in seen.outcomes
    ]


def _take_organizations(db: sqlite3.Connection, rows: Sequence[tuple[str, str, str | None]], all_of_them: bool) -> None:
    with writing(db):
        if all_of_them:
            there = json.dumps([row[0] for row in rows])
            db.execute("DELETE FROM organizations WHERE id NOT IN (SELECT value FROM json_each(?))", (there,))
        db.executemany(
            "INSERT INTO organizations (id, name, website) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " name = excluded.name, website = excluded.website",
            rows,
        )


def _nameless(db: sqlite3.Connection) -> list[str]:
    query = """
        SELECT organization_id FROM image_backfill_organizations k
        WHERE organization_id <> '' AND NOT EXISTS (SELECT 1 FROM organizations o WHERE o.id = k.organization_id)
    """
    return [row["organization_id"] for row in db.execute(query)]


def _differing(db: sqlite3.Connection, versions: Mapping[str, str]) -> list[str]:
    query = """
        SELECT v.id, m.version FROM json_each(?) wanted CROSS JOIN vehicles v ON v.id = wanted.value
        JOIN image_backfill_mirrored m ON m.vehicle = v.seq AND m.content IS NOT NULL
    """
    mirrored = {row["id"]: row["version"] for row in db.execute(query, (json.dumps(list(versions)),))}
    return [vehicle_id for vehicle_id, version in versions.items() if mirrored.get(vehicle_id) != version]


def _count_image(db: sqlite3.Connection, vehicle_id: str) -> None:
    with writing(db):
        db.execute(
            "UPDATE image_backfill_jobs SET stored = stored + 1, ours = ours + 1, finals = finals + 1"
            f" WHERE vehicle = {_KEY}",
            (vehicle_id,),
        )
        db.execute(f"UPDATE image_backfill_mirrored SET content = NULL WHERE vehicle = {_KEY}", (vehicle_id,))


def _is_claimable(db: sqlite3.Connection, seen: Seen, scope: Scope, now: float) -> bool:
    query = """
        SELECT 1 FROM vehicles v JOIN image_backfill_jobs j ON j.vehicle = v.seq
        JOIN image_backfill_organizations k ON k.key = j.organization
        WHERE v.id = :id AND j.open AND (j.wakes_at IS NULL OR j.wakes_at <= :now) AND (j.is_public OR :private)
          AND (:all OR k.organization_id IN (SELECT value FROM json_each(:organizations)))
    """
    values = {
        "id": seen.id,
        "now": now,
        "private": scope.include_private,
        "all": not scope.organization_ids,
        "organizations": json.dumps(scope.organization_ids),
    }
    with writing(db):
        _take(db, [seen])
        return db.execute(query, values).fetchone() is not None


def _refused(db: sqlite3.Connection, host: str | None, reason: str | None) -> list[str]:
    query = """
        SELECT DISTINCT v.id FROM image_backfill_outcomes o JOIN vehicles v ON v.seq = o.vehicle
        WHERE o.result IN ('refused', 'deferred') AND (:host IS NULL OR o.host = :host)
          AND (:reason IS NULL OR o.reason = :reason)
    """
    return [row["id"] for row in db.execute(query, {"host": host, "reason": reason})]


def _known(db: sqlite3.Connection, vehicle_ids: Sequence[str]) -> list[str]:
    query = "SELECT DISTINCT v.id FROM json_each(?) wanted CROSS JOIN vehicles v ON v.id = wanted.value"
    return [row["id"] for row in db.execute(query, (json.dumps(vehicle_ids),))]


def _holders(db: sqlite3.Connection, now: float) -> list[Holder]:
    query = """
        SELECT j.worker, j.run_id, v.id, j.title FROM image_backfill_jobs j JOIN vehicles v ON v.seq = j.vehicle
        WHERE j.worker IS NOT NULL AND j.lease_until > ? ORDER BY j.run_id DESC, j.worker, j.rank, j.vehicle
    """
    held: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in db.execute(query, (now,)):
        held.setdefault((row["worker"], row["run_id"]), []).append((row["id"], row["title"]))
    return [Holder(*whose, *zip(*vehicles, strict=True)) for whose, vehicles in held.items()]
