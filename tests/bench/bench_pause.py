"""How soon a pause reaches every worker of a run: `python -m tests.bench.bench_pause [WORKERS] [ROUNDS]`.

Prints the seconds from the wish to the last worker's word that it pauses, while each has requests in flight.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.support.mortal import start_worker
from tests.support.web import serving
from tests.support.world import listing
from tui.model import Phase, Wish
from tui.stores import open_store


async def paused_after(workers: int) -> float:
    """Seconds; they work for one store in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with serving() as web:
            store = await open_store(f"local:{folder}")
            await store.intake([listing(web, number, 3) for number in range(8 * workers)])
            web.hold.clear()
            crew = [start_worker(Path(folder), web.port) for _ in range(workers)]
            while web.holding < 4 * workers:  # noqa: ASYNC110 - it is other processes' doing
                await asyncio.sleep(0.01)
            began = time.perf_counter()
            await store.direct_run((await store.runs())[0].run_id, Wish.PAUSE)
            while {member.share.phase for member in await store.fleet()} != {Phase.PAUSING}:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            took = time.perf_counter() - began
            for worker in crew:
                worker.kill()
                await worker.wait()
            web.hold.set()
            await store.close()
            return took


def main() -> None:
    workers, rounds = (int(word) for word in [*sys.argv[1:], *("3", "5")[len(sys.argv) - 1 :]])
    took = sorted(asyncio.run(paused_after(workers)) for _ in range(rounds))
    print(f"a pause reaches {workers} workers within {took[len(took) // 2]:.2f} s, {took[-1]:.2f} s at worst")


if __name__ == "__main__":
    main()
