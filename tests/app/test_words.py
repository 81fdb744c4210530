from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.app import words
from tui.model import Phase, State
from tui.settings.values import bandwidth


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (412_000, "412 KB"), (999_600, "1.0 MB"), (5_140_000, "5.1 MB")],
)
def test_bytes(size: int, said: str) -> None:
    assert words.bytes_words(size) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (130, "2 min 10 s"),
        (3 * 3600 + 300, "3 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_a_hundred_percent_only_when_all_is_done() -> None:
    assert words.percent(999, 1_000) == "99%"
    assert words.percent(1_000, 1_000) == "100%"
    assert words.percent(0, 0) == "0%"


def test_plural() -> None:
    assert words.plural(1, "vehicle") == "1 vehicle"
    assert words.plural(1_204, "vehicle") == "1,204 vehicles"


def test_pausing_says_how_many_are_in_flight() -> None:
    assert words.phase_words(Phase.PAUSING, 3) == "◫ pausing: 3 in flight"
    assert words.phase_words(Phase.RUNNING, 3) == "▶ running"


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_glyph_and_an_ink(state: State) -> None:
    assert len(words.GLYPHS[state]) == 1
    assert state in words.INKS


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_a_glyph(phase: Phase) -> None:
    assert len(words.PHASES[phase][0]) == 1


@given(st.text())
def test_clean_text_moves_no_cursor(text: str) -> None:
    clean = words.clean(text)
    assert not [char for char in clean if unicodedata.category(char)[0] == "C"]
    assert "\n" not in clean


@pytest.mark.parametrize("text", ["Citroën DS 21 Décapotable", "日産 スカイライン", "[/red] 100% «x»"])
def test_clean_leaves_what_people_write(text: str) -> None:
    assert words.clean(text) == text


def test_clean_takes_out_escapes_and_overrides() -> None:
    assert words.clean("a\x1b[31mb\u202ec\td") == "a[31mbc d"


@given(st.integers(0, 10_000_000_000).filter(lambda limit: not 0 < limit < 1_000))
def test_a_bandwidth_is_said_as_it_can_be_typed(limit: int) -> None:
    assert bandwidth(words.bandwidth(limit)) == limit


def test_a_bandwidth_is_said_short() -> None:
    assert [words.bandwidth(limit) for limit in (0, 500_000, 1_500_000, 2 * 10**9, 1_234_567)] == [
        *("none", "500K", "1.5M", "2G", "1234.567K")
    ]
