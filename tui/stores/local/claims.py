"""Who is next: claimable vehicles in a fair order, leased to one worker at a time."""

from __future__ import annotations

import heapq
import json
import sqlite3
import uuid
from collections.abc import Sequence

from tui.model import Gallery, Lease, Scope, Workload
from tui.stores import LeaseLost
from tui.stores.local import rows
from tui.stores.local.database import writing

_WOKEN_AT_ONCE = 5_000

_FREE = "open AND wakes_at IS NULL"
_WOKEN = "open AND wakes_at <= :now"
# What the dead held is little. The plus, here and before a narrower scope, keeps SQLite from the indexes over all that
# waits for a retry or is an organization's.
_ABANDONED = """open AND +wakes_at > :now AND vehicle IN (
  SELECT vehicle FROM image_backfill_jobs WHERE worker IN (
    SELECT worker FROM image_backfill_jobs WHERE worker IS NOT NULL GROUP BY worker HAVING is_dead(worker)))"""
_KEYED = "{} IN (SELECT value FROM json_each(:keys)) AND"
_IMAGES = "max(min(url_count, :cap) - finals, 0)"


def claim(
    db: sqlite3.Connection, scope: Scope, limit: int, *, worker: str, run_id: str, ttl: float, now: float
) -> tuple[Lease, ...]:
    """Lease up to `limit` claimable vehicles; one transaction."""
    with writing(db):
        _wake(db, now)
        keys = _next(db, scope, 0, limit, now)
        tokens = {key: uuid.uuid4().hex for key in keys}
        db.executemany(
            "UPDATE image_backfill_jobs SET lease_token = ?, lease_until = ?, worker = ?, run_id = ?, retry_at = NULL"
            " WHERE vehicle = ?",
            [(token, now + ttl, worker, run_id, key) for key, token in tokens.items()],
        )
        return _leases(db, keys, tokens, now + ttl, now)


def _wake(db: sqlite3.Connection, now: float) -> None:
    """Free what waited long enough and what dead workers held, so that the queue's index sees it."""
    db.execute(
        "UPDATE image_backfill_jobs SET lease_token = NULL, lease_until = NULL, worker = NULL, run_id = NULL,"
        " retry_at = NULL WHERE vehicle IN ("
        "SELECT vehicle FROM image_backfill_jobs WHERE wakes_at <= ? ORDER BY wakes_at LIMIT ?)",
        (now, _WOKEN_AT_ONCE),
    )


def peek(db: sqlite3.Connection, scope: Scope, offset: int, limit: int, now: float) -> tuple[Lease, ...]:
    """What `claim` would give, unclaimed."""
    return _leases(db, _next(db, scope, offset, limit, now), {}, 0.0, now)


def _leases(
    db: sqlite3.Connection, keys: Sequence[int], tokens: dict[int, str], until: float, now: float
) -> tuple[Lease, ...]:
    found = rows.details(db, keys)
    outcomes = rows.outcomes_of(db, keys)
    images = rows.images_of(db, [row["id"] for row in found])
    return tuple(
        Lease(
            vehicle=vehicle,
            gallery=Gallery(vehicle.id, rows.gallery_of(row["origin_metadata"])),
            token=tokens.get(row["vehicle"], ""),
            until=until,
            outcomes=outcomes.get(row["vehicle"], ()),
            stored=images.get(vehicle.id, ()),
        )
        for row, vehicle in zip(found, rows.vehicles_from(db, found, now), strict=True)
    )


def _next(db: sqlite3.Connection, scope: Scope, offset: int, limit: int, now: float) -> list[int]:
    """The keys of claimable vehicles: the first of each organization, then the second of each, …"""
    if scope.vehicle_ids:
        found = _named(db, scope, now)[offset : offset + limit]
    elif scope.organization_ids:
        per_organization = (
            _ranked(db, scope, now, "organization = :organization AND", offset + limit, organization=key)
            for key in _organizations_at_work(db, scope)
        )
        found = list(heapq.merge(*per_organization))[offset : offset + limit]
    else:
        found = _ranked(db, scope, now, "", limit, offset)
    return [key for _, key in found]


def _ranked(
    db: sqlite3.Connection, scope: Scope, now: float, where: str, limit: int, offset: int = 0, organization: int = 0
) -> list[tuple[int, int]]:
    # Each branch walks an index in its own order and SQLite merges them, so only what is asked for is read.
    query = f"{_branches(scope, 'rank, vehicle', where)} ORDER BY rank, vehicle LIMIT :limit OFFSET :offset"
    values = {"organization": organization, "now": now, "limit": limit, "offset": offset}
    return [(row["rank"], row["vehicle"]) for row in db.execute(query, values)]


