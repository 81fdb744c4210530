"""Several processes on one store."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from tui.model import Listing, Scope, VehicleQuery
from tui.stores.local import LocalStore

WORKER = """
    import asyncio, json, sys
    from pathlib import Path
    from tui.model import Outcome, Result, Scope, Settlement
    from tui.stores.local import LocalStore

    async def main(folder, worker):
        store = await LocalStore.open(Path(folder))
        seen = []
        while leases := await store.claim(Scope(), 3, worker=worker, run_id="r", ttl=600):
            for lease in leases:
                await store.settle(lease, Settlement((Outcome("u", "h", Result.STORED),), parked=True))
                seen.append(lease.vehicle.id)
        await store.close()
        print(json.dumps(seen))

    asyncio.run(main(*sys.argv[1:]))
"""

HOLDER = """
    import asyncio, sys
    from pathlib import Path
    from tui.model import Scope
    from tui.stores.local import LocalStore

    async def main(folder):
        store = await LocalStore.open(Path(folder))
        leases = await store.claim(Scope(), 5, worker="doomed", run_id="r", ttl=600)
        print(len(leases), flush=True)
        sys.stdin.read()

    asyncio.run(main(sys.argv[1]))
"""

OPENER = """
    import asyncio, sys
    from pathlib import Path
    from tui.model import Listing
    from tui.stores.local import LocalStore

    async def main(folder, name):
        print("ready", flush=True)
        sys.stdin.readline()
        store = await LocalStore.open(Path(folder))
        await store.intake([Listing(name, image_urls=("http://a/1.jpg",))])
        await store.close()

    asyncio.run(main(*sys.argv[1:]))
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == ""
    return out


async def fill(folder: Path, count: int) -> None:
    store = await LocalStore.open(folder)
    await store.intake([Listing(f"v{n}", organization=f"O{n % 7}", image_urls=("http://a/",)) for n in range(count)])
    await store.close()


async def test_every_vehicle_is_claimed_by_one_process(tmp_path: Path) -> None:
    await fill(tmp_path, 200)
    workers = [start(WORKER, str(tmp_path), f"w{n}") for n in range(3)]
    seen = Counter(vehicle for worker in workers for vehicle in json.loads(finish(worker)))
    assert len(seen) == 200
    assert set(seen.values()) == {1}


async def test_a_killed_process_leaves_its_vehicles_to_others(tmp_path: Path) -> None:
    await fill(tmp_path, 5)
    holder = start(HOLDER, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "5\n"
    store = await LocalStore.open(tmp_path)
    assert await store.claim(Scope(), 5, worker="w", run_id="r", ttl=60) == ()
    holder.kill()
    holder.communicate()
    assert len(await store.claim(Scope(), 5, worker="w", run_id="r", ttl=60)) == 5
    await store.close()


@pytest.mark.parametrize("read_only", [False, True])
async def test_what_a_killed_process_held_is_shown_as_free_before_anyone_claims(
    tmp_path: Path, read_only: bool
) -> None:
    await fill(tmp_path, 5)
    holder = start(HOLDER, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "5\n"
    store = await LocalStore.open(tmp_path, read_only=read_only)
    everything = VehicleQuery()
    assert {vehicle.leased_by for vehicle in (await store.vehicles(everything)).rows} == {"doomed"}
    assert await store.peek(Scope(), 0, 9) == ()
    holder.kill()
    holder.communicate()
    shown = (await store.vehicles(everything)).rows
    assert {vehicle.leased_by for vehicle in shown} == {None}
    named = Scope(vehicle_ids=tuple(vehicle.id for vehicle in shown))
    for scope in (Scope(), named):
        assert len(await store.peek(scope, 0, 9)) == 5
        assert (await store.workload(scope, 9)).vehicles == 5
    assert sum(part.vehicles for part in (await store.workload_by_organization(Scope(), 9, 9)).values()) == 5
    await store.close()


async def test_processes_that_open_a_new_store_at_once(tmp_path: Path) -> None:
    openers = [start(OPENER, str(tmp_path / "new"), f"v{n}") for n in range(6)]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    for opener in openers:
        finish(opener)
    store = await LocalStore.open(tmp_path / "new")
    assert (await store.counts()).vehicles == 6
    await store.close()
