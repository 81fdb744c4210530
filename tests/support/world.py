"""Small vehicles for the tests of the engine, and what must hold of any store afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.support.web import Web
from tui.model import Listing, Scope, State, Vehicle, VehicleQuery
from tui.stores import Store


def listing(web: Web, number: int, images: int = 3, organization: str = "Gulf Motorcars") -> Listing:
    """Vehicle `number`, whose images no other vehicle has."""
    urls = tuple(web.url(f"v{number}/{number * 64 + index}") for index in range(images))
    return Listing(
        identity=f"link:{number}",
        link=f"https://dealer.example/{number}",
        organization=organization,
        year=1960 + number,
        make="Porsche",
        model="911",
        image_urls=urls,
    )


async def vehicles(store: Store) -> list[Vehicle]:
    """Every vehicle in order of title."""
    return list((await store.vehicles(VehicleQuery(limit=1000))).rows)


async def states(store: Store) -> dict[str, State]:
    """Title → state."""
    return {vehicle.title: vehicle.state for vehicle in await vehicles(store)}


async def urls_stored(store: Store) -> dict[str, list[str]]:
    """Title → the source URLs of its image rows, in order of position."""
    return {v.title: [image.source_url for image in await store.images(v.id)] for v in await vehicles(store)}


async def assert_sound(store: Store, objects: Path) -> None:
    """Every row has its object with the bytes it says, no bytes twice in a vehicle, no object without its row,
    nothing marked without an image, and no lease left."""
    expected = set()
    for vehicle in await vehicles(store):
        images = await store.images(vehicle.id)
        assert len({image.file_hash for image in images}) == len(images)
        assert len({image.source_url for image in images}) == len(images)
        for image in images:
            path = Path(unquote(urlsplit(image.image_url).path))
            assert _sha256(path) == image.file_hash
            expected.add(path)
        if vehicle.state is State.BACKFILLED:
            assert images
        assert vehicle.leased_by is None
    assert _objects(objects) == expected


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _objects(folder: Path) -> set[Path]:
    drafts = folder / "vehicle-images" / ".incoming"  # half-written ones of the killed, cleared when they are old
    return {path for path in folder.rglob("*") if path.is_file() and not path.is_relative_to(drafts)}


async def work_left(store: Store) -> int:
    """Vehicles that a run would find now."""
    return (await store.workload(Scope(include_private=True), 20)).vehicles
