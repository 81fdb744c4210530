"""What the functions of our SQL answer, as nouns, and nouns as what they are asked with."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from tui.model import (
    Counts,
    Gallery,
    Lease,
    Member,
    Organization,
    Outcome,
    Phase,
    Reason,
    RefusalGroup,
    Result,
    RunRecord,
    Scope,
    State,
    StoredImage,
    Tally,
    Vehicle,
    Wish,
)
from tui.stores.reading import (
    gallery_in,
    hosts_of,
    image_values,
    looks_in,
    moment_in,
    note_of,
    options_from,
    scope_text,
)

Row = Mapping[str, Any]

_COUNTS = tuple(field.name for field in fields(Counts))


NOBODY = "00000000-0000-0000-0000-000000000000"
"""The id of no vehicle, and the token of no lease."""


def sound(value: Any) -> Any:
    """A JSON value that Postgres takes: it has no text with a NUL in it, nor one with half a surrogate pair."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {sound(name): sound(part) for name, part in value.items()}
    return [sound(part) for part in value] if isinstance(value, list | tuple) else value


def key(vehicle_id: str) -> str:
    """An id as the database takes it: one that cannot be any vehicle's becomes one that is none's."""
    try:
        return str(uuid.UUID(vehicle_id))
    except ValueError:
        return NOBODY


def keys(vehicle_ids: Iterable[str]) -> list[str]:
    """Ids as the database takes them, each once, in order."""
    return list(dict.fromkeys(map(key, vehicle_ids)))


def scope_object(scope: Scope) -> dict[str, object]:
    """A scope as our functions take it."""
    return {
        "organization_ids": list(scope.organization_ids),
        "vehicle_ids": keys(scope.vehicle_ids),
        "include_private": scope.include_private,
    }


def counts_from(row: Row) -> Counts:
    """The sums of a summary; null where nothing was summed up."""
    return Counts(**{name: int(row.get(name) or 0) for name in _COUNTS})


def organization_from(row: Row) -> Organization:
    """A row of the page of organizations."""
    return Organization(row["id"], row["name"], row["website"], counts_from(row))


def vehicle_from(row: Row, now: float) -> Vehicle:
    """A row of `image_backfill_lines`."""
    state, waits = State(row["state"]), row["retry_in"] is not None
    return Vehicle(
        id=row["id"],
        title=row["title"],
        organization_id=row["organization_id"],
        organization_name=row["organization_name"],
        state=state,
        is_public=row["is_public"],
        url_count=row["url_count"],
        stored=row["stored"],
        hosts=tuple(row["hosts"]),
        note=note_of(state, row["reason"], stored=row["stored"], urls=row["url_count"], waits=waits and row["open"]),
        retry_at=_moment(row["retry_in"], now),
        leased_by=row["leased_by"],
    )


def lease_from(row: Row, until: float, now: float) -> Lease:
    """An element of what a claim or a peek gives."""
    urls = gallery_in(row["metadata"])
    vehicle = vehicle_from({**row["vehicle"], "hosts": hosts_of(urls)}, now)
    return Lease(
        vehicle=vehicle,
        gallery=Gallery(vehicle.id, urls),
        token=row["token"] or "",
        until=until,
        outcomes=tuple(outcome_from(outcome, now) for outcome in row["outcomes"]),
        stored=tuple(image_from(photo) for photo in row["photos"]),
    )


def lease_object(lease: Lease) -> dict[str, object]:
    """What fences a write: of a vehicle that was only peeked at, a token that nobody holds."""
    return {"vehicle": lease.vehicle.id, "token": lease.token or NOBODY}


def outcome_from(row: Row, now: float) -> Outcome:
    """A remembered outcome."""
    return Outcome(
        source_url=row["source_url"],
        host=row["host"],
        result=Result(row["result"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        detail=row["detail"],
        retry_at=_moment(row["retry_in"], now),
        attempts=row["attempts"],
    )


def outcome_object(outcome: Outcome, now: float) -> dict[str, object]:
    """An outcome as our functions take it."""
    told = asdict(outcome)
    return told | {"retry_in": span(told.pop("retry_at"), now)}


def refusals_from(row: Row, now: float) -> RefusalGroup:
    """A group of candidates that were refused or put off."""
    told = dict(row)
    return RefusalGroup(**told | {"reason": Reason(row["reason"]), "retry_at": _moment(told.pop("retry_in"), now)})


def span(moment: float | None, now: float) -> float | None:
    """Seconds from now until a moment, which is how the database is told of it: its clock may be another."""
    return None if moment is None else moment - now


def _moment(seconds: float | None, now: float) -> float | None:
    return None if seconds is None else now + float(seconds)


def image_from(row: Row) -> StoredImage:
    """An image row with whatever columns its project has."""
    return StoredImage(
        vehicle_id=row["vehicle_id"],
        source_url=row.get("source_url") or "",
        storage_path=row.get("storage_path") or "",
        image_url=row["image_url"],
        file_hash=row.get("file_hash") or "",
        file_size=row.get("file_size") or 0,
        mime_type=row.get("mime_type") or "",
        position=row.get("position") or 0,
        taken_at=moment_in(row.get("taken_at")),
        **looks_in(row.get("variants")),
    )


def image_object(image: StoredImage, source: str) -> dict[str, object]:
    """An image as the columns of its row, as far as every project's are alike."""
    return image_values(image, source) | {"taken_at": image.taken_at and image.taken_at.isoformat()}


def share_object(record: RunRecord) -> dict[str, object]:
    """A worker's report as our functions take it."""
    told = asdict(record)
    for name in ("seen_at", "wish", "workers"):  # the database's own to say
        del told[name]
    return told | {"scope": scope_text(record.options.scope)}


def record_from(row: Row, now: float) -> RunRecord:
    """A worker's report as it is given back, `silent` seconds after it was made."""
    return RunRecord(
        run_id=row["run_id"],
        worker=row["worker"],
        started_at=row["started_at"],
        seen_at=now - float(row["silent"]),
        ended_at=row["ended_at"],
        phase=Phase(row["phase"]),
        options=options_from(row["options"]),
        tally=Tally(**row["tally"]),
        vehicles_done=row["vehicles_done"],
        vehicles_total=row["vehicles_total"],
        error=row["error"],
        wish=Wish(row["wish"]),
        images_per_second=row["images_per_second"],
        bytes_per_second=row["bytes_per_second"],
    )


def member_from(row: Row, now: float) -> Member:
    """A worker of the fleet."""
    return Member(record_from(row, now), row["holding"], tuple(row["titles"]))
