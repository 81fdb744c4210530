from __future__ import annotations

import pytest

from tui.app.widgets.options import BANDWIDTHS, step_bandwidth


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
