"""Opening a store that is not there, not whole, not ours or not writable: one sentence, and nothing lost."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Coroutine
from pathlib import Path

import pytest

from tui.model import Listing, Phase, Problem, RunOptions, RunRecord, Scope, Settlement, VehicleQuery, Wish
from tui.settings import Settings
from tui.stores import StoreError, open_store
from tui.stores.local import LocalStore
from tui.stores.local.faults import explain

NOBODY = 65534


def listings(*names: str) -> list[Listing]:
    return [Listing(f"vin:{name}", make=name, organization="A", image_urls=("http://a/1.jpg",)) for name in names]


async def filled(folder: Path, *names: str) -> Path:
    store = await LocalStore.open(folder)
    await store.intake(listings(*(names or ("v",))))
    await store.close()
    return folder / "store.sqlite3"


async def refusal(url: str) -> str:
    with pytest.raises(Problem) as caught:
        await open_store(url)
    words = str(caught.value)
    assert words.endswith(".")
    assert "\n" not in words
    return words


async def test_a_store_is_created_and_found_again(tmp_path: Path) -> None:
    await filled(tmp_path / "new" / "shelf")
    store = await open_store(f"local:{tmp_path}/new/shelf")
    assert (await store.counts()).needing == 1
    assert store.label == f"local · {tmp_path}/new/shelf"
    await store.close()


async def test_the_home_folder_is_understood_and_shown_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    store = await open_store("local:~/dealers")
    assert store.label == "local · ~/dealers"
    assert (tmp_path / "dealers" / "store.sqlite3").is_file()
    await store.close()


@pytest.mark.parametrize("url", ["", "local", "local:", "postgres://x", "./somewhere"])
async def test_a_url_of_another_kind_is_told_what_is_valid(url: str) -> None:
    assert "local:PATH" in await refusal(url)


async def test_supabase_says_what_it_needs() -> None:
    assert "SUPABASE_URL" in await refusal("supabase")


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in await refusal(f"local:{tmp_path}/file")
    assert "a part of its path is a file" in await refusal(f"local:{tmp_path}/file/deeper")
    assert (tmp_path / "file").read_text() == "mine"


async def test_a_folder_that_cannot_be_made() -> None:
    assert str(await refusal("local:/proc/nowhere/shelf")).startswith("The store /proc/nowhere/shelf ")


@pytest.mark.parametrize("content", [b"not a database, just some text " * 50, b"\0" * 4096, b"short"])
async def test_what_is_no_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.sqlite3").write_bytes(content)
    assert "not an SQLite database" in await refusal(f"local:{tmp_path}")
    assert (tmp_path / "store.sqlite3").read_bytes() == content


async def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = file.read_bytes()
    assert "another program's database" in await refusal(f"local:{tmp_path}")
    assert file.read_bytes() == before


async def test_a_store_of_a_newer_version(tmp_path: Path) -> None:
    file = await filled(tmp_path)
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert "newer version" in await refusal(f"local:{tmp_path}")


async def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3").touch()
    await filled(tmp_path)


async def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    file = await filled(tmp_path, *(f"v{n}" for n in range(2000)))
    with file.open("r+b") as content:
        pages = file.stat().st_size // 4096
        for page in range(pages // 2, pages):
            content.seek(page * 4096)
            content.write(b"\xff" * 4096)
    store = await LocalStore.open(tmp_path)
    with pytest.raises(StoreError, match="is damaged"):
        await store.vehicles(VehicleQuery(filter="v"))
    with pytest.raises(StoreError, match="is damaged"):
        await store.intake(listings("new"))
    await store.close()


async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    store = await LocalStore.open(tmp_path)
    await store.intake(listings("v"))
    await store._write(lambda db: db.execute("PRAGMA max_page_count = 1").fetchall())
    with pytest.raises(StoreError, match="out of disk space"):
        await store.intake(listings(*(f"v{n}" for n in range(2000))))
    assert (await store.counts()).vehicles == 1
    await store._write(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall())
    await store.intake(listings("w"))
    assert (await store.counts()).vehicles == 2
    await store.close()


async def test_a_full_disk_while_an_object_is_written(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    store = await LocalStore.open(tmp_path)
    with pytest.raises(StoreError, match="out of disk space"):
        await store.put_object("v/a.jpg", Full(), "image/jpeg")
    await store.close()


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EACCES, "x"), OSError(errno.EIO, "Input/output error"), OSError("odd"), sqlite3.ProgrammingError()],
)
def test_every_error_is_one_sentence(error: OSError | sqlite3.Error) -> None:
    words = str(explain(error, Path("/shelf")))
    assert words.startswith("The store /shelf ")
    assert words.endswith(".")


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await LocalStore.open(tmp_path)
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.counts()


async def test_another_writer_for_too_long(tmp_path: Path) -> None:
    store = await LocalStore.open(tmp_path)
    await store._write(lambda db: db.execute("PRAGMA busy_timeout = 1").fetchall())
    blocker = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is busy"):
        await store.claim(Scope(), 1, worker="w", run_id="r", ttl=1)
    assert (await store.counts()).vehicles == 0
    blocker.close()
    await store.close()


async def test_abandoned_drafts_are_cleared_and_fresh_ones_kept(tmp_path: Path) -> None:
    incoming = tmp_path / "objects" / "vehicle-images" / ".incoming"
    await filled(tmp_path)
    await asyncio.to_thread(incoming.mkdir, parents=True)
    for name, age in (("old", 7200.0), ("fresh", 60.0)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age,) * 2)
    await (await LocalStore.open(tmp_path)).close()
    assert [path.name for path in incoming.iterdir()] == ["fresh"]


READ_ONLY = """
    import asyncio, io, os, sys
    from pathlib import Path
    from tui.model import Listing, VehicleQuery
    from tui.stores import StoreError
    from tui.stores.local import LocalStore
    from tui.stores.local import database, store, claims, rows
    import concurrent.futures.thread, encodings.idna

    async def main():
        opened = await LocalStore.open(Path(sys.argv[1]))
        print(opened.read_only, (await opened.counts()).needing, len((await opened.vehicles(VehicleQuery())).rows))
        for write in (lambda: opened.intake([Listing("x")]), lambda: opened.put_object("a", io.BytesIO(), "")):
            try:
                await write()
            except StoreError as error:
                print(error)
        await opened.close()

    # Root may write anywhere.
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        asyncio.run(main())
    except StoreError as error:
        print(error)
