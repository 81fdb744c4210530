import math

from tui.app.widgets import run_lines as draw
from tui.app.widgets.ink import Ink, Line, line_width
from tui.app.widgets.run_page import page
from tui.model import (
    HostPace,
    Lane,
    LogLine,
    Mark,
    OrganizationProgress,
    Phase,
    RunOptions,
    Scope,
    Snapshot,
    Tally,
)

HOSTILE = "[/red] \x1b[31mred\x07"


def text_of(line: Line) -> str:
    return "".join(piece.text for piece in line)


def lane(slot: int, title: str = "1967 Porsche 911 S", done: int = 3, of: int = 8, finished: bool = False) -> Lane:
    marks = (Mark.STORED,) * done + (Mark.WAITING,) * (of - done)
    return Lane(slot, f"v{slot}", title, marks, finished=finished)


def snapshot(**changes: object) -> Snapshot:
    values: dict[str, object] = {
        "run_id": "20260131-084107-3f9a",
        "phase": Phase.RUNNING,
        "options": RunOptions(scope=Scope(organization_ids=("a", "b"))),
        "vehicles_total": 59,
        "vehicles_done": 37,
        "images_total": 861,
        "tally": Tally(stored=520, duplicate=9, refused=12, bytes=412_000_000),
        "in_flight": 5,
        "images_per_second": 14.2,
        "bytes_per_second": 5_100_000.0,
        "history": (2.0, 4.0, 8.0),
        "eta": 130.0,
        "organizations": tuple(OrganizationProgress(str(n), f"Dealer {n}", n, 12) for n in range(12)),
        "lanes": tuple(lane(slot) for slot in range(10)),
        "hosts": (HostPace("img.example", 8.0, 4, 3), HostPace("cdn.example", 2.0, 1, 0, 12.0, "429")),
    }
    return Snapshot(**{**values, **changes})  # type: ignore[arg-type]


def test_the_title_says_scope_phase_and_end() -> None:
    title = text_of(draw.title(snapshot(), 78))
    assert title.startswith("Run 3f9a   2 organizations · 59 vehicles")
    assert "▶ running" in title
    assert title.rstrip().endswith("ETA 2 min 10 s")
    assert "5 in flight" in text_of(draw.title(snapshot(phase=Phase.PAUSING), 78))
    assert "took 8 s" in text_of(draw.title(snapshot(phase=Phase.FINISHED, elapsed=8.0), 78))


def test_the_title_says_how_many_workers_share_the_run() -> None:
    assert "3 workers   ▶ running" in text_of(draw.title(snapshot(workers=3), 100))
    assert "worker" not in text_of(draw.title(snapshot(workers=3, phase=Phase.FINISHED), 100))


def test_says_why_a_run_waits_and_who_paused_it() -> None:
    trouble = "the project answers 503; trying again in 8 s"
    (waiting,) = draw.standing(snapshot(trouble=f"{trouble}\x1b"))
    assert waiting == (f"waiting: {trouble}", Ink.WARN)
    assert text_of(draw.standing(snapshot(trouble=trouble, phase=Phase.STOPPED))) == ""
    assert "from elsewhere" in text_of(draw.standing(snapshot(phase=Phase.PAUSED), elsewhere=True))
    assert "elsewhere" not in text_of(draw.standing(snapshot(phase=Phase.PAUSED)))


def test_scopes_in_words() -> None:
    assert draw.scope_words(RunOptions(), 400) == "all organizations · 400 vehicles"
    assert draw.scope_words(RunOptions(scope=Scope(organization_ids=("a",))), 1) == "1 organization · 1 vehicle"
    assert draw.scope_words(RunOptions(scope=Scope(vehicle_ids=("a", "b"))), 0) == "2 vehicles"


def test_zero_counters_are_not_told() -> None:
    assert text_of(draw.counters(Tally(stored=3, refused=1, bytes=2_000))) == "■ stored 3   × refused 1   2.0 KB"
    assert text_of(draw.counters(Tally())) == "■ stored 0"


def test_lanes_keep_their_place_when_one_ends() -> None:
    lines = [text_of(line).strip() for line in draw.lanes((lane(0), lane(2, "1972 BMW 2002 tii")), 78, 10)]
    assert len(lines) == 3
    assert lines[1] == ""
    assert lines[2].startswith("1972 BMW 2002 tii")


def test_lanes_that_find_no_room_are_counted() -> None:
    lines = draw.lanes([lane(slot) for slot in range(10)], 78, 4)
    assert len(lines) == 4
    assert text_of(lines[-1]) == "+ 7 more in progress"


