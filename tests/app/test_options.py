from __future__ import annotations

import pytest

from tui.app.widgets.options import BANDWIDTHS, holds_from, step_bandwidth
from tui.model import RunOptions


@pytest.mark.parametrize(
    ("text", "more", "less"),
    [
        ("3M", "5M", "2M"),
        ("2000000", "5M", "1M"),
        ("1K", "100K", "100K"),
        ("100K", "250K", "100K"),
        ("100M", "none", "50M"),
        ("200M", "none", "100M"),
        ("none", "none", "100M"),
        ("0", "none", "100M"),
        ("fast", "fast", "fast"),
    ],
)
def test_less_bandwidth_is_never_none(text: str, more: str, less: str) -> None:
    assert (step_bandwidth(text, 1), step_bandwidth(text, -1)) == (more, less)


def test_all_limits_can_be_stepped_through() -> None:
    there = list(BANDWIDTHS)
    assert [step_bandwidth(text, 1) for text in there] == [*there[1:], "none"]
    assert [step_bandwidth(text, -1) for text in there] == [there[0], *there[:-1]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"max_images": 5}, "The cap of 5 holds from the next vehicle on; those in progress keep theirs."),
        ({"batch_size": 20}, "Up to 20 vehicles at a time from now on."),
        ({"batch_size": 4}, "At most 4 vehicles at a time, once enough of those in progress have ended."),
        ({"limit": 40}, "The run takes 40 vehicles in all; those in progress are finished."),
        ({"pace": "fast"}, "This holds at once."),
        ({"bandwidth": 500_000}, "This holds at once."),
        ({}, ""),
    ],
)
def test_from_when_on_a_change_holds(change: dict[str, int | str], told: str) -> None:
    before = RunOptions()
    assert holds_from(before, before.tuned(**change)) == told
    assert holds_from(before, before.tuned(**change), workers=2) == (
        f"{told} Other workers keep theirs." if told else ""
    )
