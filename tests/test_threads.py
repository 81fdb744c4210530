"""Work that is handed to threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import weakref

import pytest

from tui.threads import Threads


async def test_work_is_done_off_the_loop_and_answered() -> None:
    threads = Threads(2, "hands")
    found = await asyncio.gather(*(threads.run(threading.current_thread) for _ in range(20)))
    assert {thread.name for thread in found} <= {"hands-0", "hands-1"}
    threads.close()


async def test_what_it_raises_is_raised_to_whoever_asked() -> None:
    threads = Threads(1, "hands")

    def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await threads.run(fail)
    assert await threads.run(lambda: "next") == "next"
    threads.close()


async def test_one_thread_does_its_work_in_the_order_of_asking() -> None:
    threads, done = Threads(1, "hands"), list[int]()
    await asyncio.gather(*(threads.run(lambda n=n: done.append(n)) for n in range(100)))  # type: ignore[misc]
    assert done == list(range(100))
    threads.close()


async def test_work_that_was_given_up_before_its_turn_is_not_done() -> None:
    threads, gate, done = Threads(1, "hands"), threading.Event(), list[str]()
    first = threads.run(gate.wait)
    given_up = threads.run(lambda: done.append("given up"))
    given_up.cancel()
    last = threads.run(lambda: done.append("last"))
    gate.set()
    await asyncio.gather(first, last)
    assert done == ["last"]
    threads.close()


async def test_work_that_is_given_up_while_it_is_done_disturbs_nobody() -> None:
    threads, begun, gate = Threads(1, "hands"), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait()

    given_up = threads.run(work)
    await asyncio.to_thread(begun.wait)
    given_up.cancel()
    gate.set()
    assert await threads.run(lambda: "next") == "next"
    with contextlib.suppress(asyncio.CancelledError):
        await given_up
    threads.close()


async def test_closing_lets_what_was_given_be_done_and_ends_the_threads() -> None:
    threads = Threads(1, "hands")
    thread = await threads.run(threading.current_thread)
    last = threads.run(lambda: "done")
    threads.close()
    threads.close()
    assert await last == "done"
    await asyncio.to_thread(thread.join)


async def test_a_thread_keeps_nothing_of_what_it_has_answered() -> None:
    class Large:
        pass

    threads = Threads(1, "hands")
    large = weakref.ref(await threads.run(Large))
    await threads.run(lambda: None)
    gc.collect()
    assert large() is None
    threads.close()


def test_a_loop_that_is_gone_disturbs_nobody() -> None:
    threads, gate = Threads(1, "hands"), threading.Event()

    async def ask() -> None:
        threads.run(gate.wait)

    asyncio.run(ask())
    gate.set()

    async def ask_again() -> str:
        return await threads.run(lambda: "still here")

    assert asyncio.run(ask_again()) == "still here"
    threads.close()


async def test_every_answer_is_heard_however_the_threads_take_turns() -> None:
    threads, before = Threads(8, "hands"), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        async with asyncio.timeout(60):
            for _ in range(300):
                await asyncio.gather(*(threads.run(int) for _ in range(8)))
    finally:
        sys.setswitchinterval(before)
        threads.close()
