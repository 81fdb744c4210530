"""What each ink looks like in a theme.

Component classes would say the same in CSS, but Textual resolves each of them for each widget whenever a screen comes
up: a dozen line-drawing widgets with ten inks cost it 60 ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rich.style import Style
from textual.color import Color, ColorParseError

from tui.app.widgets.ink import Ink

_VARIABLES = {
    Ink.PLAIN: "foreground",
    Ink.STRONG: "foreground",
    Ink.DIM: "text-muted",
    Ink.FAINT: "text-faint",
    Ink.ACCENT: "accent",
    Ink.GOOD: "success",
    Ink.WARN: "warning",
    Ink.BAD: "error",
}

_GROUNDS = {
    Ink.ON_RED: ("#c0392f", "#ffffff", "red"),
    Ink.ON_AMBER: ("#e0a032", "#1a1408", "yellow"),
    Ink.ON_GREEN: ("#2f7d48", "#ffffff", "green"),
    Ink.ON_BLUE: ("#2f6fc0", "#ffffff", "blue"),
    Ink.ON_VIOLET: ("#8653c4", "#ffffff", "magenta"),
}
"""Ground, text, and the terminal's own colour: the same in every theme, for a deployment is known by it."""

_PERCENT = re.compile(r"(.*?)\s+(\d+(?:\.\d+)?)%")


def ink_style(ink: Ink, variables: Mapping[str, str], background: Color) -> Style:
    """The style of an ink on a background, as the variables of a theme have it."""
    if ink.opaque:
        return _on_ground(ink, background)
    value = variables.get(_VARIABLES[ink]) or variables.get("text-disabled", "")
    color, strength = _color(value, background)
    bold = True if ink is Ink.STRONG else None
    if color is None or color.ansi is not None or background.ansi is not None:
        # The terminal's own colours cannot be mixed; what should be weaker is dimmed by the terminal.
        faint = True if strength < 1 or ink is Ink.FAINT else None
        return Style(color=color.rich_color if color else None, bgcolor=background.rich_color, bold=bold, dim=faint)
    mixed = background + color.multiply_alpha(strength)
    return Style(color=mixed.rich_color, bgcolor=background.rich_color, bold=bold)


def _on_ground(ink: Ink, background: Color) -> Style:
    ground, text, own = _GROUNDS[ink]
    if background.ansi is not None:
        return Style(color=own, bgcolor=background.rich_color, bold=True, reverse=True)
    return Style(color=text, bgcolor=ground, bold=True)


def _color(value: str, background: Color) -> tuple[Color | None, float]:
    """The colour in a variable and how strong it is there, e.g. `#8793a3`, `auto 60%` or `ansi_default 50%`."""
    match = _PERCENT.fullmatch(value)
    name, strength = (match[1], float(match[2]) / 100) if match else (value, 1.0)
    if name == "auto":
        return background.get_contrast_text(1.0), strength
    try:
        return Color.parse(name), strength
    except ColorParseError:
        return None, strength
