from __future__ import annotations

import asyncio
import gc
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from tests.images.loopback import Answer, Loopback, SkippingClock, reply
from tests.images.photos import drawing, encoded, photos
from tui.images.bodies import IN_MEMORY
from tui.images.fetch import Limits
from tui.images.obtain import Images
from tui.images.pace import BACKOFF_CAP, PROFILES, Drained, Pace, Profile
from tui.model import Picture, Reason, Refusal

URL = "http://host.test/a.jpg"
PHOTO = reply(photos()["plain.jpg"])
BUSY = reply(status=429)


class Visit:
    """One visit to a host whose waits are over at once."""

    def __init__(self, host: Loopback, images: Images, clock: SkippingClock) -> None:
        self.host, self.images, self.clock = host, images, clock

    async def picture(self, url: str = URL) -> Picture:
        picture = await self.images.obtain(url)
        picture.content.close()
        return picture

    async def refusal(self, url: str = URL) -> Refusal:
        with pytest.raises(Refusal) as caught:
            await self.images.obtain(url)
        return caught.value


@asynccontextmanager
async def visiting(*answers: Answer, profile: str = "unlimited", limits: Limits | None = None) -> AsyncIterator[Visit]:
    clock = SkippingClock()
    pace = Pace(PROFILES[profile], clock=clock, sleep=clock.sleep)
    async with Loopback({"*": list(answers)}).running() as host:
        images = Images(pace, guard=host.guard(), limits=limits)
        try:
            yield Visit(host, images, clock)
        finally:
            await images.close()


async def hanging_up() -> AsyncIterator[bytes]:
    yield b""


async def silent() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize("name", ["plain.jpg", "plain.png", "lossy.webp", "plain.avif", "plain.gif"])
async def test_a_picture_is_what_its_bytes_are_whatever_its_url_and_header_say(name: str) -> None:
    data = photos()[name]
    async with visiting(reply(data, Content_Type="text/html")) as visit:
        picture = await visit.images.obtain("http://host.test/photo.bmp")
        with picture.content as content:
            assert content.read() == data
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.extension == name.rpartition(".")[2]
    assert (picture.size, picture.width, picture.height) == (len(data), 200, 120)


async def test_a_large_picture_comes_whole() -> None:
    data = encoded(drawing(700, 700).effect_spread(300), "PNG", compress_level=0)
    assert len(data) > IN_MEMORY
    async with visiting(reply(data)) as visit:
        picture = await visit.images.obtain(URL)
        with picture.content as content:
            assert content.read() == data


@pytest.mark.parametrize("failure", [reply(status=503), reply(status=500), hanging_up])
async def test_what_passes_is_tried_again(failure: Answer) -> None:
    async with visiting(failure, failure, failure, PHOTO) as visit:
        await visit.picture()
        assert len(visit.host.requests) == 4
        assert len(visit.clock.slept) >= 3  # that of the rate beside the backoff, where the host says it is overloaded


async def test_after_the_last_attempt_the_last_refusal_is_told() -> None:
    failures = reply(status=500), hanging_up, hanging_up, reply(status=500), reply(status=502)
    async with visiting(*failures) as visit:
        assert str(await visit.refusal()) == "server error: HTTP 502"
        assert len(visit.host.requests) == 5  # the one that met the end of a kept connection went out once more


async def test_what_met_the_end_of_a_kept_connection_waits_for_its_turn_again() -> None:
    starts: list[float] = []
    async with visiting(PHOTO, hanging_up, PHOTO, profile="gentle") as visit:
        for _ in range(2):
            picture = await visit.images.obtain(URL, lambda: starts.append(visit.clock()))
            picture.content.close()
        assert len(visit.host.requests) == len(starts) == 3
        (host,) = visit.images.pace.hosts()
    assert min(later - sooner for sooner, later in pairwise(starts)) >= 1 / host.rate
    assert not host.note


