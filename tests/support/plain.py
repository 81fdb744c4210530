"""Stores on projects that have nothing of ours, and rows for them."""

from __future__ import annotations

import hashlib
import io
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg.types.json import Jsonb

from tests.support.stack import BARE, LEAN, PRODUCTION, Project, Stack
from tests.support.wire import connected
from tui.model import Lease, Outcome, Result, Settlement, StoredImage
from tui.stores import Store
from tui.stores.supabase.plain import PlainStore
from tui.stores.supabase.shape import discover

LINKED = """
create table vehicles (id uuid primary key default gen_random_uuid(), origin_metadata jsonb);
create table vehicle_images (vehicle_id uuid, image_url text not null);
create table organization_vehicles (vehicle_id uuid, organization_id uuid, status text);
"""
"""As bare as can be, and the database knows of no foreign key."""

NUMBERED = """
create table vehicles (id uuid primary key default gen_random_uuid(), origin_metadata jsonb, updated_at timestamp);
create table vehicle_images (
  id bigint generated always as identity primary key, vehicle_id uuid references vehicles (id), image_url text not null,
  file_hash text, source_url text, created_at timestamp not null default now(), is_primary boolean
);
alter table vehicles add cover bigint references vehicle_images (id);
"""
"""Images with numbers for ids, times without a zone, and a foreign key the other way round."""

VIEWED = """
create table cars (
  id uuid primary key default gen_random_uuid(), origin_metadata jsonb, updated_at timestamptz default now()
);
create function touch() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
create trigger touched before update on cars for each row execute function touch();
create view vehicles as select * from cars;
create table vehicle_images (vehicle_id uuid references cars (id), image_url text not null);
"""
"""Vehicles that are a view."""

VEILED = """
create table cars (id uuid primary key default gen_random_uuid(), origin_metadata jsonb);
create view vehicles as select * from cars;
create table vehicle_images (vehicle_id uuid references cars (id), image_url text not null);
"""
"""… whose rows nothing tells from their later selves."""

SHAPES = {
    "production": PRODUCTION,
    "lean": LEAN,
    "bare": BARE,
    "linked": LINKED,
    "numbered": NUMBERED,
    "viewed": VIEWED,
    "veiled": VEILED,
}
WRITABLE = tuple(name for name in SHAPES if name != "veiled")


def shaped(stack: Stack, name: str) -> Project:
    """An empty project of one of the `SHAPES`."""
    project = stack.project(name, SHAPES[name])
    project.clear()
    return project


@asynccontextmanager
async def opened(project: Project, *, read_only: bool = False, ahead: float = 0.0) -> AsyncIterator[PlainStore]:
    """A store on a project; `ahead` is by how many seconds this machine's clock is wrong.

    No request may be longer than what real routers take.
    """
    async with connected(project, read_only=read_only) as connection:
        shape = await discover(connection)
        store = await PlainStore.open(connection, shape, label="plain", clock=lambda: time.time() + ahead)
        try:
            yield store
        finally:
            await store.close()
            assert max((len(logged.path) for logged in project.gateway.log), default=0) < 8_000


def put(project: Project, *urls: str, **columns: object) -> str:
    """A vehicle with a gallery."""
    return put_metadata(project, {"image_urls": list(urls or ("http://a/1.jpg", "http://a/2.jpg"))}, **columns)


def put_metadata(project: Project, metadata: object, **columns: object) -> str:
    """A vehicle with any `origin_metadata`."""
    row = {"id": str(uuid.uuid4()), "origin_metadata": None if metadata is None else Jsonb(metadata), **columns}
    marks = ", ".join(["%s"] * len(row))
    project.sql(f"insert into vehicles ({', '.join(row)}) values ({marks})", list(row.values()))
    return str(row["id"])


def metadata(project: Project, vehicle_id: str) -> Any:
    """What a vehicle's `origin_metadata` holds now."""
    return project.value("select origin_metadata from vehicles where id = %s", [vehicle_id])


def images(project: Project, vehicle_id: str, column: str = "image_url") -> Sequence[Any]:
    """One column of a vehicle's images, in order."""
    return [
        value
        for (value,) in project.sql(
            f"select {column} from vehicle_images where vehicle_id = %s order by 1", [vehicle_id]
        )
    ]


async def picture(store: Store, lease: Lease, position: int = 0, content: bytes = b"") -> StoredImage:
    """An image as the engine records it, its object stored."""
    url = str(lease.gallery.urls[position])
    content = content or url.encode()
    name = hashlib.sha1(f"{url}|jpg".encode(), usedforsecurity=False).hexdigest()
    path = f"{lease.vehicle.id}/{store.source}/{store.source}_{name}.jpg"
    return StoredImage(
        vehicle_id=lease.vehicle.id,
        source_url=url,
        storage_path=path,
        image_url=await store.put_object(path, io.BytesIO(content), "image/jpeg"),
        file_hash=hashlib.sha256(content).hexdigest(),
        file_size=len(content),
        mime_type="image/jpeg",
        width=640,
        height=480,
        position=position,
    )


def stored(lease: Lease, *positions: int) -> tuple[Outcome, ...]:
    """The outcomes of images that were recorded."""
    return tuple(Outcome(str(lease.gallery.urls[position]), "a", Result.STORED) for position in positions)


async def store_nothing(store: Store, lease: Lease) -> None:
    """Release a vehicle as it was claimed."""
    await store.settle(lease, Settlement())
