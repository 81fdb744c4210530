"""Two themes with one accent; other themes of Textual do as well."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

DARK = Theme(
    name="backfill-dark",
    primary="#6fb7c4",
    secondary="#8f9fb3",
    accent="#6fb7c4",
    foreground="#d6dbe2",
    background="#11151a",
    surface="#161b22",
    panel="#1e252e",
    success="#86b98a",
    warning="#d9b36c",
    error="#dd7f78",
    dark=True,
    variables={
        "text-faint": "#4c5766",
        "text-muted": "#8793a3",
        "block-cursor-background": "#243240",
        "block-cursor-foreground": "#eef1f5",
        "block-cursor-text-style": "none",
        "button-focus-text-style": "bold",
        "block-cursor-blurred-foreground": "#d6dbe2",
        "block-cursor-blurred-text-style": "none",
        "block-cursor-blurred-background": "#1b232c",
        "border": "#33404e",
        "border-blurred": "#262f3a",
        "scrollbar": "#2b3541",
        "scrollbar-hover": "#3a4857",
        "scrollbar-active": "#6fb7c4",
        "scrollbar-background": "#11151a",
        "scrollbar-background-hover": "#11151a",
        "scrollbar-background-active": "#11151a",
        "scrollbar-corner-color": "#11151a",
        "input-selection-background": "#6fb7c4 35%",
        "footer-key-foreground": "#6fb7c4",
    },
)

LIGHT = Theme(
    name="backfill-light",
    primary="#0d6a7d",
    secondary="#5b6775",
    accent="#0d6a7d",
    foreground="#20262d",
    background="#f7f6f3",
    surface="#efeeea",
    panel="#e6e4de",
    success="#35703c",
    warning="#8a5a00",
    error="#ad3a32",
    dark=False,
    variables={
        "text-faint": "#b4b4ae",
        "text-muted": "#66707c",
        "block-cursor-background": "#d3e3e5",
        "block-cursor-foreground": "#14181d",
        "block-cursor-text-style": "none",
        "button-focus-text-style": "bold",
        "block-cursor-blurred-foreground": "#20262d",
        "block-cursor-blurred-text-style": "none",
        "block-cursor-blurred-background": "#e8e8e3",
        "border": "#c3c2bb",
        "border-blurred": "#d8d6cf",
        "scrollbar": "#d0cec6",
        "scrollbar-hover": "#bbb8ae",
        "scrollbar-active": "#0d6a7d",
        "scrollbar-background": "#f7f6f3",
        "scrollbar-background-hover": "#f7f6f3",
        "scrollbar-background-active": "#f7f6f3",
        "scrollbar-corner-color": "#f7f6f3",
        "input-selection-background": "#0d6a7d 25%",
        "footer-key-foreground": "#0d6a7d",
    },
)


def completed(variables: Mapping[str, str]) -> dict[str, str]:
    """The CSS variables of a theme, with `text-faint` filled in where it is none of the two above."""
    return {"text-faint": variables["text-disabled"], **variables}
