"""Every store that keeps the protocol, each with the hands of an operator in its rows."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.stores.conftest import Clock
from tests.support.stack import LEAN, PRODUCTION, Project, Stack
from tui.model import BUCKET
from tui.settings import Secret, Settings
from tui.stores import Store, open_store, supabase
from tui.stores.local import LocalStore
from tui.stores.schema import install_script
from tui.stores.supabase import shape
from tui.stores.supabase.connection import Connection
from tui.stores.supabase.shape import Shape

Row = dict[str, Any]

_LEAN = frozenset({"private", "links", "vin", "hashes", "primary", "trim"})

LACKING: Mapping[str, frozenset[str]] = {
    "local": frozenset(),
    "served": frozenset(),
    "served-lean": _LEAN,
    "plain": frozenset({"fleet", "looks"}),
    "plain-lean": _LEAN | {"fleet", "looks"},
}
"""The kinds of stores, and what each cannot hold: its tables lack columns or an index, or nobody keeps a journal for
all."""

REMOTE = tuple(kind for kind in LACKING if kind != "local")

JSON_NULL = object()
"""The JSON value, where None is no value at all."""

_JSON = ("origin_metadata", "variants")


class Shelf(ABC):
    """A store, other stores on the same rows, and the rows themselves."""

    store: Store
    organizations = "organizations"
    name = "name"

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._stores: list[Store] = []
        self._open = AsyncExitStack()

    async def another(self) -> Store:
        """The store of another machine."""
        store = await self._open_store()
        self._stores.append(store)
        self._open.push_async_callback(store.close)
        return store

    async def close(self) -> None:
        await self._open.aclose()

    @abstractmethod
    async def _open_store(self) -> Store: ...

    @property
    def now(self) -> float:
        """What the store's clock says."""
        return time.time()

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """Let everything that waits, is held or was told be so much older."""

    @abstractmethod
    def objects(self) -> dict[str, bytes]:
        """Path → bytes of all that lies in the bucket."""

    # By hand

    @abstractmethod
    def insert(self, table: str, **row: object) -> None: ...

    @abstractmethod
    def update(self, table: str, id: str, **row: object) -> None: ...

    @abstractmethod
    def delete(self, table: str, id: str, key: str = "id") -> None: ...

    @abstractmethod
    def select(self, table: str, **where: object) -> list[Row]: ...

    def put_vehicle(self, metadata: object = None, **row: object) -> str:
        return self._new("vehicles", origin_metadata=metadata, **row)

    def vehicle(self, vehicle_id: str) -> Row:
        (row,) = self.select("vehicles", id=vehicle_id)
        return row

    def metadata(self, vehicle_id: str) -> Any:
        return self.vehicle(vehicle_id)["origin_metadata"]

    def edit_metadata(self, vehicle_id: str, **merge: object) -> None:
        self.update("vehicles", vehicle_id, origin_metadata={**self.metadata(vehicle_id), **merge})

    def put_image(self, vehicle_id: str, image_url: str = "x", source: str = "bat_import", **row: object) -> str:
        return self._new("vehicle_images", vehicle_id=vehicle_id, image_url=image_url, source=source, **row)

    def images(self, vehicle_id: str) -> list[Row]:
        return self.select("vehicle_images", vehicle_id=vehicle_id)

    def put_organization(self, name: str) -> str:
        return self._new(self.organizations, **{self.name: name})

    def link(self, vehicle_id: str, organization_id: str, kind: str = "inventory") -> None:
        self.insert(
            "organization_vehicles", vehicle_id=vehicle_id, organization_id=organization_id, relationship_type=kind
        )

    def _new(self, table: str, **row: object) -> str:
        key = str(uuid.uuid4())
        self.insert(table, id=key, **row)
        return key


class LocalShelf(Shelf):
    """SQLite in a folder; a second connection is the person with the sqlite3 shell."""

    def __init__(self, kind: str, folder: Path) -> None:
        super().__init__(kind)
        self._folder = folder
        self._clock = Clock()

    async def start(self) -> LocalShelf:
        self.store = await self.another()
        self._hand = sqlite3.connect(self._folder / "store.sqlite3", isolation_level=None, timeout=10)
        self._hand.row_factory = sqlite3.Row
        self._open.callback(self._hand.close)
        return self

    async def _open_store(self) -> Store:
        return await LocalStore.open(self._folder, clock=self._clock)

    @property
    def now(self) -> float:
        return self._clock.now

    async def pass_time(self, seconds: float) -> None:
        self._clock.now += seconds

    def objects(self) -> dict[str, bytes]:
        bucket = self._folder / "objects" / BUCKET
        return {str(file.relative_to(bucket)): file.read_bytes() for file in bucket.rglob("*") if file.is_file()}

    def insert(self, table: str, **row: object) -> None:
        marks = ", ".join("?" * len(row))
        self._hand.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", _sqlite_values(row))

    def update(self, table: str, id: str, **row: object) -> None:
        assignments = ", ".join(f"{name} = ?" for name in row)
        self._hand.execute(f"UPDATE {table} SET {assignments} WHERE id = ?", [*_sqlite_values(row), id])

    def delete(self, table: str, id: str, key: str = "id") -> None:
        self._hand.execute("PRAGMA foreign_keys = ON")
        self._hand.execute(f"DELETE FROM {table} WHERE {key} = ?", (id,))

    def select(self, table: str, **where: object) -> list[Row]:
        conditions = " AND ".join(f"{name} = ?" for name in where) or "1"
        found = self._hand.execute(f"SELECT * FROM {table} WHERE {conditions}", list(where.values()))
        return [
            {name: json.loads(row[name]) if name in _JSON and row[name] else row[name] for name in row.keys()}  # noqa: SIM118
            for row in found
        ]