"""


def look(folder: Path) -> list[str]:
    code = textwrap.dedent(READ_ONLY).replace("NOBODY", str(NOBODY))
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that every user may reach."""
    folder = tmp_path_factory.mktemp("reachable") / "shelf"
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o755)
    return folder


def test_a_read_only_store_can_be_looked_at(shelf: Path) -> None:
    file = asyncio.run(filled(shelf))
    file.chmod(0o444)
    shelf.chmod(0o555)
    told, *refusals = look(shelf)
    shelf.chmod(0o755)
    assert told == "True 1 1"
    assert len(refusals) == 2
    assert all("is read-only" in words for words in refusals)


def test_a_folder_that_may_not_be_written_is_no_new_store(shelf: Path) -> None:
    shelf.mkdir(mode=0o555)
    (told,) = look(shelf)
    assert told.startswith(f"The store {shelf} cannot be opened")


def test_a_folder_that_may_not_be_entered(shelf: Path) -> None:
    asyncio.run(filled(shelf))
    shelf.chmod(0o700)
    (told,) = look(shelf) if os.geteuid() == 0 else ("permissions",)
    assert "permissions" in told or "cannot be opened" in told


async def test_a_store_that_is_only_to_be_looked_at_refuses_every_write(tmp_path: Path) -> None:
    file = await filled(tmp_path)
    before = file.read_bytes()
    store = await open_store(f"local:{tmp_path}", Settings(read_only=True))
    assert store.read_only
    assert (await store.counts()).needing == 1
    assert await store.runs() == ()
    assert await store.fleet() == ()
    (lease,) = await store.peek(Scope(), 0, 1)
    record = RunRecord("r", "w", 1.0, 1.0, None, Phase.RUNNING, RunOptions())
    writes: list[Coroutine[None, None, object]] = [
        store.intake([Listing("x")]),
        store.put_object("a", io.BytesIO(), ""),
        store.claim(Scope(), 1, worker="w", run_id="r", ttl=1),
        store.renew([lease], 1),
        store.settle(lease, Settlement()),
        store.retry(),
        store.unpark(["x"]),
        store.join_run(record),
        store.save_run(record),
        store.direct_run("r", Wish.PAUSE),
    ]
    for write in writes:
        with pytest.raises(StoreError, match="opened read-only, as was asked for"):
            await write
    await store.refresh()
    await store.close()
    assert file.read_bytes() == before
    assert not (tmp_path / "objects").exists()


async def test_a_store_that_is_not_there_is_not_made_to_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no store"):
        await open_store(f"local:{tmp_path / 'none'}", Settings(read_only=True))
    assert not (tmp_path / "none").exists()


async def test_what_a_worker_writes_can_be_looked_at_meanwhile(tmp_path: Path) -> None:
    await filled(tmp_path)
    worker, watcher = await LocalStore.open(tmp_path), await LocalStore.open(tmp_path, read_only=True)
    await worker.intake(listings("another"))
    assert (await watcher.counts()).needing == 2
    await watcher.close()
    await worker.close()
