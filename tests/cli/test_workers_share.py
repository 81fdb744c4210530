"""What one process of a run finds out about hosts, all of them know, and whoever watches them sees."""

from __future__ import annotations

import io
import random

from PIL import Image

from tests.cli.conftest import VEHICLES, Make
from tests.support.crew import said, under_way, until
from tests.support.web import HOST, Web
from tests.support.world import vehicles
from tui.app.words import host_trouble
from tui.images.files.inspect import inspect
from tui.model import Phase, Placeholder
from tui.stores import Store
from tui.trickle.likeness import Sight


def photo(seed: int) -> bytes:
    """A picture that looks like no other."""
    content = io.BytesIO()
    few = Image.frombytes("RGB", (9, 7), random.Random(seed).randbytes(9 * 7 * 3))
    few.resize((320, 240), Image.Resampling.BICUBIC).save(content, "JPEG")
    return content.getvalue()


def everywhere(web: Web, vehicles: range, body: bytes) -> None:
    """The first picture of these vehicles."""
    web.answers |= {f"v{number}/{number * 64}": (200, body) for number in vehicles}


async def test_a_picture_of_many_vehicles_is_noticed_whichever_of_them_had_it(make: Make, web: Web) -> None:
    everywhere(web, range(6), photo(1))
    work = make(3, limit=VEHICLES, batch_size=1)
    seen = await work.run()
    (shown,) = seen.placeholders
    assert (shown.host, shown.vehicles) == (HOST, 6)
    assert len(said(work, "a placeholder it seems")) == 1


async def test_what_one_has_noticed_the_others_know(make: Make, store: Store, web: Web) -> None:
    everywhere(web, range(VEHICLES), photo(1))
    work = make(2, batch_size=1)
    look = inspect(io.BytesIO(photo(1))).perceptual_hash
    for _ in range(5):
        work._see(Sight(HOST, look, "http://earlier/"))
    seen = await work.run()
    assert seen.placeholders == (Placeholder(HOST, 5 + VEHICLES, "http://earlier/"),)
    for vehicle in await vehicles(store):
        assert [image.placeholder for image in await store.images(vehicle.id)] == [True, False]


async def test_a_host_in_trouble_is_shown_and_its_hold_off_holds_for_all(make: Make, web: Web) -> None:
    web.answers["v0/0"] = (429, b"")
    web.headers["Retry-After"] = "50"
    work = make(2, batch_size=1, pace="gentle")
    async with under_way(work, web, 2) as task:
        web.hold.set()
        await until(lambda: [host_trouble(host) for host in work.snapshot().hosts if "for 1 of 2" not in host.note])
        asked = web.asked.total()
        (host,) = work.snapshot().hosts
        assert (host.host, host.open, 0 < host.wait <= 50, host.note) == (HOST, False, True, "HTTP 429")
        assert host_trouble(host).startswith("429, next in ")
        work.stop()
        seen = await task
    assert seen.phase is Phase.STOPPED
    assert [host_trouble(host).partition(",")[0] for host in seen.hosts] == ["429"]
    assert web.asked.total() == asked
