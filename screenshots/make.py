"""Draw every screenshot anew: `uv run python screenshots/make.py [FOLDER]`. The same bytes on every machine.

All that is shown comes from the demo world and the engine. Only time is not left to chance: clocks stand still, and the
run that goes on is told by the demo's own table instead of being caught at an instant.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.worker import WorkerCancelled

from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.app.screens.run import RunScreen
from tui.app.screens.summary import SummaryScreen
from tui.demo import Demo, open_demo
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Pace
from tui.model import (
    Finding,
    HostPace,
    Mark,
    Outcome,
    Phase,
    RunOptions,
    RunRecord,
    Scope,
    Snapshot,
    Tally,
    VehicleResult,
    Wish,
    Workload,
)
from tui.settings import CONFIG_VARIABLE, FOREIGN_NAMES, PREFIX, Claims, Profile, Settings, load_settings, remember
from tui.stores import Store
from tui.stores.local import LocalStore
from tui.stores.schema import VERSION
from tui.stores.supabase import verdicts
from tui.stores.supabase.shape import Shape, Table
from tui.stores.supabase.verdicts import Installed, Powers
from tui.trickle.plan import PlannedVehicle, plan
from tui.trickle.progress import LaneView, Progress
from tui.trickle.run import Trickle
from tui.trickle.session import Session

HERE = Path(__file__).parent.resolve()
NOW = 1_767_603_667.0  # 2026-01-05 09:01:07 UTC
LARGE, SMALL = (120, 36), (80, 24)
LANES, DONE, RATE = 10, 41, 14.0

Shot = Callable[[str], None]

PROFILES_FILE = """
[profiles.production]
supabase_url = "https://qwzkfmtrhpnbvdcx.supabase.co"
color = "red"
key_variable = "PROD_SERVICE_KEY"

[profiles.audit]
supabase_url = "https://qwzkfmtrhpnbvdcx.supabase.co"
color = "amber"
key_variable = "AUDIT_SERVICE_KEY"
read_only = true
"""
STAGING = Profile("staging", "https://lmtsqvbnxkwhzjrd.supabase.co", color="green")


class Ticking:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


async def run_of_the_table(demo: Demo, options: RunOptions) -> Snapshot:
    """A run that is half done: its images end as the demo's table says, at an even rate."""
    fates = demo.world.expected().images
    clock = Ticking()
    progress = Progress("20260105-090042-d29a", clock, clock)
    planned = [vehicle async for vehicle in plan(demo.store, options)]
    _expect(progress, planned)
    for number, vehicle in enumerate(planned[: DONE + LANES]):
        lane = progress.open_lane(
            vehicle.vehicle.id,
            vehicle.vehicle.title,
            vehicle.vehicle.organization_id or "",
            vehicle.vehicle.organization_name or "",
        )
        chosen = vehicle.candidates.chosen
        lane.host = chosen[0].host if chosen else ""
        lane.marks = [Mark.STORED if c.url in vehicle.settled else Mark.WAITING for c in chosen]
        rest = [(i, c) for i, c in enumerate(chosen) if c.url not in vehicle.settled]
        ended = len(rest) if number < DONE else (number * 7) % (len(rest) + 1)
        for index, candidate in rest[:ended]:
            fate = fates[candidate.url]
            clock.now += 1 / RATE
            progress.count(lane, index, Outcome(candidate.url, candidate.host, fate.result, fate.reason), 20_400)
        _go_on(progress, lane, vehicle, number, [index for index, _ in rest[ended : ended + 4]])
    clock.now += 0.5
    return progress.snapshot(Phase.RUNNING, options, 23, _hosts(progress))


def _expect(progress: Progress, planned: list[PlannedVehicle]) -> None:
    work: dict[str, Workload] = {}
    for vehicle in planned:
        before = work.get(vehicle.vehicle.organization_id or "", Workload())
        after = Workload(before.vehicles + 1, before.images + vehicle.to_store)
        work[vehicle.vehicle.organization_id or ""] = after
    progress.expect(work)
    progress.name_organizations({v.vehicle.organization_id or "": v.vehicle.organization_name or "" for v in planned})


def _go_on(progress: Progress, lane: LaneView, vehicle: PlannedVehicle, number: int, going: list[int]) -> None:
    if number < DONE:
        title, images = vehicle.vehicle.title, len(vehicle.candidates.chosen)
        progress.close_lane(lane, VehicleResult(vehicle.vehicle.id, title, "success", images, images))
    for index in going:
        lane.marks[index] = Mark.FETCHING


