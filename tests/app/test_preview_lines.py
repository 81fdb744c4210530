import pytest

from tui.app.widgets.ink import Ink, Line, line_width
from tui.app.widgets.preview_lines import GAP, Totals, paint, rows, totals_line
from tui.model import Gallery, Lease, Outcome, Reason, Result, Vehicle
from tui.trickle.plan import PlannedVehicle, planned

URLS = (
    "https://img.example/911/front.jpg",
    "https://www.facebook.com/tr?id=1",
    "https://img.example/911/rear.jpg?w=1600",
    "https://img.example/911/front.jpg",
    "not a url",
    "https://img.example/911/engine.jpg",
    "https://img.example/911/trunk.jpg",
)


def text_of(line: Line) -> str:
    return "".join(piece.text for piece in line)


def a_plan(cap: int = 2, done: tuple[str, ...] = (), title: str = "1967 Porsche 911 S") -> PlannedVehicle:
    vehicle = Vehicle("v", title, "o", "Gulf Motorcars", url_count=len(URLS))
    outcomes = tuple(Outcome(url, "img.example", Result.REFUSED, Reason.NOT_FOUND) for url in done)
    return planned(Lease(vehicle, Gallery("v", URLS), "", 0.0, outcomes), cap)


def test_rows_follow_the_gallery_and_say_why() -> None:
    lines = [text_of(paint(row, 90)).rstrip() for row in rows(a_plan(), 2)]
    assert lines[0].split("   ")[0] == " 1967 Porsche 911 S"
    assert lines[0].endswith("2 images")
    assert lines[1].startswith("    1  img.example/911/front.jpg")
    assert lines[2].startswith("    –  www.facebook.com/tr?id=1")
    assert lines[2].endswith("left out: tracking pixel")
    assert lines[3].startswith("    2  img.example/911/rear.jpg?w=1600")
    assert lines[4].endswith("left out: duplicate of 1")
    assert lines[5].endswith("left out: not a url")
    assert lines[6].strip() == "3…4  over the cap of 2"
    assert lines[7:] == [""]


def test_what_was_done_before_is_told_and_not_counted() -> None:
    plan = a_plan(cap=20, done=(URLS[0],))
    first = list(rows(plan, 20))[1]
    assert first.note == "done before"
    assert not first.taken
    totals = Totals().with_vehicle(plan)
    assert totals == Totals(vehicles=1, to_store=3, settled=1, left_out=3, over_cap=0)


def test_totals_hide_zeros() -> None:
    told = text_of(totals_line(Totals(59, 861, 0, 52, 40), 20, 78))
    assert told == "would store 861   leave out 52   cap 20 cuts 40"
    assert text_of(totals_line(Totals(), 20, 78)) == "would store 0"


@pytest.mark.parametrize("width", [58, 78, 118])
def test_totals_are_told_shorter_rather_than_cut(width: int) -> None:
    line = totals_line(Totals(12_000, 186_100, 14_400, 15_200, 14_000), 1_000, width)
    assert line_width(line) <= width
    for number in ("186,100", "14,400", "15,200", "14,000"):
        assert number in text_of(line)


def test_the_cursor_rests_on_urls_alone() -> None:
    resting = [row.rests for row in rows(a_plan(), 2)]
    assert resting == [False, True, True, True, True, True, True, False]
    assert not GAP.rests


def test_a_long_url_loses_its_middle_and_its_query_is_dimmed() -> None:
    plan = planned(
        Lease(Vehicle("v", "A"), Gallery("v", (f"https://img.example/{'a' * 200}/1.jpg?w=1600&fit=crop",)), "", 0.0), 20
    )
    line = paint(list(rows(plan, 20))[1], 78)
    assert line_width(line) <= 78
    assert "…" in text_of(line)
    assert line[-1].text.endswith("fit=crop")
    assert line[-1].ink is Ink.DIM


def test_a_hostile_name_is_data() -> None:
    line = paint(next(rows(a_plan(title="[/red] \x1b[31mred"), 2)), 78)
    assert "[/red] [31mred" in text_of(line)
    assert text_of(line).isprintable()


def test_rows_fit_any_width() -> None:
    for width in (58, 78, 118, 198):
        assert all(line_width(paint(row, width)) <= width for row in rows(a_plan(), 2))
