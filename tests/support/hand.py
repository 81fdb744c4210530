"""A worker on a Supabase project, as a process of its own, whose leases are short."""

from __future__ import annotations

import asyncio

import tui.trickle.run as trickle
from tests.support.forked import Forked
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


def start_hand(project: Project, port: int) -> Forked:
    """This worker, on a project of the test stack; `port` is where the image host of the tests serves.

    A run that cannot go on ends it with code 1.
    """
    environ = {"SUPABASE_URL": project.url, "SUPABASE_SERVICE_ROLE_KEY": project.service_key}
    return Forked(main, port, environ=environ)


def main(port: int) -> int:
    trickle.LEASE, trickle.HEARTBEAT = LEASE, LEASE / 8
    try:
        asyncio.run(work(port))
    except Problem:
        return 1
    return 0


async def work(port: int) -> None:
    store = await open_store("supabase", load_settings())
    images = Images(Pace(PROFILES["unlimited"]), guard=Guard(exempt={HOST: ("127.0.0.1", port)}))
    await trickle.Trickle(store, images, RunOptions(batch_size=3, limit=10_000, pace="unlimited")).run()