def _sqlite_values(row: Mapping[str, object]) -> list[Any]:
    return [
        "null" if value is JSON_NULL else json.dumps(value) if name in _JSON and value is not None else value
        for name, value in row.items()
    ]


class ProjectShelf(Shelf):
    """A project of the stack with our SQL; the superuser is the person with the SQL editor."""

    def __init__(self, kind: str, project: Project) -> None:
        super().__init__(kind)
        self.project = project
        lean = kind.endswith("lean")
        self.organizations, self.name = ("organizations", "name") if lean else ("businesses", "business_name")

    async def start(self) -> ProjectShelf:
        self.store = await self.another()
        return self

    async def _open_store(self) -> Store:
        settings = Settings(supabase_url=self.project.url, supabase_key=Secret(self.project.service_key))
        return await open_store("supabase", settings)

    async def pass_time(self, seconds: float) -> None:
        span = f"interval '{seconds} seconds'"
        self.project.sql(
            f"update image_backfill_jobs set lease_until = lease_until - {span}, retry_at = retry_at - {span}"
            " where wakes_at is not null"
        )
        self.project.sql(f"update image_backfill_shares set seen_at = seen_at - {span}")

    def objects(self) -> dict[str, bytes]:
        return self.project.objects()

    def insert(self, table: str, **row: object) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        marks = sql.SQL(", ").join(sql.Placeholder() * len(row))
        self._execute(sql.SQL("insert into {} ({}) values ({})").format(sql.Identifier(table), names, marks), row)

    def update(self, table: str, id: str, **row: object) -> None:
        assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in row)
        query = sql.SQL("update {} set {} where id = {}").format(sql.Identifier(table), assignments, sql.Literal(id))
        self._execute(query, row)

    def delete(self, table: str, id: str, key: str = "id") -> None:
        self.project.sql(f"delete from {table} where {key} = %s", [id])

    def select(self, table: str, **where: object) -> list[Row]:
        conditions = " and ".join(f"{name} = %s" for name in where) or "true"
        found = self.project.sql(f"select to_jsonb(t) from {table} t where {conditions}", list(where.values()))
        return [row for (row,) in found]

    def _execute(self, query: sql.Composed, row: Mapping[str, object]) -> None:
        values = [
            Jsonb(None) if value is JSON_NULL else Jsonb(value) if name in _JSON and value is not None else value
            for name, value in row.items()
        ]
        self.project.sql(query.as_string(), values)


class PlainShelf(ProjectShelf):
    """A project of the stack that has nothing of ours."""

    async def pass_time(self, seconds: float) -> None:
        seconds += 3  # a project's own time is known from its answers, and lags behind by as much
        for path in ("{image_backfill,lease,until}", "{image_backfill,retry_at}"):
            moved = f"to_jsonb((origin_metadata #>> '{path}')::float8 - {seconds})"
            content = f"jsonb_set(origin_metadata, '{path}', {moved})"
            self.project.sql(
                f"update vehicles set updated_at = now(), origin_metadata = {content}"
                f" where origin_metadata #> '{path}' is not null"
            )
        for store in self._stores:
            await store.refresh()

    def metadata(self, vehicle_id: str) -> Any:
        """What is there beside what we remember of the vehicle."""
        content = super().metadata(vehicle_id)
        return {name: value for name, value in content.items() if name != "image_backfill"}

    def edit_metadata(self, vehicle_id: str, **merge: object) -> None:
        self.update("vehicles", vehicle_id, origin_metadata={**super().metadata(vehicle_id), **merge})


def plain_project(stack: Stack, kind: str) -> Project:
    """An empty project without our SQL."""
    project = stack.project(kind.replace("-", "_"), LEAN if kind.endswith("lean") else PRODUCTION)
    project.clear()
    return project


_shapes: dict[str, Shape] = {}


@contextmanager
def known_shapes() -> Iterator[None]:
    """The shape of each project is found out once: to describe itself, PostgREST takes longer than a test.

    It is for projects that stay as they are.
    """

    async def discover(connection: Connection, organizations_table: str = "") -> Shape:
        if connection.url not in _shapes:
            _shapes[connection.url] = await shape.discover(connection, organizations_table)
        return _shapes[connection.url]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supabase, "discover", discover)
        yield


_KNOWN = "version, source, columns, organizations"
_ABOUT = f"insert into image_backfill_about ({_KNOWN}) values (%s, %s, %s, %s)"
_abouts: dict[Project, list[object]] = {}


def served_project(stack: Stack, kind: str) -> Project:
    """An empty project with our SQL, which nobody has asked anything yet. Installed once: that takes half a second."""
    project = stack.project(kind.replace("-", "_"), LEAN if kind.endswith("lean") else PRODUCTION)
    if project not in _abouts:
        project.psql(install_script())
        project.reload_schema()
        _abouts[project] = list(project.sql(f"select {_KNOWN} from image_backfill_about")[0])
    project.clear()
    project.sql(_ABOUT, _abouts[project])
    return project
