"""Filling a fresh local store with the demo world, as feeds and an interrupted run would have left it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io

from tui.demo.art import SIZE, draw
from tui.demo.cars import HOSTILE_TITLE
from tui.demo.galleries import Photo
from tui.demo.world import SEEDED_IMAGES, DemoVehicle, Standing, World
from tui.model import SOURCE, Lease, Listing, Scope, Settlement, StoredImage
from tui.stores import LeaseLost
from tui.stores.local import LocalStore
from tui.stores.local.planting import Plants, plant
from tui.stores.merging import id_of

_LEASE = 2.0
"""Seconds: what a seeding that was killed leaves leased is soon free again."""


async def seed_store(store: LocalStore, world: World) -> None:
    """Write the world; after an interruption the same call completes it."""
    await store.intake([listing_of(vehicle) for vehicle in world.vehicles])
    await plant(store, _plants(world))
    partial = {id_of(identity(vehicle)): vehicle for vehicle in world.of(Standing.PARTIAL)}
    while todo := await _unstored(store, partial):
        leases = await store.claim(Scope(vehicle_ids=todo), len(todo), worker="demo", run_id="", ttl=_LEASE)
        for lease in leases:
            with contextlib.suppress(LeaseLost):  # a busy machine was slower than that: once more
                await _begin(store, lease, partial[lease.vehicle.id])
        if not leases:
            await asyncio.sleep(_LEASE / 10)  # a killed seeding's leases run out


def identity(vehicle: DemoVehicle) -> str:
    """What makes two listings the same vehicle."""
    return f"vin:{vehicle.car.vin}"


def listing_of(vehicle: DemoVehicle) -> Listing:
    """The vehicle as a feed tells it; what a feed cannot tell is planted."""
    car = vehicle.car
    hostile = car.title == HOSTILE_TITLE  # a feed that knows only a title
    return Listing(
        identity=identity(vehicle),
        organization=car.dealer.name,
        vin=car.vin,
        year=car.year,
        make=None if hostile else car.make,
        model=None if hostile else car.model,
        trim=None if hostile else car.trim,
        mileage=car.mileage,
        price=float(car.price),
        link=car.link,
        title=car.title,
        is_public=vehicle.is_public,
        image_urls=tuple(item.raw for item in vehicle.items if isinstance(item.raw, str)),
    )


def _plants(world: World) -> Plants:
    foreign = {identity(v): [p.url for p in v.photos[:SEEDED_IMAGES]] for v in world.of(Standing.FOREIGN)}
    return Plants(
        websites={dealer.name: dealer.website for dealer in world.dealers},
        metadata={identity(v): _metadata(v) for v in world.vehicles if _odd(v)},
        foreign=foreign,
    )


def _odd(vehicle: DemoVehicle) -> bool:
    """Whether a listing alone cannot say it."""
    special = vehicle.standing in (Standing.EMPTY, Standing.LEGACY, Standing.MARKED)
    return special or not all(isinstance(item.raw, str) for item in vehicle.items)


def _metadata(vehicle: DemoVehicle) -> dict[str, object]:
    urls = [item.raw for item in vehicle.items]
    match vehicle.standing:
        case Standing.LEGACY:
            return {"images": urls}
        case Standing.MARKED:
            return {"image_urls": urls, "images_backfilled": True}
        case _:
            return {"image_urls": urls}


async def _unstored(store: LocalStore, partial: dict[str, DemoVehicle]) -> tuple[str, ...]:
    return tuple([key for key in partial if len(await store.images(key)) < SEEDED_IMAGES])


async def _begin(store: LocalStore, lease: Lease, vehicle: DemoVehicle) -> None:
    """Store the first images and stop there, as a run does that was interrupted."""
    for position, photo in enumerate(vehicle.photos[:SEEDED_IMAGES]):
        await store.record(lease, await _stored(store, lease.vehicle.id, position, photo))
    await store.settle(lease, Settlement())


async def _stored(store: LocalStore, vehicle_id: str, position: int, photo: Photo) -> StoredImage:
    data = await asyncio.to_thread(draw, photo.car, photo.shown, photo.of, photo.encoding)
    path = _object_path(vehicle_id, photo)
    return StoredImage(
        vehicle_id=vehicle_id,
        source_url=photo.url,
        storage_path=path,
        image_url=await store.put_object(path, io.BytesIO(data), photo.encoding.mime_type),
        file_hash=hashlib.sha256(data).hexdigest(),
        file_size=len(data),
        mime_type=photo.encoding.mime_type,
        width=SIZE[0],
        height=SIZE[1],
        position=position,
    )


def _object_path(vehicle_id: str, photo: Photo) -> str:
    """The path that the engine gives this photo too."""
    extension = photo.encoding.extension
    digest = hashlib.sha1(f"{photo.url}|{extension}".encode(), usedforsecurity=False).hexdigest()
    return f"{vehicle_id}/{SOURCE}/{SOURCE}_{digest}.{extension}"
