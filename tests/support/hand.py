"""A worker on a Supabase project, as a process of its own, whose leases are short.

    SUPABASE_URL=… SUPABASE_SERVICE_ROLE_KEY=… python -m tests.support.hand PORT

PORT is where the image host of the tests serves. A run that cannot go on ends it with code 1 and one sentence.
"""

from __future__ import annotations

import asyncio
import os
import sys

import tui.trickle.run as trickle
from tests.support.stack import Project
from tests.support.web import HOST
from tui.images.guard import Guard
from tui.images.obtain import Images
from tui.images.pace import PROFILES, Pace
from tui.model import Problem, RunOptions
from tui.settings import load_settings
from tui.stores import open_store

LEASE = 4.0
"""Seconds after which a killed worker's vehicles are free."""


async def start_hand(project: Project, port: int) -> asyncio.subprocess.Process:
    """This worker, on a project of the test stack."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.hand", str(port)),
        env={**os.environ, "SUPABASE_URL": project.url, "SUPABASE_SERVICE_ROLE_KEY": project.service_key},
        stderr=asyncio.subprocess.PIPE,
    )


async def main(port: str) -> int:
    trickle.LEASE, trickle.HEARTBEAT = LEASE, LEASE / 8
    try:
        store = await open_store("supabase", load_settings())
        images = Images(Pace(PROFILES["unlimited"]), guard=Guard(exempt={HOST: ("127.0.0.1", int(port))}))
        await trickle.Trickle(store, images, RunOptions(batch_size=3, limit=10_000, pace="unlimited")).run()
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
