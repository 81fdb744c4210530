"""Profiles as rows of a list: pure functions."""

from __future__ import annotations

from typing import NamedTuple

from tui.app import words
from tui.app.widgets.ink import Ink, Line, Piece, chip, clip, left, shorten
from tui.settings import COLORS, Profile, Settings

NAME_LEAST, NAME_MOST = 10, 24
KEY_ROOM = 34
READ_ONLY = "read-only"


class Known(NamedTuple):
    """A profile, where its key comes from, whether it can be opened as it is, and whether the app remembers it."""

    profile: Profile
    key: str
    ready: bool
    remembered: bool = False


def known(profile: Profile, settings: Settings, *, remembered: bool) -> Known:
    """A profile together with the settings that it leads to."""
    ready = not settings.lacks
    if not profile.supabase_url:
        return Known(profile, "", ready, remembered)
    if profile.key_variable:
        told = f"key from {profile.key_variable}" if ready else f"{profile.key_variable} is not set"
    else:
        told = "key from the environment" if ready else "asks for the key"
    return Known(profile, told, ready, remembered)


def paint(row: Known, width: int) -> Line:
    """One profile: its name on its colour, where it is, where its key comes from."""
    profile = row.profile
    room = max(NAME_LEAST, min(NAME_MOST, width // 5))
    rest = width - room - 6
    place = words.clean(profile.supabase_url.removeprefix("https://") or profile.store)
    told = Piece(words.clean(row.key), Ink.DIM if row.ready else Ink.WARN)
    tail = (told, Piece(f"   {READ_ONLY}" if profile.read_only else "", Ink.WARN))
    line = (
        Piece(" "),
        *swatch(left(words.clean(profile.name), room), profile.color),
        Piece("  " + left(shorten(place, rest - KEY_ROOM), rest - KEY_ROOM) + "  "),
        *tail,
    )
    return clip(line, width)


def swatch(text: str, color: str) -> Line:
    """A text on a colour; as wide without one."""
    return (chip(text, color),) if color != "none" else (Piece(f" {text} "),)


def color_piece(color: str) -> Piece:
    """The name of a colour on itself."""
    return chip(color, color) if color in COLORS[1:] else Piece(" none ", Ink.PLAIN)