def _hosts(progress: Progress) -> list[HostPace]:
    lanes = progress.snapshot(Phase.RUNNING, RunOptions(), 0, ()).lanes
    names = list(dict.fromkeys(lane.host for lane in lanes if not lane.finished))
    hosts = [HostPace(name, 4.0, 4, 1 + index % 3) for index, name in enumerate(names)]
    return [replace(hosts[0], in_flight=0, wait=1.0, note="HTTP 429"), *hosts[1:]]


async def real_run(demo: Demo, limit: int) -> tuple[Snapshot, tuple[VehicleResult, ...]]:
    """A run that really happens; only its clock readings are replaced."""
    options = RunOptions(limit=limit, pace="unlimited")
    images = Images(Pace(PROFILES["unlimited"]), guard=Guard(exempt=demo.exempt))
    clock = Ticking()
    trickle = Trickle(demo.store, images, options, worker="here", run_id="20260105-085800-3f1c", clock=clock)
    seen = await trickle.run()
    (record,) = await demo.store.runs()
    started = NOW - 187
    await demo.store.save_run(replace(record, started_at=started, seen_at=started + 24, ended_at=started + 24))
    results = tuple(sorted(trickle.results, key=lambda result: result.vehicle_name))
    tally = replace(seen.tally, bytes=20_400 * seen.tally.stored)  # the encoder at hand decides about the last byte
    rate, size = tally.done / 24, tally.bytes / 24
    seen = replace(seen, elapsed=24.0, history=(), tally=tally, images_per_second=rate, bytes_per_second=size)
    return seen, results


