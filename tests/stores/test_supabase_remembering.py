"""What is put into a row of somebody else's, and how time is told; without any project."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.model import Outcome, Reason, Result
from tui.stores.local.mirroring import Hold
from tui.stores.supabase.plain.project_clock import ProjectClock
from tui.stores.supabase.plain.remembered import Remembered, digest
from tui.stores.supabase.plain.verbatim import merged

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
objects = st.dictionaries(words, values, max_size=6)
times = st.floats(1, 4e9).map(lambda value: round(value, 3))
outcomes = st.builds(
    Outcome,
    words,
    st.text("abc.", min_size=1, max_size=5),
    st.sampled_from(Result),
    st.one_of(st.none(), st.sampled_from(Reason)),
    words,
    st.one_of(st.none(), times),
    st.integers(0, 9),
)
memories = st.builds(
    Remembered,
    hold=st.one_of(st.none(), st.builds(Hold, st.text("0123456789abcdef", min_size=1), times, words, words)),
    parked=st.booleans(),
    retry_at=st.one_of(st.none(), times),
    gallery=st.just("abc"),
    settled=st.just("token"),
    outcomes=st.lists(outcomes, max_size=4, unique_by=lambda one: one.source_url).map(
        lambda found: tuple(sorted(found, key=lambda one: one.source_url))
    ),
)


@given(objects, st.dictionaries(words, st.one_of(st.none(), values), max_size=4), st.sampled_from([None, 0, 2]))
def test_an_object_keeps_what_is_not_changed(
    before: dict[str, object], changes: dict[str, object], indent: int | None
) -> None:
    expected = {**before, **changes}
    for name in [name for name, value in changes.items() if value is None]:
        del expected[name]
    assert json.loads(merged(json.dumps(before, indent=indent, ensure_ascii=False), changes)) == expected


def test_numbers_stay_as_they_were_written() -> None:
    text = '{"a": 1.50, "b": 1e400, "c": [12345678901234567890.5], "d": {"e": "\\u00e9"}}'
    assert merged(text, {"x": True, "d": None}) == '{"a": 1.50, "b": 1e400, "c": [12345678901234567890.5], "x": true}'


@pytest.mark.parametrize("text", ["[]", "7", '"{}"', "null"])
def test_only_an_object_has_members(text: str) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        merged(text, {"a": 1})


@given(memories)
def test_what_is_remembered_comes_back(memory: Remembered) -> None:
    told = memory.told()
    again = Remembered.of(json.loads(json.dumps(told)))
    if told is None:
        assert memory == Remembered(gallery="abc", settled="token")
        assert again == Remembered()
    else:
        waits = memory.parked or memory.retry_at is not None
        assert again.gallery == ("abc" if waits else "")
        assert (again.hold, again.parked, again.retry_at) == (memory.hold, memory.parked, memory.retry_at)
        assert (again.settled, again.outcomes) == (memory.settled, memory.outcomes)


@given(values)
def test_whatever_lies_there_is_no_reason_to_fail(told: object) -> None:
    Remembered.of(told)
    Remembered.of({"lease": told, "outcomes": {"u": told, "v": {"result": told}}, "retry_at": told, "settled": told})


def test_another_gallery_has_another_digest() -> None:
    galleries: list[tuple[object, ...]] = [(), ("a",), ("b",), ("a", "b"), ("b", "a"), ({"url": "a"},), (None,)]
    assert len({digest(gallery) for gallery in galleries}) == len(galleries)


def test_a_projects_clock_is_never_ahead_and_soon_close() -> None:
    here, ahead = 1_000_000.0, 7_200.4
    clock = ProjectClock(lambda: here)
    assert clock.now() == here
    for _ in range(50):
        sent = here
        here += 0.07
        clock.observe(formatdate(here + ahead, usegmt=True), sent)
        here += 0.02
        assert here + ahead - 2 < clock.now() < here + ahead + 1e-6
    assert here + ahead - 0.15 < clock.now()
    assert clock.moment_here(clock.now()) == pytest.approx(here)


def test_a_clock_that_is_set_is_noticed() -> None:
    here = 1_000_000.0
    clock = ProjectClock(lambda: here)
    clock.observe(formatdate(here, usegmt=True), here)
    clock.observe("yesterday, perhaps", here)
    clock.observe("", here)
    here += 3_600  # this machine's clock, not the project's
    clock.observe(formatdate(here - 3_600, usegmt=True), here)
    assert clock.now() == here - 3_600
