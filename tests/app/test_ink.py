import pytest
from rich.cells import cell_len

from tui.app.widgets.ink import (
    Ink,
    Piece,
    bar,
    clip,
    cut,
    left,
    line_width,
    right,
    shorten,
    spark,
    spread,
    squeeze,
    wrapped,
    yielding,
)

WIDE = "東京 Zürich オールドタイマー"


@pytest.mark.parametrize("text", ["", "a", "a long text that does not fit", WIDE])
@pytest.mark.parametrize("width", [0, 1, 2, 3, 7, 12, 40])
def test_nothing_is_wider_than_its_room(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
    assert cell_len(shorten(text, width)) <= width
    assert cell_len(left(text, width)) == width
    assert cell_len(right(text, width)) == width


def test_shortening_keeps_both_ends() -> None:
    short = shorten("img.example/a/very/long/path/front.jpg", 21)
    assert short.startswith("img.exampl")
    assert short.endswith("front.jpg")
    assert "…" in short


def test_squeezing_a_log_line_keeps_its_verdict() -> None:
    text = f"refused   https://img.example/{'x' * 80}/3.jpg  not found (no use to retry)"
    short = squeeze(text, 70)
    assert cell_len(short) <= 70
    assert short.startswith("refused   https://")
    assert short.endswith("not found (no use to retry)")


def test_a_spread_line_reaches_both_edges_and_cuts_its_start() -> None:
    start, end = (Piece("a title that is far too long for this"),), (Piece("end", Ink.GOOD),)
    line = spread(start, end, 20)
    assert line_width(line) == 20
    assert "".join(piece.text for piece in line) == "a title that is…" + " end"
    assert line[-1].ink is Ink.GOOD


def test_a_clipped_line_keeps_its_inks() -> None:
    assert clip((Piece("abc", Ink.BAD), Piece("defgh", Ink.DIM)), 5) == (Piece("abc", Ink.BAD), Piece("d…", Ink.DIM))


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert [piece.text for piece in bar(999, 1000, 10)] == ["━━━━━━━━━╸", ""]
    assert [piece.text for piece in bar(1000, 1000, 10)] == ["━" * 10, ""]
    assert [piece.text for piece in bar(0, 0, 4)] == ["", "────"]
    assert [piece.text for piece in bar(1, 4, 4)] == ["━", "───"]


def test_sparks_share_one_scale_and_show_the_latest() -> None:
    assert spark((100, 0, 5, 10), 3) == "▁▅█"
    assert spark((0, 0), 5) == "▁▁"
    assert spark((), 5) == ""


@pytest.mark.parametrize("width", [8, 20, 200])
def test_wrapped_text_fits_and_loses_nothing(width: int) -> None:
    text = f"make the bucket public: {WIDE} https://abcdefghijklmnopqrst.supabase.co/dashboard"
    lines = wrapped(text, width)
    assert all(0 < cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrapped("", width) == []


def test_a_long_name_gives_way_to_what_stands_behind_it() -> None:
    line = (Piece("自動車販売株式会社 🚗" * 6), Piece("  38 needing of 40 vehicles"))
    for width in (44, 60, 76):
        fitted = yielding(line, width)
        assert line_width(fitted) <= width
        assert fitted[1] == line[1]
    assert yielding(line, 500) == line
    assert line_width(yielding(line, 20)) <= 20