async def drawn(
    session: Session,
    folder: Path,
    size: tuple[int, int],
    act: Callable[[BackfillApp, Shot], Awaitable[None]],
) -> None:
    """Let `act` work the app and take its pictures."""

    async def opening() -> Session:
        return session

    app = BackfillApp(Doors(opening, lambda _: opening(), examine=findings), opening, clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:

        def shot(name: str) -> None:
            (folder / f"{name}.svg").write_text(app.export_screenshot(title="backfill-tui"), encoding="utf-8")

        await settled(app)
        await act(app, shot)
        await pilot.pause()


async def settled(app: BackfillApp) -> None:
    """Until nothing works in the background and the screen has been drawn."""
    from textual.pilot import Pilot

    pilot: Pilot[None] = Pilot(app)
    for _ in range(3):
        await pilot.pause()
        while app.workers:
            with suppress(WorkerCancelled):  # another one has taken its place
                await app.workers.wait_for_complete()
            await pilot.pause()
        await pilot.pause()


async def press(app: BackfillApp, *keys: str) -> None:
    from textual.pilot import Pilot

    await Pilot(app).press(*keys)
    await settled(app)


async def before_a_run(app: BackfillApp, shot: Shot) -> None:
    await press(app, "down", "space", "down", "down", "space")
    shot("inventory")
    await press(app, "v")
    shot("preview")
    await press(app, "escape", "t")
    shot("inventory-light")


async def after_a_run(app: BackfillApp, shot: Shot) -> None:
    await press(app, "f")
    shot("failures")
    await press(app, "escape", "h")
    shot("history")


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """A project with two wishes left, judged by the doctor's own rules."""
    shape = Shape(
        vehicles=Table("vehicles", frozenset({"id", "is_public", "updated_at", "origin_organization_id"})),
        images=Table(
            "vehicle_images", frozenset({"vehicle_id", "source", "file_hash", "source_url", "position", "is_primary"})
        ),
        links=Table("organization_vehicles"),
        queue=Table("import_queue", frozenset({"id"})),
        organizations=Table("businesses", frozenset({"id", "business_name"})),
        organization_name="business_name",
        installed=True,
    )
    there = {"images of a vehicle": False, "the same bytes once in a vehicle": True}
    yield verdicts.key(Claims("service_role"), Powers(True, True, True, "service_role"), NOW)
    for finding in verdicts.tables(shape):
        yield finding
    for finding in verdicts.bucket(None, settings.max_bytes):
        yield finding
    yield verdicts.clock(0.4)
    yield verdicts.our_sql(Installed(version=VERSION))
    yield verdicts.statement_timeout(8.0)
    yield verdicts.indexes(there, shape)


async def examined(app: BackfillApp, shot: Shot) -> None:
    await press(app, "D")
    shot("doctor")


async def connecting(app: BackfillApp, shot: Shot) -> None:
    await press(app, "ctrl+o", "c")
    await press(app, "down", "down", "enter", *"0123456789abcdefghijklmnopqrst")
    shot("connect")


async def shared(app: BackfillApp, shot: Shot) -> None:
    await press(app, "F", "down", "down", "down")
    shot("fleet")


async def with_a_fleet(folder: Path) -> LocalStore:
    """The store as three machines work on it, one of which has fallen silent, at an instant that does not pass."""
    store = await LocalStore.open(folder, clock=lambda: NOW)
    whole = RunRecord(
        run_id="20260105-085241-7c1e",
        worker="mini:4242.7c3f",
        started_at=NOW - 506,
        seen_at=NOW - 1,
        ended_at=None,
        phase=Phase.RUNNING,
        options=RunOptions(limit=1_000),
        tally=Tally(stored=1_204, refused=41, bytes=24_600_000),
        vehicles_done=118,
        vehicles_total=300,
        images_per_second=9.4,
        bytes_per_second=191_000,
    )
    one = Scope(organization_ids=((await store.organizations(filter="Gulf")).rows[0].id,))
    paused = replace(
        whole,
        run_id="20260105-084902-20b9",
        started_at=NOW - 725,
        vehicles_total=38,
        vehicles_done=12,
        options=RunOptions(scope=one),
    )
    for record, holds in (
        (whole, 10),
        (replace(whole, worker="mini:4251.08d2", vehicles_done=109, images_per_second=8.8), 10),
        (replace(whole, worker="tower:977.e14b", vehicles_done=31, seen_at=NOW - 40), 6),
        (replace(paused, worker="attic:3105.b690", phase=Phase.PAUSED, images_per_second=0, bytes_per_second=0), 4),
    ):
        await store.save_run(record)
        await store.claim(record.options.scope, holds, worker=record.worker, run_id=record.run_id, ttl=60)
    await store.direct_run(paused.run_id, Wish.PAUSE)
    return store


def show(screen: Callable[[], RunScreen | SummaryScreen], name: str, seen: Snapshot) -> Callable[..., Awaitable[None]]:
    async def act(app: BackfillApp, shot: Shot) -> None:
        app._run_over.clear()
        app.trickle = Trickle(app.session.store, Images(Pace(PROFILES["normal"])), RunOptions())  # type: ignore[union-attr]
        app.snapshot = seen
        if app.counts is not None and not seen.phase.over:
            done = seen.vehicles_done
            left = {"needing": app.counts.needing - done, "ready": app.counts.ready - done}
            app.counts = replace(app.counts, backfilled=app.counts.backfilled + done, **left)
        await app.push_screen(screen())
        await settled(app)
        shot(name)
        app._run_over.set()

    return act


async def make(folder: Path) -> None:
    """Write every picture into `folder`."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as place:
        demo = await open_demo(Path(place) / "demo")
        session = Session(demo.store, Settings(), "demo · local")
        settle_in(Path(place))
        production = load_settings({"profile": "production"})
        project = Session(Named(demo.store), production, "production", color=production.color)
        options = RunOptions(limit=100, scope=Scope())
        going = await run_of_the_table(demo, options)
        await drawn(keep_open(session), folder, LARGE, before_a_run)
        await drawn(keep_open(session), folder, LARGE, show(RunScreen, "run", going))
        await drawn(keep_open(session), folder, SMALL, show(RunScreen, "run-80x24", going))
        ended, results = await real_run(demo, 120)
        await drawn(keep_open(session), folder, LARGE, after_a_run)
        await drawn(keep_open(session), folder, LARGE, show(lambda: SummaryScreen(ended, results), "summary", ended))
        store = await with_a_fleet(Path(place) / "demo")
        await drawn(keep_open(replace(session, store=store)), folder, LARGE, shared)
        await store.close()
        await drawn(keep_open(project), folder, LARGE, examined)
        await drawn(keep_open(session), folder, LARGE, connecting)
        await demo.close()


class Named:
    """The demo's store under the name that the project of the profile would have."""

    label = "supabase · qwzkfmtrhpnbvdcx"

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def settle_in(place: Path) -> None:
    """A settings file with profiles, and a connection that the app remembers beside it; none of this machine's own."""
    for name in [name for name in os.environ if name in FOREIGN_NAMES or name.startswith(PREFIX)]:
        del os.environ[name]
    path = place / "settings" / "config.toml"
    path.parent.mkdir()
    path.write_text(PROFILES_FILE, encoding="utf-8")
    os.environ |= {CONFIG_VARIABLE: str(path), "PROD_SERVICE_KEY": "sb_secret_of_nothing"}
    os.chdir(path.parent)
    remember(STAGING)


def keep_open(session: Session) -> Session:
    """The session for one app after another: each closes what it was given."""

    class Kept(Session):
        async def close(self) -> None:
            return None

    return Kept(session.store, session.settings, session.title, color=session.color)


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE))
