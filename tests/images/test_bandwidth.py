from __future__ import annotations

import asyncio
import os

import pytest

from tests.images.loopback import Loopback, reply
from tests.images.virtual import now, run
from tui.images.bandwidth import DRAIN_SECONDS, Bandwidth
from tui.images.fetch import Fetcher, Limits
from tui.images.pace import Drained
from tui.images.transport import GuardedTransport

PIECE = 16_384


async def pull(bandwidth: Bandwidth, pieces: int, readers: int = 8) -> None:
    async def read() -> None:
        for _ in range(pieces // readers):
            await bandwidth.take(PIECE)

    await asyncio.gather(*(read() for _ in range(readers)))


@pytest.mark.parametrize("limit", [50_000, 1_000_000, 20_000_000])
def test_the_limit_is_kept_and_used_over_all_readers(limit: int) -> None:
    async def main() -> None:
        pieces = max(80, 2 * limit // PIECE // 8 * 8)
        await pull(Bandwidth(limit, clock=now), pieces)
        assert now() == pytest.approx(pieces * PIECE / limit, rel=0.05)

    run(main())


def test_without_a_limit_nothing_waits() -> None:
    async def main() -> None:
        await pull(Bandwidth(clock=now), 800)
        assert now() < 0.001

    run(main())


def test_time_that_nobody_used_is_not_made_up_for() -> None:
    async def main() -> None:
        bandwidth = Bandwidth(PIECE, clock=now)
        await bandwidth.take(PIECE)
        await asyncio.sleep(100)
        began = now()
        await pull(bandwidth, 8)
        assert now() - began == pytest.approx(8, abs=0.05)

    run(main())


def test_another_limit_holds_at_once_for_those_who_wait() -> None:
    async def main() -> None:
        bandwidth = Bandwidth(PIECE, clock=now)
        task = asyncio.create_task(pull(bandwidth, 104))
        await asyncio.sleep(3.5)
        bandwidth.retune(10 * PIECE)
        await asyncio.sleep(5)
        bandwidth.retune(0)
        await task
        assert now() == pytest.approx(8.5, abs=0.01)

    run(main())


def test_who_gives_up_leaves_the_others_their_turn() -> None:
    async def main() -> None:
        bandwidth = Bandwidth(PIECE, clock=now)
        first, second, third = (asyncio.create_task(bandwidth.take(PIECE)) for _ in range(3))
        await asyncio.sleep(0.5)
        second.cancel()
        await asyncio.wait({first, second, third})
        assert second.cancelled()
        assert await third == pytest.approx(2.0, abs=0.01)

    run(main())


def test_once_it_drains_who_cannot_end_in_time_gives_up_and_who_can_ends() -> None:
    async def main() -> None:
        bandwidth = Bandwidth(PIECE, clock=now)
        large = [asyncio.create_task(pull(bandwidth, 80, readers=1)) for _ in range(8)]
        small = asyncio.create_task(pull(bandwidth, 1, readers=1))
        await asyncio.sleep(0.5)
        bandwidth.drain()
        ended = await asyncio.gather(*large, small, return_exceptions=True)
        assert [type(end) for end in ended] == [Drained] * 8 + [type(None)]
        assert now() == pytest.approx(0.5 + DRAIN_SECONDS, abs=0.01)

    run(main())


def test_a_limit_that_is_lifted_lets_all_end_that_it_kept_while_it_drains() -> None:
    async def main() -> None:
        bandwidth = Bandwidth(PIECE, clock=now)
        task = asyncio.create_task(pull(bandwidth, 80))
        bandwidth.drain()
        await asyncio.sleep(DRAIN_SECONDS / 2)
        bandwidth.retune(0)
        await task
        assert now() == pytest.approx(DRAIN_SECONDS / 2, abs=0.01)

    run(main())


async def test_bodies_come_at_the_limit_and_waiting_for_it_is_no_fault_of_the_host() -> None:
    limit, body = 2_000_000, os.urandom(500_000)
    async with Loopback({"*": reply(body)}).running() as host, GuardedTransport(host.guard()) as transport:
        fetcher = Fetcher(transport, Limits(deadline=1.0), bandwidth=Bandwidth(limit))
        began = asyncio.get_running_loop().time()
        bodies = await asyncio.gather(*(fetcher.fetch(f"http://host.test/{n}") for n in range(6)))
        seconds = asyncio.get_running_loop().time() - began
        for one in bodies:
            one.content.close()
    assert 0.9 * limit < 3_000_000 / seconds < 1.03 * limit
