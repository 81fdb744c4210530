"""Rows that no feed brings: what a production database may hold before this program first sees it."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tui.stores.local.database import writing
from tui.stores.local.store import LocalStore
from tui.stores.merging import id_of

_FOREIGN = """
INSERT INTO vehicle_images (id, vehicle_id, image_url, source, source_url, position, is_primary, is_external)
VALUES (?, ?, ?, 'bat_import', ?, ?, ?, 1) ON CONFLICT (id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Plants:
    """What to plant: websites by organization name; by listing identity, the whole `origin_metadata` of a vehicle,
    and the URLs of image rows that somebody else's import wrote.
    """

    websites: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    foreign: Mapping[str, Sequence[str]] = field(default_factory=dict)


async def plant(store: LocalStore, plants: Plants) -> None:
    """Add the rows to organizations and vehicles that are there; the same again changes nothing."""
    await store._write(_plant, plants)


def _plant(db: sqlite3.Connection, plants: Plants) -> None:
    with writing(db):
        websites = [(website, name) for name, website in plants.websites.items()]
        db.executemany("UPDATE organizations SET website = ? WHERE name = ?", websites)
        metadata = [(json.dumps(content), id_of(identity)) for identity, content in plants.metadata.items()]
        db.executemany("UPDATE vehicles SET origin_metadata = ? WHERE id = ?", metadata)
        for identity, urls in plants.foreign.items():
            db.executemany(_FOREIGN, [_foreign(id_of(identity), urls, position) for position in range(len(urls))])


def _foreign(vehicle_id: str, urls: Sequence[str], position: int) -> tuple[object, ...]:
    url = urls[position]
    return str(uuid.uuid5(uuid.UUID(vehicle_id), url)), vehicle_id, url, url, position, position == 0
