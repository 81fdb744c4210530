from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.images.robots import opt_out


@pytest.mark.parametrize(
    ("values", "directive"),
    [
        ([], None),
        ([""], None),
        (["noindex, nofollow"], None),
        (["noai"], "noai"),
        (["NoImageAI"], "noimageai"),
        (["all", "none, noimageindex"], "noimageindex"),
        (["max-snippet: 20, noai"], "noai"),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noimageindex"], "noimageindex"),
        (["max-image-preview:large"], None),
        (["googlebot: noai"], None),
        (["googlebot: noindex, noai"], None),
        (["googlebot: noindex", "noai"], "noai"),
        (["googlebot: noai, backfill-tui: noimageai"], "noimageai"),
        (["Backfill-TUI : noai"], "noai"),
        (["*: noai"], "noai"),
        (["noaidea, xnoai"], None),
        (["unavailable_after: Wednesday, 25 Jun 2030 15:00:00 PST, noai"], "noai"),
        (["unavailable_after: Wed, 25-Jun-30 15:00:00 GMT, noai"], "noai"),
        (["unavailable_after: Wed, 25:00, noai"], "noai"),
        (["googlebot: unavailable_after: Wed, 25 Jun 2030 15:00:00 PST, noai"], None),
        (["backfill-tui/1.0: noai"], "noai"),
        (["otherbot/1.0: noai"], None),
        ([":", ",,:,noai:"], None),
    ],
)
def test_who_asks_to_be_left_alone_is_heard(values: list[str], directive: str | None) -> None:
    assert opt_out(values, "backfill-tui") == directive


@given(st.lists(st.text()))
def test_no_header_is_too_strange_to_read(values: list[str]) -> None:
    assert opt_out(values, "backfill-tui") in (None, "noai", "noimageai", "noimageindex")
