"""One Supabase project of the stack, and the hands that tests have in it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from tests.support.stack import keys
from tests.support.stack.cluster import Cluster
from tests.support.stack.gateway import Gateway, Loop
from tests.support.stack.parts import FOLDER, Parts
from tests.support.stack.postgrest import PostgREST
from tests.support.stack.storage import Storage

# Small tables are emptied by DELETE, fifteen times as fast as TRUNCATE; as a replica, no key and no trigger objects.
_EMPTY = """
set local lock_timeout = '10s';
set local session_replication_role = replica;
do $$
declare
  name text;
  size bigint;
begin
  for name, size in
    select oid::regclass, pg_relation_size(oid) from pg_class
    where relkind = 'r' and relpersistence <> 't'
      and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
  loop
    if size > 2 ^ 20 then
      execute 'truncate ' || name || ' cascade';
    elsif size > 0 then
      execute 'delete from ' || name;
    end if;
  end loop;
  perform setval(seqrelid::regclass, seqstart, false) from pg_sequence;
end $$;
"""


class Project:
    """A database made by a schema script, PostgREST on it, and the gateway before that and storage."""

    service_key = keys.SERVICE_KEY
    """The legacy JWT of the service role."""
    anon_key = keys.ANON_KEY
    secret_key = keys.SECRET_KEY
    """The opaque key of the service role, `sb_secret_…`."""
    publishable_key = keys.PUBLISHABLE_KEY
    sign = staticmethod(keys.sign)

    def __init__(
        self,
        name: str,
        schema: str,
        cluster: Cluster,
        storage: Storage,
        parts: Parts,
        folder: Path,
        group: int,
        loop: Loop,
    ) -> None:
        cluster.create_database(name, (FOLDER / "bootstrap.sql").read_text(), schema)
        folder.mkdir()
        self.name, self._cluster, self._folder = name, cluster, folder
        self._hand: psycopg.Connection[tuple[Any, ...]] | None = None
        self._rest = PostgREST(parts.postgrest, folder, cluster.dsn(name, "authenticator"), group)
        self._storage = storage
        self.gateway = Gateway(loop, str(self._rest.socket), self._storage)
        self._rest.wait()

    @property
    def url(self) -> str:
        """What goes into `SUPABASE_URL`."""
        return f"http://127.0.0.1:{self.gateway.port}"

    @property
    def dsn(self) -> str:
        """The database, as its superuser."""
        return self._cluster.dsn(self.name)

    def sql(self, query: str, params: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query, run by the superuser in a transaction of its own; `%s` stands for a parameter."""
        cursor = self._connection().execute(query.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def value(self, query: str, params: Sequence[object] | None = None) -> Any:
        """The one value that a query gives."""
        ((value,),) = self.sql(query, params)
        return value

    def psql(self, text: str, *options: str) -> str:
        """What the real `psql` prints for a script, e.g. with `-At`."""
        return self._cluster.psql(self.name, text, *options)

    def objects(self) -> dict[str, bytes]:
        """Path → bytes of all that lies in the bucket `vehicle-images`."""
        return self._storage.objects()

    def reload_schema(self) -> None:
        """Have PostgREST learn the schema anew, and connect again if it had lost the database."""
        self._rest.reload()

    def clear(self) -> None:
        """As new: no rows, one empty public bucket, no faults, an empty log."""
        self.gateway.reset()
        with self._connection().transaction():
            self.sql(_EMPTY)
        self._storage.clear()

    def forget_connection(self) -> None:
        """Give up the connection of `sql`; the next query makes a new one."""
        if self._hand:
            self._hand.close()

    def close(self) -> None:
        """End its servers; its databases stay."""
        self.gateway.close()
        self._rest.close()
        self.forget_connection()

    def drop(self) -> None:
        """End it and leave nothing of it."""
        self.close()
        self._cluster.drop_database(self.name)
        shutil.rmtree(self._folder)

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._hand is None or self._hand.closed:
            self._hand = psycopg.connect(self.dsn, autocommit=True, prepare_threshold=None)
        return self._hand
