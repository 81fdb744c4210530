from dataclasses import replace

from tui.app.widgets.ink import Line, line_width
from tui.app.widgets.summary_lines import MOST_FAILED, summary
from tui.model import Counts, Phase, Placeholder, RunOptions, Snapshot, Tally, VehicleResult

TALLY = Tally(stored=520, refused=12, deferred=3, bytes=412_000_000, refusals={"not_found": 12, "timeout": 3})
SEEN = Snapshot(
    "20260131-084107-3f9a",
    Phase.FINISHED,
    RunOptions(),
    elapsed=130.0,
    vehicles_total=59,
    vehicles_done=59,
    tally=TALLY,
    images_per_second=4.1,
)
GOOD = VehicleResult("a", "1967 Porsche 911 S", "success", 9, 9)
BAD = VehicleResult("b", "[/red] \x1b[31mred", "failed", 7, 0, "not found ×7")


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def test_tells_what_was_stored_refused_and_left() -> None:
    text = text_of(summary(SEEN, [GOOD, BAD], Counts(ready=380, parked=9), "", 78))
    for words in (
        "✓ finished",
        "took 2 min 10 s",
        "520  stored",
        "412 MB",
        "3  deferred",
        "12  not found         no use to retry",
        "3  timeout           retry may help",
        "1  served",
        "1  failed",
        "380  ready",
        "9  parked",
        "not found ×7",
    ):
        assert words in text
    assert "duplicate" not in text
    assert "partial" not in text


def test_tells_which_pictures_hosts_show_for_many_vehicles() -> None:
    shown = Placeholder("img.[/red].example", 1_234, "http://img.a.example/soon\x1b[31m.jpg")
    text = text_of(summary(replace(SEEN, similar=7, placeholders=(shown,)), [GOOD], None, "", 78))
    assert "1,234  img.[/red].example" in text
    assert "vehicles show http://img.a.example/soo" in text
    assert "7  similar" in text
    assert "\x1b" not in text


def test_an_end_without_work_says_why() -> None:
    nothing = Snapshot("x-1", Phase.FINISHED, RunOptions())
    assert "There was nothing to do" in text_of(summary(nothing, [], Counts(backfilled=4), "", 78))
    assert "every vehicle is served" in text_of(summary(nothing, [], Counts(backfilled=4), "", 78))
    assert "before any vehicle did" in text_of(summary(Snapshot("x-1", Phase.STOPPED, RunOptions()), [], None, "", 78))


def test_a_failure_is_told_in_its_sentence() -> None:
    failed = Snapshot("x-1", Phase.FAILED, RunOptions(), error="The disk is full: free some space.")
    assert "The disk is full: free some space." in text_of(summary(failed, [], None, "", 78))


def test_a_failure_is_told_to_its_end() -> None:
    why = "The project https://abcdefgh.supabase.co does not take the key (JWT expired): copy it again from there."
    lines = summary(Snapshot("x-1", Phase.FAILED, RunOptions(), error=why), [], None, "", 58)
    assert max(map(line_width, lines)) <= 58
    assert why in " ".join(text_of(lines).split())


def test_text_from_outside_is_data_and_lines_fit() -> None:
    for width in (58, 78, 198):
        lines = summary(SEEN, [BAD], Counts(ready=1), "", width)
        assert max(map(line_width, lines)) <= width
        assert all(piece.text.isprintable() for line in lines for piece in line)
    assert "[/red] [31mred" in text_of(lines)


def test_a_long_list_of_failed_vehicles_is_cut_and_counted() -> None:
    text = text_of(summary(SEEN, [BAD] * (MOST_FAILED + 5), None, "", 78))
    assert text.count("[/red]") == MOST_FAILED
    assert "and 5 more" in text