def _branches(scope: Scope, columns: str, where: str) -> str:
    """A query for claimable vehicles, put together from parts that each have an index."""
    return " UNION ALL ".join(
        f"SELECT {columns} FROM image_backfill_jobs WHERE {narrowed} is_public = {public} AND {state}"
        for public in ((1, 0) if scope.include_private else (1,))
        for narrowed, state in ((where, _FREE), (where, _WOKEN), (where and f"+{where}", _ABANDONED))
    )


def _organizations_at_work(db: sqlite3.Connection, scope: Scope) -> list[int]:
    query = """
        SELECT DISTINCT k.key FROM json_each(?) wanted
        JOIN image_backfill_organizations k ON k.organization_id = wanted.value
        JOIN image_backfill_counts c ON c.organization = k.key
        WHERE c.ready + c.legacy + c.partial + c.parked > 0
    """
    return [row["key"] for row in db.execute(query, (json.dumps(scope.organization_ids),))]


def _named(db: sqlite3.Connection, scope: Scope, now: float) -> list[tuple[int, int]]:
    query = """
        SELECT DISTINCT j.rank, j.vehicle FROM json_each(:ids) wanted
        CROSS JOIN vehicles v ON v.id = wanted.value
        CROSS JOIN image_backfill_jobs j ON j.vehicle = v.seq
        LEFT JOIN image_backfill_organizations k ON k.key = j.organization
        WHERE open AND (wakes_at IS NULL OR wakes_at <= :now OR is_dead(worker)) AND (j.is_public OR :private)
          AND (:all OR k.organization_id IN (SELECT value FROM json_each(:organizations)))
        ORDER BY j.rank, j.vehicle
    """
    values = {
        "ids": json.dumps(scope.vehicle_ids),
        "organizations": json.dumps(scope.organization_ids),
        "all": not scope.organization_ids,
        "private": scope.include_private,
        "now": now,
    }
    return [(row["rank"], row["vehicle"]) for row in db.execute(query, values)]


def workload(db: sqlite3.Connection, scope: Scope, cap: int, now: float) -> Workload:
    """Claimable vehicles and the images that they have to come under `cap`."""
    where, keys = "", list[int]()
    if scope.vehicle_ids:
        where, keys = _KEYED.format("vehicle"), [key for _, key in _named(db, scope, now)]
    elif scope.organization_ids:
        where, keys = _KEYED.format("organization"), _organizations_at_work(db, scope)
    found = _branches(scope, f"{_IMAGES} AS images", where)
    query = f"SELECT COUNT(*), COALESCE(SUM(images), 0) FROM ({found})"
    row = db.execute(query, {"keys": json.dumps(keys), "cap": cap, "now": now}).fetchone()
    return Workload(row[0], row[1])


def workload_by_organization(
    db: sqlite3.Connection, scope: Scope, cap: int, limit: int, now: float
) -> dict[str, Workload]:
    """The workload of the first `limit` vehicles to be claimed, by organization id."""
    query = f"""
        SELECT COALESCE(k.organization_id, ''), COUNT(*), SUM({_IMAGES})
        FROM json_each(:keys) wanted
        CROSS JOIN image_backfill_jobs j ON j.vehicle = wanted.value
        LEFT JOIN image_backfill_organizations k ON k.key = j.organization
        GROUP BY 1
    """
    keys = json.dumps(_next(db, scope, 0, limit, now))
    return {row[0]: Workload(row[1], row[2]) for row in db.execute(query, {"keys": keys, "cap": cap})}


def renew(db: sqlite3.Connection, leases: Sequence[Lease], ttl: float, now: float) -> frozenset[str]:
    """Prolong live leases; the ids of the vehicles whose lease is lost."""
    lost = set()
    with writing(db):
        for lease in leases:
            try:
                key = fence(db, lease, now)
            except LeaseLost:
                lost.add(lease.vehicle.id)
            else:
                db.execute("UPDATE image_backfill_jobs SET lease_until = ? WHERE vehicle = ?", (now + ttl, key))
    return frozenset(lost)


def fence(db: sqlite3.Connection, lease: Lease, now: float) -> int:
    """The key of a leased vehicle, asked inside the transaction that writes; raises `LeaseLost`."""
    row = db.execute(
        "SELECT j.vehicle, j.lease_token, j.lease_until FROM vehicles v"
        " JOIN image_backfill_jobs j ON j.vehicle = v.seq WHERE v.id = ?",
        (lease.vehicle.id,),
    ).fetchone()
    if row is None or not lease.token or row["lease_token"] != lease.token or row["lease_until"] <= now:
        raise LeaseLost(lease.vehicle.id)
    return int(row["vehicle"])
