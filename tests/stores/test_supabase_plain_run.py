"""Whole runs on projects that have nothing of ours, with all that can go wrong on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

import httpx
import pytest

from tests.support.plain import metadata, opened, put, shaped
from tests.support.stack import Answer, Cut, Project, Stack
from tests.support.stack.faults import Act
from tests.support.web import Web, jpeg, serving
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Pace
from tui.model import RunOptions, State, VehicleQuery
from tui.stores import Store
from tui.stores.supabase.plain.remembered import KEY
from tui.trickle.run import Trickle

VEHICLES, IMAGES = 12, 3


def worker(store: Store, web: Web) -> Trickle:
    images = Images(Pace(PROFILES["unlimited"]), guard=Guard(exempt=web.exempt))
    return Trickle(store, images, RunOptions(batch_size=3, limit=10_000, pace="unlimited"))


def gallery(web: Web, number: int) -> list[str]:
    """The source URLs of a vehicle: some images, a copy of the first one, and one that is not there."""
    pictures = {f"v{number}/{index}": jpeg(number * 64 + index % (IMAGES - 1)) for index in range(IMAGES)}
    web.answers.update({path: (200, content) for path, content in pictures.items()})
    web.answers["gone"] = (404, b"")
    return [web.url(path) for path in (*pictures, "gone")]


def disturb(project: Project) -> None:
    """Everything that passes, now and then."""
    acts: list[Act] = [Answer(503), Answer(429), Cut("before"), Cut("after"), Cut("answer")]
    for seed, act in enumerate(acts):
        project.gateway.fault("/rest/v1/", act, times=40, chance=0.04, seed=seed)


@pytest.mark.parametrize("name", ["production", "lean", "bare"])
async def test_two_machines_and_a_bad_line(name: str, stack: Stack) -> None:
    project = shaped(stack, name)
    async with serving() as web, opened(project) as one, opened(project) as two:
        keys = [put(project, *gallery(web, number)) for number in range(VEHICLES)]
        await asyncio.gather(one.refresh(), two.refresh())
        disturb(project)
        snapshots = await asyncio.gather(worker(one, web).run(), worker(two, web).run())
        assert sum(snapshot.vehicles_done for snapshot in snapshots) == VEHICLES
        project.gateway.reset()
        await one.refresh()
        rows = (await one.vehicles(VehicleQuery())).rows
        assert Counter(row.state for row in rows) == {State.BACKFILLED: VEHICLES}
        assert {row.leased_by for row in rows} == {None}
        objects = {hashlib.sha256(content).hexdigest() for content in project.objects().values()}
        for key in keys:
            images = await one.images(key)
            async with httpx.AsyncClient() as http:
                contents = [(await http.get(image.image_url)).content for image in images]
            assert len({hashlib.sha256(content).hexdigest() for content in contents}) == len(contents) == IMAGES - 1
            assert objects.issuperset(hashlib.sha256(content).hexdigest() for content in contents)
            told = metadata(project, key)
            assert told["images_backfilled"] is True
            assert set(told[KEY]) == {"outcomes", "settled"}
            assert {fields["result"] for fields in told[KEY]["outcomes"].values()} == {"duplicate", "refused"}


async def test_a_second_run_asks_only_for_what_is_missing(stack: Stack) -> None:
    """On a project that keeps no source URLs: an image is told by the address of its object."""
    project = shaped(stack, "bare")
    async with serving() as web, opened(project) as store:
        key = put(project, *gallery(web, 0))
        web.answers["gone"] = (503, b"")
        await worker(store, web).run()
        (deferred,) = [name for name, one in outcomes(project, key).items() if one["result"] == "deferred"]
        assert deferred == web.url("gone")
        at = "array['image_backfill', 'outcomes', %s::text, 'retry_at']"
        due = f"jsonb_set(origin_metadata #- '{{image_backfill,retry_at}}', {at}, '1')"
        project.sql(f"update vehicles set origin_metadata = {due}", [deferred])
        web.answers["gone"] = (404, b"")
        web.asked.clear()
        await store.refresh()
        await worker(store, web).run()
        assert metadata(project, key)["images_backfilled"] is True
        assert set(web.asked) == {"gone"}


def outcomes(project: Project, key: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = metadata(project, key)[KEY]["outcomes"]
    return found