def test_a_lane_shows_each_image_by_its_glyph() -> None:
    marks = (Mark.STORED, Mark.DUPLICATE, Mark.REFUSED, Mark.DEFERRED, Mark.FETCHING, Mark.WAITING)
    line = draw.lanes((Lane(0, "v", "A car", marks),), 78, 1)[0]
    assert "■=×~□·" in text_of(line)
    assert "4 / 6" in text_of(line)


def test_more_images_than_cells_share_them_and_what_is_open_speaks() -> None:
    marks = (Mark.STORED,) * 50 + (Mark.FETCHING,) + (Mark.WAITING,) * 49
    gauge = text_of(draw.gauge(marks, 20))
    assert gauge == "■" * 10 + "□" + "·" * 9


def test_organizations_that_go_on_come_first_and_the_rest_is_counted() -> None:
    groups = [OrganizationProgress("a", "Done", 5, 5), OrganizationProgress("b", "Going", 1, 5)]
    first, second = draw.organizations(groups, 60, 4)
    assert text_of(first).startswith("Going")
    assert text_of(second).endswith("5 / 5 ✓")
    many = draw.organizations([OrganizationProgress(str(n), "x", 0, 1) for n in range(9)], 60, 4)
    assert text_of(many[-1]) == "+ 6 more"


def test_a_host_that_has_to_wait_says_why_and_how_long() -> None:
    first, third, second = draw.hosts(
        (
            HostPace("fast.example", math.inf, 4, 0),
            HostPace("img.example", 8.0, 4, 3),
            HostPace("cdn.example", 2.0, 1, 0, 11.2, "429"),
        ),
        60,
        9,
    )
    assert text_of(first).endswith("429, next in 12 s")
    assert "8/s" in text_of(second)
    assert text_of(second).endswith("3 of 4 slots")
    assert "no limit" in text_of(third)


def test_a_host_that_is_narrowed_or_down_says_so() -> None:
    down, narrowed = draw.hosts(
        (
            HostPace("slow.example", 8.25, 16, 3, ceiling=16.0),
            HostPace("dead.example", 4.0, 4, 0, 11.2, "timeout, 8 in a row", 4.0, open=True),
        ),
        90,
        9,
    )
    assert text_of(down).endswith("4/s  down (timeout, 8 in a row), next try in 12 s")
    assert text_of(narrowed).endswith("8.25/s  3 of 16 slots  narrowed from 16/s")


def test_hosts_keep_their_place_and_the_telling_ones_are_chosen() -> None:
    paces = [HostPace(f"h{n}.example", 1.0, 4, n % 3, wait=5.0 if n == 8 else 0.0) for n in range(9)]
    lines = [text_of(line) for line in draw.hosts(paces, 60, 4)]
    assert [line.split()[0] for line in lines[:3]] == ["h2.example", "h5.example", "h8.example"]
    assert lines[3] == "+ 6 more"


def test_text_from_outside_is_data() -> None:
    seen = snapshot(
        lanes=(lane(0, HOSTILE),),
        organizations=(OrganizationProgress("a", HOSTILE, 0, 1),),
        hosts=(HostPace(HOSTILE, 1.0, 1, 0, note=HOSTILE),),
        error=HOSTILE,
    )
    for width in (60, 120):
        text = "".join(text_of(line) for line in page(seen, width, 40))
        assert "[/red] [31mred" in text
        assert text.isprintable()
    assert text_of(draw.log_line(LogLine(0.0, HOSTILE), 60)).isprintable()


def test_a_page_keeps_to_its_room_at_every_size() -> None:
    for width in (58, 78, 99, 100, 118, 198):
        for rows in (6, 11, 16, 28, 42):
            lines = page(snapshot(), width, rows)
            assert len(lines) <= rows
            assert max(map(line_width, lines)) <= width


def test_a_narrow_page_at_24_rows_shows_bar_counters_and_every_lane() -> None:
    lines = [text_of(line) for line in page(snapshot(), 78, 16)]
    assert "37 / 59 vehicles" in lines[1]
    assert any("stored 520" in line for line in lines)
    assert sum("Porsche" in line for line in lines) == 10
    assert not any("Dealer" in line for line in lines)


def test_a_wide_page_puts_organizations_and_hosts_beside() -> None:
    text = "\n".join(text_of(line) for line in page(snapshot(), 118, 28))
    assert "Dealer 0" in text
    assert "img.example" in text
    assert "14.2 images/s" in text


def test_the_page_does_not_jump_as_lanes_come_and_go() -> None:
    full, few = page(snapshot(), 78, 16), page(snapshot(lanes=(lane(3),)), 78, 16)
    assert len(full) == len(few)


def test_a_paused_run_says_how_to_go_on() -> None:
    lines = page(snapshot(phase=Phase.PAUSED), 78, 16)
    assert "p resumes" in text_of(lines[2])
    assert lines[2][0].ink is Ink.DIM
