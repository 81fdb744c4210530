"""Two apps on one store see each other's workers, and what one wants of a run holds for both."""

from __future__ import annotations

from textual._context import active_app

from tests.app.conftest import Dealers
from tests.support.pilot import driven, shown, until
from tests.support.web import Web
from tui.app.app import BackfillApp
from tui.app.doors import Doors
from tui.app.screens.fleet import FleetScreen
from tui.app.screens.summary import SummaryScreen
from tui.model import Phase, RunOptions


def another(dealers: Dealers) -> BackfillApp:
    options = RunOptions(pace="unlimited", batch_size=3)
    return BackfillApp(Doors(dealers.session, dealers.session), dealers.session, options)


def seen(app: BackfillApp) -> str:
    """What one of several apps shows."""
    token = active_app.set(app)
    try:
        return shown(app)
    finally:
        active_app.reset(token)


def stands(app: BackfillApp) -> Phase | None:
    return app.snapshot.phase if app.snapshot else None


async def test_two_apps_share_a_run_and_pause_and_stop_each_other(dealers: Dealers, web: Web) -> None:
    one, other = another(dealers), another(dealers)
    async with driven(one, (120, 36)) as pilot, driven(other, (120, 36)) as second:
        await until(pilot, lambda: one.counts is not None and other.counts is not None)
        web.hold.clear()
        await pilot.press("r")
        await until(pilot, lambda: web.holding >= 3)
        await second.press("r")
        await until(second, lambda: other.snapshot is not None and other.snapshot.workers == 2)
        await until(pilot, lambda: "2 workers" in seen(one))
        assert one.trickle is not None
        assert other.trickle is not None
        assert one.trickle.run_id == other.trickle.run_id

        await pilot.press("F")
        await until(pilot, lambda: isinstance(one.screen, FleetScreen) and "1 run · 2 workers" in seen(one))
        await pilot.press("p")
        await until(second, lambda: stands(other) is Phase.PAUSING and "Paused from elsewhere" in seen(other))
        assert "paused elsewhere" not in seen(one)

        await second.press("p")
        await until(pilot, lambda: stands(one) is Phase.RUNNING)

        await pilot.press("s", "right", "enter")
        await until(second, lambda: stands(other) is Phase.STOPPING)
        web.hold.set()
        await until(second, lambda: isinstance(other.screen, SummaryScreen))
        await until(second, lambda: "stopped from elsewhere" in seen(other))
        await until(pilot, lambda: not one.running)
