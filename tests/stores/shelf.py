"""Listings, leases and images for tests of a store."""

from __future__ import annotations

from typing import Protocol

from tui.model import (
    SOURCE,
    Lease,
    Listing,
    Outcome,
    Reason,
    Result,
    Scope,
    StoredImage,
    Vehicle,
    VehicleQuery,
)
from tui.stores import Store
from tui.trickle.lane import object_path

TTL = 60.0


class Clock(Protocol):
    now: float


def listing(name: str, *urls: str, organization: str | None = "Acme", **fields: object) -> Listing:
    told = {"vin": name, "make": name, "image_urls": urls or ("http://a/1.jpg", "http://a/2.jpg")}
    return Listing(identity=f"vin:{name}", organization=organization, **{**told, **fields})  # type: ignore[arg-type]


def image(lease: Lease, position: int = 0, file_hash: str = "", url: str = "", source: str = SOURCE) -> StoredImage:
    url = url or str(lease.gallery.urls[position])
    path = object_path(lease.vehicle.id, source, url, "jpg")
    return StoredImage(
        vehicle_id=lease.vehicle.id,
        source_url=url,
        storage_path=path,
        image_url=f"file:///{path}",
        file_hash=file_hash or f"hash-{position}",
        file_size=10,
        mime_type="image/jpeg",
        width=640,
        height=480,
        position=position,
    )


async def claim(store: Store, limit: int = 10, scope: Scope | None = None, worker: str = "w") -> tuple[Lease, ...]:
    return await store.claim(scope or Scope(), limit, worker=worker, run_id="run", ttl=TTL)


async def claim_one(store: Store) -> Lease:
    (lease,) = await claim(store, 1)
    return lease


async def only(store: Store) -> Vehicle:
    (vehicle,) = (await store.vehicles(VehicleQuery())).rows
    return vehicle


def refused(url: str, reason: Reason = Reason.NOT_FOUND, host: str = "a") -> Outcome:
    return Outcome(url, host, Result.REFUSED, reason)
