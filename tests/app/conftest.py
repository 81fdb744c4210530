from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.web import Web, serving
from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.model import Listing, Problem, RunOptions
from tui.settings import Settings
from tui.stores import Store, open_store
from tui.trickle.session import Session

NASTY = "[/red] \x1b[31m[b]Kyoto\x07"
"""A name that would be markup or a control sequence if anyone took it for such."""


def listing(web: Web, number: int, organization: str, images: int = 3) -> Listing:
    """A vehicle whose images no other vehicle has."""
    return Listing(
        identity=f"link:{number}",
        organization=organization,
        year=1960 + number,
        make=NASTY if number == 7 else "Porsche",
        model=f"91{number % 3}",
        image_urls=tuple(web.url(f"v{number}/{number * 64 + index}") for index in range(images)),
    )


@dataclass
class Dealers:
    """A small deployment: Gulf Motorcars with 6 vehicles, Hill Country with 4, a nasty one with 2; 3 images each."""

    web: Web
    folder: Path
    opened: list[Store] = field(default_factory=list)

    async def fill(self) -> None:
        """Write the vehicles."""
        store = await open_store(f"local:{self.folder}")
        plan = [*["Gulf Motorcars"] * 6, *["Hill Country"] * 4, *[NASTY] * 2]
        await store.intake([listing(self.web, number, name) for number, name in enumerate(plan)])
        await store.close()

    async def session(self, settings: Settings | None = None) -> Session:
        """Open it, or another store."""
        settings = settings or Settings(store=f"local:{self.folder}")
        store = await open_store(settings.store, settings)
        self.opened.append(store)
        return Session(store, settings, "test · local", exempt=self.web.exempt, color=settings.color)


async def refuse() -> Session:
    raise Problem("the folder is not a store.")


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as web:
        yield web


@pytest.fixture
async def dealers(tmp_path: Path, web: Web) -> Dealers:
    dealers = Dealers(web, tmp_path / "dealers")
    await dealers.fill()
    return dealers


@pytest.fixture
def app(dealers: Dealers) -> BackfillApp:
    """The app that opens the dealers at once, without a pace to wait for."""
    return BackfillApp(Doors(dealers.session, dealers.session), dealers.session, RunOptions(pace="unlimited"))


@pytest.fixture
def closed_app(dealers: Dealers) -> BackfillApp:
    """The app with nothing to open."""
    return BackfillApp(Doors(dealers.session, dealers.session))


@pytest.fixture
def broken_app(dealers: Dealers) -> BackfillApp:
    """The app whose store does not open."""
    return BackfillApp(Doors(dealers.session, dealers.session), refuse)
