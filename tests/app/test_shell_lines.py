"""Header, footer, farewell and columns: lines from values, without an app."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.app.actions import Action, bindings, state_of
from tui.app.columns import ORGANIZATION_COLUMNS, VEHICLE_COLUMNS, state_line
from tui.app.farewell import farewell
from tui.app.marks import Marks
from tui.app.sign import Sign
from tui.app.widgets.field import step_choice, step_number
from tui.app.widgets.footer import MOST, Key, fitting
from tui.app.widgets.header import Standing, header_line, telling
from tui.app.widgets.ink import Ink, Line, Piece, line_width
from tui.app.widgets.options import entered
from tui.app.widgets.pager import GAP, fit
from tui.model import PACES, Counts, Phase, Problem, RunOptions, Snapshot, State, Tally, Vehicle
from tui.settings import Settings
from tui.trickle.session import Session

COUNTS = Counts(needing=392, ready=380, parked=9, empty=3, partial=7, backfilled=1_204, vehicles=1_700)
RUNNING = Snapshot("r-1", Phase.RUNNING, RunOptions(), images_total=200, tally=Tally(stored=74))


def text(line: Line) -> str:
    return "".join(piece.text for piece in line)


def test_the_header_tells_everything_where_there_is_room() -> None:
    line = text(header_line(Standing(Sign("demo · local"), COUNTS, RUNNING), 160))
    assert "needing 392: ready 380 parked 9 empty 3   partial 7   backfilled 1,204" in line
    assert "demo · local" in line
    assert line.endswith(" 37%")
    assert "▶ running" in line


@given(st.lists(st.integers(0, 5_000), min_size=3, max_size=3), st.integers(60, 160))
def test_the_header_is_the_same_as_long_as_it_tells_the_same(numbers: list[int], width: int) -> None:
    done, later, total = sorted(numbers)
    standings = [
        Standing(Sign("x"), COUNTS, replace(RUNNING, images_total=total, tally=Tally(stored=stored)))
        for stored in (done, later)
    ]
    told, lines = ([what(it) for it in standings] for what in (telling, lambda it: header_line(it, width)))
    assert told[0] != told[1] or lines[0] == lines[1]


@pytest.mark.parametrize("width", range(60, 201, 7))
@pytest.mark.parametrize("snapshot", [None, RUNNING])
def test_the_header_always_fits_and_keeps_needing_and_the_run(width: int, snapshot: Snapshot | None) -> None:
    line = header_line(Standing(Sign("a deployment with a long name"), COUNTS, snapshot), width)
    assert line_width(line) <= width
    assert "needing 392" in text(line)
    assert text(line).endswith("idle" if snapshot is None else "37%")


def test_zero_counters_are_hidden() -> None:
    line = text(header_line(Standing(Sign("x"), Counts(needing=3, ready=3)), 120))
    assert "needing 3 " in line
    for word in ("ready", "partial", "parked", "backfilled"):
        assert word not in line


PRODUCTION = Sign("production", "supabase · abcdefgh", "red", read_only=True)


def test_production_has_its_colour_and_keeps_it_in_every_width() -> None:
    for width in range(60, 201, 7):
        line = header_line(Standing(PRODUCTION, COUNTS, RUNNING), width)
        assert Piece(" production ", Ink.ON_RED) in line
        assert "read-only" in text(line)
        assert "needing 392" in text(line)
        assert line_width(line) <= width
    assert "supabase · abcdefgh" in text(header_line(Standing(PRODUCTION, COUNTS, RUNNING), 160))


def test_a_title_without_a_colour_stands_bare() -> None:
    assert Piece("demo · local", Ink.DIM) in header_line(Standing(Sign("demo · local")), 80)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_title_that_is_cut_still_tells_which_project_it_is(width: int) -> None:
    sign = Sign("supabase · abcdefgh")
    assert "abcdefgh" in text(
        header_line(Standing(sign, None, RUNNING, "the project has no connection to its database"), width)
    )


@pytest.mark.parametrize("width", range(60, 201, 20))
def test_trouble_takes_the_place_of_the_counts(width: int) -> None:
    trouble = "the project answers 503; trying again in 8 s\x1b[31m"
    line = header_line(Standing(PRODUCTION, COUNTS, RUNNING, trouble), width)
    assert line_width(line) <= width
    assert "waiting: the pr" in text(line)
    assert "needing" not in text(line)
    assert "\x1b" not in text(line)
    assert text(line).endswith("37%")


def test_the_header_tells_workers_rereading_and_a_pause_from_elsewhere() -> None:
    shared = replace(RUNNING, workers=3)
    assert "3 workers  ▶ running" in text(header_line(Standing(Sign("x"), COUNTS, shared), 120))
    paused = replace(shared, phase=Phase.PAUSED)
    assert "‖ paused elsewhere" in text(header_line(Standing(Sign("x"), COUNTS, paused, elsewhere=True), 120))
    assert text(header_line(Standing(Sign("x"), COUNTS, rereading=True), 120)).endswith("reading again …")


def keys(count: int) -> list[Key]:
    owner = cast("Any", None)
    return [Key(Action(f"a{n}", "x", "Title", show=n), owner, "x", True) for n in range(count, 0, -1)]


def test_the_last_in_rank_leave_the_footer_first_and_none_is_cut() -> None:
    assert [key.action.id for key in fitting(keys(20), 500)] == [f"a{n}" for n in range(MOST, 0, -1)]
    assert [key.action.id for key in fitting(keys(20), 18)] == ["a2", "a1"]
    assert fitting(keys(20), 3) == []


def test_every_binding_has_an_id_under_which_it_can_be_given_another_key() -> None:
    made = bindings("area", (Action("go", "g", "Go"), Action("step", "plus", "More", action="step(1)")))
    assert [(binding.id, binding.action) for binding in made] == [("area.go", "go"), ("area.step", "step(1)")]


def test_what_cannot_be_done_is_greyed() -> None:
    actions = (Action("go", "g", "Go", enabled=lambda owner: owner == "ready", action="go(1)"),)
    assert state_of("ready", actions, "go") is True
    assert state_of("busy", actions, "go") is None
    assert state_of("busy", actions, "other") is True


def test_what_writes_is_hidden_where_nothing_may_be_written() -> None:
    actions = (Action("go", "g", "Go", writes=True, action="go(1)"), Action("look", "l", "Look"))
    assert state_of("it", actions, "go", read_only=True) is False
    assert state_of("it", actions, "look", read_only=True) is True
    assert state_of("it", actions, "go") is True


@pytest.mark.parametrize("width", [56, 76, 100, 160])
@pytest.mark.parametrize("columns", [ORGANIZATION_COLUMNS, VEHICLE_COLUMNS])
def test_columns_fit_and_the_first_stays(width: int, columns: tuple[Any, ...]) -> None:
    fitted = fit(columns, width)
    assert fitted[0][0] is columns[0]
    assert sum(size for _, size in fitted) + GAP * (len(fitted) - 1) <= width


def test_columns_drop_by_priority() -> None:
    shown = [column.title for column, _ in fit(ORGANIZATION_COLUMNS, 45)]
    assert shown == ["name", "needing", "images"]


def test_a_state_has_a_glyph_a_word_and_its_reason() -> None:
    parked = Vehicle("v", "1967 Porsche 911", state=State.PARKED, note="not found\x1b")
    assert text(state_line(parked)) == "✕ parked · not found"
    assert text(state_line(Vehicle("v", "x", leased_by="me"))) == "▶ in progress"


@pytest.mark.parametrize(
    ("given", "by", "then"),
    [
        ("10", 1, "11"),
        ("1", -1, "1"),
        ("20", 1, "30"),
        ("30", -1, "20"),
        ("20", -1, "19"),
        ("200", 1, "300"),
        ("x", 1, "x"),
    ],
)
def test_numbers_step_by_their_size(given: str, by: int, then: str) -> None:
    assert step_number(given, by) == then


def test_choices_stop_at_their_ends() -> None:
    step = step_choice(PACES)
    assert [step("normal", 1), step("unlimited", 1), step("gentle", -1)] == ["fast", "unlimited", "gentle"]


def test_options_are_read_as_people_type_them() -> None:
    assert entered("limit", " 1,000 ") == 1_000
    assert entered("pace", "Fa") == "fast"
    assert entered("pace", "warp") == "warp"
    with pytest.raises(Problem, match="batch size must be a whole number, not 'ten'"):
        entered("batch_size", "ten")


def test_marks_are_of_one_kind_and_toggle() -> None:
    marks = Marks().toggled("a", vehicles=False).toggled("b", vehicles=False)
    assert marks == Marks(organizations=("a", "b"))
    assert marks.toggled("a", vehicles=False).words == "1 organization marked"
    assert marks.toggled("v", vehicles=True) == Marks(vehicles=("v",))
    assert not marks.toggled_all(["b", "a"], vehicles=False)
    assert marks.toggled_all(["c"], vehicles=False).organizations == ("a", "b", "c")


def test_the_farewell_says_what_was_done_what_is_left_and_how_to_go_on() -> None:
    session = Session(cast("Any", None), Settings(), "x", command="backfill-tui --demo=here")
    ended = Snapshot(
        "r-1",
        Phase.STOPPED,
        RunOptions(),
        elapsed=130,
        vehicles_done=37,
        vehicles_total=59,
        tally=Tally(stored=541, bytes=5_100_000),
    )
    words = farewell(ended, COUNTS, session)
    assert "Run r-1 stopped after 2 min 10 s.\n541 images stored (5.1 MB), 37 of 59 vehicles done." in words
    assert "Left: 387 vehicles." in words
    assert words.endswith("Go on with: backfill-tui --demo=here")
    assert "Go on with" not in farewell(ended, Counts(), session)
    assert farewell(None, COUNTS, session) == ""


def test_the_farewell_fits_a_usual_terminal_and_keeps_its_command_whole() -> None:
    run = Snapshot("20260921-100000-aaaa", Phase.FINISHED, RunOptions(), 359_999, 99_999_999, 99_999_999)
    run = replace(run, tally=Tally(stored=999_999_999, bytes=9 * 10**15))
    for folder in ("x", "a/long/folder/" * 5):
        command = f"backfill-tui --demo={folder}"
        *others, last = farewell(run, COUNTS, Session(cast("Any", None), Settings(), "x", command=command)).split("\n")
        assert last.endswith(command)
        assert all(len(line) < 80 for line in others)
