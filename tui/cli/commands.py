"""The commands: each opens a session, does one thing, prints data to stdout and gives an exit code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tui.app.words import bytes_words, clean, duration, plural
from tui.cli import COULD_NOT, INTERRUPTED, RAN, report, watch
from tui.cli.parser import Arguments
from tui.cli.say import answer, data, talk
from tui.cli.sessions import look_again, open_chosen, require_writable
from tui.model import OrganizationSort, Page, Problem, RunOptions, Snapshot, Vehicle, VehicleQuery, VehicleSort
from tui.trickle.session import Session

if TYPE_CHECKING:  # what only some commands need is loaded by them: half of a short one is its start
    from tui.listings.intake import ImportReport
    from tui.trickle.plan import PlannedVehicle


@asynccontextmanager
async def _session(arguments: Arguments, *, images: bool = False, create: bool = False) -> AsyncIterator[Session]:
    session = await open_chosen(arguments, images=images, create=create)
    try:
        if session.store.notice:
            talk(clean(session.store.notice))
        yield session
    finally:
        await session.close()


async def run(arguments: Arguments) -> int:
    """`backfill-tui run`."""
    options = arguments.settings.options(arguments.organization_ids, dry_run=arguments.dry_run)
    if not options.dry_run:
        require_writable(arguments.settings, "`run --dry-run` says what would be done")
    async with _session(arguments, images=not options.dry_run) as session:
        await look_again(session)
        for organization_id in arguments.organization_ids:
            await _require_organization(session, organization_id)
        if options.dry_run:
            return await _dry_run(session, options, as_json=arguments.json)
        work = _work(session, arguments, options)
        # Still on guard while the result is written: a second Ctrl-C must not cost it.
        with watch.on_guard(work) as interrupts:
            snapshot = await watch.follow(work)
            if arguments.json:
                answer(report.run_object(work.results, snapshot))
            else:
                data(_closing_words(snapshot))
    if snapshot.error:
        talk(f"backfill-tui: {clean(snapshot.error)}")
        return COULD_NOT
    return INTERRUPTED if interrupts.count else RAN


def _work(session: Session, arguments: Arguments, options: RunOptions) -> watch.Runner:
    if arguments.workers == 1:
        return session.trickle(options)
    from tui.cli.workers import Workers

    flags = arguments.flags if arguments.demo is None else {**arguments.flags, "store": session.settings.store}
    return Workers(session, flags, options, arguments.workers)


async def _require_organization(session: Session, organization_id: str) -> None:
    page = await session.store.vehicles(VehicleQuery(organization_id=organization_id, limit=1))
    if not page.total:
        raise Problem(f"{session.title} has no vehicles of organization {organization_id!r}; `orgs` lists the ids.")


def _closing_words(snapshot: Snapshot) -> str:
    tally = snapshot.tally
    head = f"{plural(snapshot.vehicles_done, 'vehicle')} in {duration(snapshot.elapsed)}"
    lines = [f"{head}: {watch.counters(snapshot)}, {bytes_words(tally.bytes)}"]
    lines += [f"  {reason.replace('_', ' '):<20} {count:>7,}" for reason, count in tally.refusals.items()]
    if snapshot.similar:
        lines.append(f"  {'similar':<20} {snapshot.similar:>7,}  look like an earlier image of their vehicle")
    lines += [
        f"  {clean(shown.host)} shows the same picture for {shown.vehicles:,} vehicles: {clean(shown.example_url)}"
        for shown in snapshot.placeholders
    ]
    lines += [f"  {told}" for told in watch.troubled(snapshot, 10)]
    return "\n".join(lines)


async def _dry_run(session: Session, options: RunOptions, *, as_json: bool) -> int:
    from tui.trickle.plan import plan

    results, images = [], 0
    async for planned in plan(session.store, options):
        results.append(planned.result)
        images += planned.to_store
        if not as_json:
            data(_plan_words(planned))
    if as_json:
        answer(report.dry_run_object(results))
    else:
        talk(f"{plural(len(results), 'vehicle')}, {plural(images, 'image')} to store; nothing was written")
    return RAN


def _plan_words(planned: PlannedVehicle) -> str:
    vehicle = planned.vehicle
    lines = [f"{clean(vehicle.title)}  {vehicle.id}  {vehicle.state.words}"]
    lines += [
        f"  {c.position + 1:>3}  {clean(c.url)}" + ("  done before" if c.url in planned.settled else "")
        for c in planned.candidates.chosen
    ]
    lines += [f"    –  {clean(left.url)[:100]}  {left.words}" for left in planned.candidates.left_out]
    return "\n".join(lines)


async def status(arguments: Arguments) -> int:
    """`backfill-tui status`."""
    async with _session(arguments) as session:
        await look_again(session)
        counts = await session.store.counts()
    if arguments.json:
        answer(report.status_object(counts))
    else:
        rows = ((name.replace("_", " "), value) for name, value in report.status_object(counts).items())
        data(report.table({session.title: "<", "": ">"}, rows))
    return RAN


async def orgs(arguments: Arguments) -> int:
    """`backfill-tui orgs`."""
    sort = OrganizationSort(arguments.sort)
    async with _session(arguments) as session:
        await look_again(session)
        page = await session.store.organizations(
            filter=arguments.filter,
            sort=sort,
            descending=sort is not OrganizationSort.NAME,
            offset=arguments.offset,
            limit=arguments.rows,
        )
    if arguments.json:
        answer({"organizations": [report.organization_object(row) for row in page.rows], "total": page.total})
        return RAN
    headings = {"organization": "<", "needing": ">", "partial": ">", "parked": ">", "images": ">", "id": "<"}
    rows = [
        (clean(o.name), o.counts.needing, o.counts.partial, o.counts.parked, o.counts.images_to_come, o.id)
        for o in page.rows
    ]
    data(report.table(headings, rows))
    _more(page)
    return RAN


async def vehicles(arguments: Arguments) -> int:
    """`backfill-tui vehicles`."""
    query = VehicleQuery(
        organization_id=arguments.organization_id,
        filter=arguments.filter,
        sort=VehicleSort(arguments.sort),
        offset=arguments.offset,
        limit=arguments.rows,
    )
    async with _session(arguments) as session:
        await look_again(session)
        if arguments.organization_id is not None:
            await _require_organization(session, arguments.organization_id)
        page = await session.store.vehicles(query)
        # `status` counts public ones alone; nobody counts what a filter finds by that.
        private = None if query.filter else page.total - (await session.store.counts(query.organization_id)).vehicles
    if arguments.json:
        rows = [report.vehicle_object(row) for row in page.rows]
        answer({"vehicles": rows, "total": page.total, "private": private})
        return RAN
    headings = {"vehicle": "<", "urls": ">", "stored": ">", "state": "<", "id": "<"}
    lines = [(clean(v.title), v.url_count, v.stored, _standing(v), v.id) for v in page.rows]
    data(report.table(headings, lines))
    if private:
        talk(f"{private:,} of the {plural(page.total, 'vehicle')} private, which `status` does not count")
    _more(page)
    return RAN


def _standing(vehicle: Vehicle) -> str:
    private = "" if vehicle.is_public else "private, "
    return f"{private}{vehicle.state.words}{vehicle.note and f': {clean(vehicle.note)}'}"


def _more(page: Page[Any]) -> None:
    shown = page.offset + len(page.rows)
    if page.rows and shown < page.total:
        talk(f"{page.total - shown:,} more; --offset {shown} goes on")


async def import_file(arguments: Arguments) -> int:
    """`backfill-tui import`."""
    from tui.listings.lines import require_file

    require_writable(arguments.settings, "`import` needs a deployment that may be written")
    require_file(arguments.file)
    async with _session(arguments, create=True) as session:
        with watch.telling_import() as tell:
            done = await _import(session, arguments, tell)
    for bad in done.bad:
        talk(f"line {bad.line:,}: {clean(bad.reason)}")
    if done.bad_count > len(done.bad):
        talk(f"{done.bad_count - len(done.bad):,} more bad lines")
    if done.imageless:
        talk(f"{plural(done.imageless, 'vehicle')} came without image URLs (image_link, image_urls)")
    if arguments.json:
        answer(asdict(done))
    else:
        data(
            f"{plural(done.lines, 'line')}: {done.inserted:,} inserted, {done.updated:,} updated, "
            f"{done.unchanged:,} unchanged, {done.bad_count:,} bad"
        )
    return COULD_NOT if done.lines and done.bad_count == done.lines else RAN


async def _import(session: Session, arguments: Arguments, tell: Callable[[ImportReport], None]) -> ImportReport:
    from tui.listings.intake import import_feed

    try:
        return await import_feed(session.store, arguments.file, arguments.organization, tell)
    except asyncio.CancelledError:
        talk("interrupted: what was read so far is kept, and the same command completes it")
        raise


async def doctor(arguments: Arguments) -> int:
    """`backfill-tui doctor`."""
    from tui.cli.doctor import doctor

    return await doctor(arguments)


async def schema(arguments: Arguments) -> int:
    """`backfill-tui schema`."""
    from tui.cli.schema import schema

    return await schema(arguments)


COMMANDS: Mapping[str, Callable[[Arguments], Coroutine[None, None, int]]] = {
    "run": run,
    "status": status,
    "orgs": orgs,
    "vehicles": vehicles,
    "import": import_file,
    "doctor": doctor,
    "schema": schema,
}
