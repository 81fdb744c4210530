"""A store together with the way its images are fetched: what every face opens before it can run anything."""

from __future__ import annotations

import gc
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tui.images.pace import PROFILES, Override, Pace, Profile
from tui.model import Problem, RunOptions
from tui.settings import HostPolicy, Settings, default_store
from tui.stores import Store, open_store
from tui.trickle.run import Trickle


async def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Session:
    """An open deployment. `title` names it in headers, and `color` (one of `COLORS`) sets it apart there.

    `exempt` maps host names to the (ip, port) where they really are; only the demo has any. `command` is what starts
    the program on this deployment again; a key is never a part of it.
    """

    store: Store
    settings: Settings
    title: str
    exempt: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    command: str = "backfill-tui"
    on_close: Callable[[], Awaitable[None]] = _nothing
    color: str = "none"

    @property
    def read_only(self) -> bool:
        """Whether nothing may be written, because it was asked for or because the store cannot be written."""
        return self.settings.read_only or self.store.read_only

    def trickle(self, options: RunOptions, *, run_id: str | None = None, sharing: int = 1) -> Trickle:
        """A new run with a fetcher of its own; `sharing` processes of this machine keep the pace together."""
        from tui.images.fetch import Limits  # the HTTP client is not needed to look at a store
        from tui.images.guard import Guard
        from tui.images.obtain import Images

        spare_what_is_loaded()
        settings = self.settings
        images = Images(
            Pace(_part(PROFILES[options.pace], sharing), _parts(settings.hosts, sharing)),
            guard=Guard(exempt=self.exempt, allow=settings.allow_networks),
            limits=Limits(deadline=settings.deadline, max_bytes=settings.max_bytes),
            bandwidth=-(-options.bandwidth // sharing),
            contact=settings.contact,
            host_headers={host: policy.headers for host, policy in settings.hosts.items() if policy.headers},
            respect_opt_out=settings.respect_opt_out,
            originals=settings.originals,
            keep_gps=settings.keep_gps,
            decoding=settings.verify == "decode",
        )
        return Trickle(self.store, images, options, run_id=run_id)

    async def close(self) -> None:
        """Close the store and whatever came with it."""
        await self.store.close()
        await self.on_close()


def _part(profile: Profile, sharing: int) -> Profile:
    """What each of several processes may ask of a host, so that together they ask no more than one would."""
    return Profile(profile.name, max(1, profile.slots // sharing), profile.rate / sharing)


def _parts(hosts: Mapping[str, HostPolicy], sharing: int) -> dict[str, Override]:
    return {
        host: (policy.slots and max(1, policy.slots // sharing), policy.rate and policy.rate / sharing)
        for host, policy in hosts.items()
        if policy.slots or policy.rate
    }


def spare_what_is_loaded() -> None:
    """Take what is loaded out of the collector's sight, once, when all of it is: it is here to stay.

    To look through it would stop a screen, and every lane of a run, for 100 ms each time.
    """
    if not gc.get_freeze_count():
        gc.freeze()


async def open_session(settings: Settings) -> Session:
    """Open the store that the settings name; raises Problem."""
    if settings.lacks:
        raise Problem(settings.lacks)
    store = await open_store(settings.store, settings)
    title = f"{settings.profile} · {store.label}" if settings.profile else store.label
    return Session(store, settings, title, command=command_for(settings), color=settings.color)


def command_for(settings: Settings) -> str:
    """The command line that opens the app on the deployment of these settings."""
    words = ["backfill-tui"]
    if settings.profile:
        words += ["--profile", settings.profile]
    elif settings.store != default_store():
        words += ["--store", settings.store]
    return shlex.join([*words, "--read-only"] if settings.read_only else words)
