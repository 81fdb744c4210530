"""Opening the demo: its store, seeded once, and its image host."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tui.demo.folder import is_seeded, locked, mark
from tui.demo.process import HostProcess
from tui.demo.world import SEED, World, build_world
from tui.model import Problem
from tui.stores.local import LocalStore


@dataclass(frozen=True)
class Demo:
    """An open demo; close it after use.

    `exempt` maps its host names to where they really are, for the address guard; empty where nothing is served.
    """

    world: World
    store: LocalStore
    exempt: dict[str, tuple[str, int]]
    folder: Path
    _resources: AsyncExitStack

    async def close(self) -> None:
        """Close the store, end the image host, remove a temporary folder; a second call does nothing."""
        await self._resources.aclose()


async def open_demo(
    directory: Path | None = None, seed: int = SEED, *, serve: bool = True, read_only: bool = False
) -> Demo:
    """Open the demo in `directory`, made and seeded if it is not there; None means a folder that goes at close.

    Without `serve` no image host runs: enough to look around. Raises Problem where the folder cannot be used, or holds
    anything else than a demo of this seed; `read_only` also where it holds none yet.
    """
    world = await asyncio.to_thread(build_world, seed)
    async with AsyncExitStack() as resources:
        folder = _folder(directory, resources)
        # Its start takes as long as the seeding, so they run side by side.
        host = await _start_host(seed, resources) if serve else None
        store = await _open_store(folder, world, read_only=read_only)
        resources.push_async_callback(store.close)
        exempt = dict.fromkeys(world.hosts, ("127.0.0.1", await host.port())) if host else {}
        return Demo(world, store, exempt, folder, resources.pop_all())


def _folder(directory: Path | None, resources: AsyncExitStack) -> Path:
    if directory is not None:
        return directory.expanduser().absolute()
    return Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="backfill-demo-")))


async def _start_host(seed: int, resources: AsyncExitStack) -> HostProcess:
    host = await HostProcess.start(seed)
    resources.push_async_callback(host.close)
    return host


async def _open_store(folder: Path, world: World, *, read_only: bool) -> LocalStore:
    if not is_seeded(folder, world):
        if read_only:
            raise Problem(f"There is no demo in {folder} yet, and read-only none is made: open it once without.")
        try:
            await _make(folder, world)
        except OSError as error:
            raise Problem(f"The demo's folder {folder} cannot be used: {error.strerror or error}.") from error
    return await LocalStore.open(folder, read_only=read_only)


async def _make(folder: Path, world: World) -> None:
    from tui.demo.seeding import seed_store  # it draws, and whoever reopens a demo need not load that

    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with locked(folder):
        if is_seeded(folder, world):
            return  # by another process, meanwhile
        mark(folder, world, seeded=False)
        store = await LocalStore.open(folder)
        try:
            await seed_store(store, world)
        finally:
            await store.close()
        mark(folder, world, seeded=True)
