import pytest
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from tui.app.theme import DARK, LIGHT
from tui.app.widgets.ink import Ink
from tui.app.widgets.palette import ink_style
from tui.settings import COLORS


def styles(variables: dict[str, str], background: str) -> dict[Ink, Style]:
    return {ink: ink_style(ink, variables, Color.parse(background)) for ink in Ink}


@pytest.mark.parametrize("name", ["backfill-dark", "backfill-light", *BUILTIN_THEMES])
def test_every_ink_can_be_read_in_every_theme(name: str) -> None:
    theme = {**BUILTIN_THEMES, DARK.name: DARK, LIGHT.name: LIGHT}[name]
    system = theme.to_color_system().generate()
    inked = styles({**system, **theme.variables}, system["background"])
    assert all(style.color is not None for style in inked.values())
    assert inked[Ink.STRONG].bold
    assert inked[Ink.DIM] != inked[Ink.PLAIN]


@pytest.mark.parametrize("name", ["backfill-dark", "backfill-light", *BUILTIN_THEMES])
def test_the_colours_of_deployments_are_told_apart_in_every_theme(name: str) -> None:
    theme = {**BUILTIN_THEMES, DARK.name: DARK, LIGHT.name: LIGHT}[name]
    system = theme.to_color_system().generate()
    inked = styles({**system, **theme.variables}, system["background"])
    chips = [inked[ink] for ink in Ink if ink.opaque]
    assert [ink.value.removeprefix("on ") for ink in Ink if ink.opaque] == list(COLORS[1:])
    grounds = {style.color if style.reverse else style.bgcolor for style in chips}
    assert len(grounds) == len(chips)
    assert all(style.reverse or style.bgcolor != inked[Ink.PLAIN].bgcolor for style in chips)


def luminance(color: Color) -> float:
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_text_on_the_colour_of_a_deployment_can_be_read() -> None:
    """4.5 is what WCAG 2 asks of text."""
    for style in (style for ink, style in styles({}, "#000000").items() if ink.opaque):
        assert style.color is not None
        assert style.bgcolor is not None
        dark, light = sorted(luminance(Color.from_rich_color(color)) for color in (style.color, style.bgcolor))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_share_of_a_colour_is_mixed_with_what_is_behind_it() -> None:
    style = ink_style(Ink.DIM, {"text-muted": "#ffffff 50%"}, Color.parse("#000000"))
    assert style == Style(color="#7f7f7f", bgcolor="#000000")
    auto = ink_style(Ink.DIM, {"text-muted": "auto 60%"}, Color.parse("#000000"))
    assert auto.color is not None
    assert auto.color.triplet is not None
    assert 100 < auto.color.triplet.red < 200


def test_the_terminals_own_colours_are_dimmed_by_the_terminal() -> None:
    style = ink_style(Ink.DIM, {"text-muted": "ansi_default 50%"}, Color.parse("ansi_default"))
    assert style.dim
    assert not ink_style(Ink.PLAIN, {"foreground": "ansi_default"}, Color.parse("ansi_default")).dim


def test_a_value_that_is_no_colour_falls_back_to_the_terminals() -> None:
    assert ink_style(Ink.GOOD, {"success": "no colour"}, Color.parse("#000000")).color is None
