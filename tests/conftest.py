from __future__ import annotations

import gc
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.order import arrange

if TYPE_CHECKING:
    from tests.support.stack import Project, Stack

NO_STACK = "no Supabase to test against"

# Every store that is opened, and every process, reads the authorities that it trusts: for 140 of them 20 ms each time.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "authority.pem")
# Of the program, too, each of a hundred processes would compile everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What a script starts in the background ignores interrupts, and so would all that is interrupted here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes many seconds, and begins before all others")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    arrange(items)


def pytest_collection_finish() -> None:
    """What has been loaded stays. To look through it whenever a test makes garbage takes a tenth of all time."""
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not tested, and what to install."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(reason for _, _, reason in (report.longrepr for report in skipped) if NO_STACK in reason)
    for reason, times in reasons.items():
        terminalreporter.write_line(f"{times} × {reason}", yellow=True, bold=True)


# What CI says is about the change, not about the day's luck; elsewhere each run explores further.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The servers of this worker, started when a test first asks for them."""
    from tests.support.stack import Missing, Stack  # costs nothing where no test asks

    try:
        stack = Stack()
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(f"{NO_STACK}: {missing}")
    yield stack
    stack.close()


@pytest.fixture
def production(stack: Stack) -> Project:
    """An empty project of the production shape."""
    from tests.support.stack import PRODUCTION

    return _empty(stack, "production", PRODUCTION)


@pytest.fixture
def lean(stack: Stack) -> Project:
    """An empty project with other names and fewer columns."""
    from tests.support.stack import LEAN

    return _empty(stack, "lean", LEAN)


@pytest.fixture
def bare(stack: Stack) -> Project:
    """An empty project with the least that can be worked with."""
    from tests.support.stack import BARE

    return _empty(stack, "bare", BARE)


def _empty(stack: Stack, name: str, schema: str) -> Project:
    project = stack.project(name, schema)
    project.clear()
    return project