@pytest.mark.parametrize("answer", [reply(status=404), reply(b"<html>"), reply(b""), reply(photos()["plain.jpg"][:-9])])
async def test_what_will_not_pass_is_asked_once(answer: Answer) -> None:
    async with visiting(answer, PHOTO) as visit:
        assert not (await visit.refusal()).reason.retry_may_help
        assert len(visit.host.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_waited_for_by_everyone_who_asks_that_host(status: int) -> None:
    async with visiting(reply(status=status, Retry_After="30"), PHOTO) as visit:
        await visit.picture()
        assert sum(visit.clock.slept) == pytest.approx(30)
        visit.images.pace.hold_off("host.test", 10)
        await visit.picture()
        assert sum(visit.clock.slept) == pytest.approx(40)


async def test_being_turned_away_does_not_use_up_attempts() -> None:
    async with visiting(*[BUSY] * 12, PHOTO) as visit:
        await visit.picture()
        assert len(visit.host.requests) == 13


@pytest.mark.parametrize("busy", [BUSY, reply(status=429, Retry_After="0"), reply(status=429, Retry_After="7")])
async def test_a_host_that_always_turns_away_is_given_up_in_the_end(busy: Answer) -> None:
    async with visiting(busy) as visit:
        assert (await visit.refusal()).reason is Reason.RATE_LIMITED
        assert len(visit.host.requests) > 5
        assert sum(visit.clock.slept) <= 60 + BACKOFF_CAP


@pytest.mark.parametrize("status", [429, 503])
async def test_a_retry_after_beyond_patience_is_told_at_once_and_the_host_left_alone(status: int) -> None:
    async with visiting(reply(status=status, Retry_After="3600"), PHOTO) as visit:
        assert (await visit.refusal()).retry_after == 3600
        second = await visit.refusal("http://host.test/b.jpg")
        assert second.reason is Reason.RATE_LIMITED
        assert second.retry_after == pytest.approx(3600)
        assert len(visit.host.requests) == 1
        assert visit.clock.slept == []
        visit.clock.now += 3600
        await visit.picture()


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
async def test_a_retry_after_of_one_missing_image_is_none_of_its_host(status: int) -> None:
    async with visiting(reply(status=status, Retry_After="3600"), PHOTO) as visit:
        await visit.refusal()
        await visit.picture("http://host.test/b.jpg")
        assert sum(visit.clock.slept) < 1


async def test_a_request_that_came_too_late_is_sent_again_when_its_host_says() -> None:
    async with visiting(reply(status=408, Retry_After="30"), PHOTO) as visit:
        await visit.picture()
        assert sum(visit.clock.slept) == pytest.approx(30)


async def test_a_burst_that_is_turned_away_gets_through_later() -> None:
    async with Loopback({"*": [*[reply(status=429, Retry_After="1")] * 20, PHOTO]}).running() as host:
        images = Images(Pace(Profile("wide", 16, 1e9)), guard=host.guard())
        pictures = await asyncio.gather(*(images.obtain(f"http://host.test/{n}") for n in range(30)))
        for picture in pictures:
            picture.content.close()
        await images.close()
    assert len(host.requests) == 50


@pytest.mark.parametrize("url", ["", "x", "ftp://a.com/", "http://u:p@host.test/", "http://[", "http://a b/", "\ud800"])
async def test_what_is_no_web_address_is_a_bad_url(url: str) -> None:
    async with visiting(PHOTO) as visit:
        assert (await visit.refusal(url)).reason is Reason.BAD_URL
        assert visit.host.requests == []


async def test_a_url_is_normalised_before_it_is_asked() -> None:
    async with visiting(PHOTO) as visit:
        await visit.picture(" HTTP://Host.test:80/my car.jpg#1 ")
        assert visit.host.requests[0].target == "/my%20car.jpg"


async def test_pausing_starts_nothing_and_resuming_does() -> None:
    async with visiting(PHOTO) as visit:
        visit.images.pace.pause()
        task = asyncio.create_task(visit.picture())
        other = Images(Pace(PROFILES["unlimited"]), guard=visit.host.guard())
        (await other.obtain("http://host.test/other.jpg")).content.close()
        await other.close()
        assert [request.target for request in visit.host.requests] == ["/other.jpg"]
        visit.images.pace.resume()
        await task


async def test_the_slot_is_free_while_bytes_are_inspected() -> None:
    async with visiting(PHOTO) as visit:
        visit.images.pace.retune(PROFILES["gentle"])
        await asyncio.gather(*(visit.picture() for _ in range(3)))
        assert visit.images.pace.in_flight == 0
        assert sum(visit.clock.slept) == pytest.approx(2, abs=0.1)


async def test_every_redirect_and_every_retry_waits_for_its_turn() -> None:
    moved = reply(status=302, Location="/elsewhere")
    async with visiting(moved, reply(status=500), moved, PHOTO, profile="gentle") as visit:
        visit.images.pace.retune(Profile("one", slots=1, rate=1.0))
        began = visit.clock.now
        await visit.picture()
        assert len(visit.host.requests) == 4
        assert visit.clock.now - began >= 3
        assert visit.images.pace.in_flight == 0


async def test_a_host_that_turns_a_redirect_away_is_left_alone_and_not_the_one_before() -> None:
    answers: dict[str, Answer | list[Answer]] = {
        "/a.jpg": reply(status=302, Location="http://other.test/b.jpg"),
        "/b.jpg": [reply(status=429, Retry_After="3600"), PHOTO],
    }
    async with Loopback(answers).running() as host:
        images = Images(Pace(PROFILES["unlimited"]), guard=host.guard("host.test", "other.test"))
        with pytest.raises(Refusal) as caught:
            await images.obtain(URL)
        assert caught.value.retry_after == 3600
        waits = {shown.host: shown.wait for shown in images.pace.hosts()}
        assert waits["host.test"] == 0
        assert waits["other.test"] > 3000
        await images.close()


async def test_cancelling_gives_the_slot_back() -> None:
    async with visiting(silent) as visit:
        task = asyncio.create_task(visit.images.obtain(URL))
        await visit.host.asked.wait()
        assert visit.images.pace.in_flight == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert visit.images.pace.in_flight == 0


async def test_draining_ends_who_waits_for_another_attempt() -> None:
    async with Loopback({"*": reply(status=500)}).running() as host:
        resting = asyncio.Event()

        async def rest(_: float) -> None:
            resting.set()
            await asyncio.Event().wait()

        images = Images(Pace(PROFILES["unlimited"], sleep=rest), guard=host.guard())
        task = asyncio.create_task(images.obtain(URL))
        await resting.wait()
        images.pace.drain()
        with pytest.raises(Drained):
            await task
        await images.close()


async def test_a_refused_body_leaves_no_file_open() -> None:
    async with visiting(reply(os.urandom(IN_MEMORY + 1))) as visit:
        assert (await visit.refusal()).reason is Reason.NOT_AN_IMAGE
    gc.collect()  # an open file would warn, and a warning fails the test


async def test_the_deadline_is_the_callers() -> None:
    async with visiting(silent, PHOTO, limits=Limits(deadline=0.5)) as visit:
        await visit.picture()
        assert len(visit.host.requests) >= 2
