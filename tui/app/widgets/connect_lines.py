"""Profiles as rows of a list: pure functions."""

from __future__ import annotations

from typing import NamedTuple

from tui.app import words
from tui.app.widgets.ink import Ink, Line, Piece, chip, clip, left, shorten
from tui.settings import COLORS, Profile, Settings

NAME_LEAST, NAME_MOST = 10, 24
KEY_LEAST, KEY_MOST = 27, 42
READ_ONLY_ROOM = 11
ROOMY = 76


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
    """One profile: its name on its colour, where it is, where its key comes from, and whether it is read-only."""
    profile = row.profile
    name = max(NAME_LEAST, min(NAME_MOST, width // 6))
    guarded = READ_ONLY_ROOM if width >= ROOMY else 0
    key = max(KEY_LEAST, min(KEY_MOST, width // 3))
    room = width - name - 7 - key - guarded
    place = words.clean(profile.supabase_url.removeprefix("https://") or profile.store)
    told = Piece(left(words.clean(row.key), key), Ink.DIM if row.ready else Ink.WARN)
    line = (
        Piece(" "),
        *swatch(left(words.clean(profile.name), name), profile.color),
        Piece("  " + left(shorten(place, room), room) + "  "),
        told,
        Piece("  read-only" if profile.read_only and guarded else "", Ink.WARN),
    )
    return clip(line, width)


def swatch(text: str, color: str) -> Line:
    """A text on a colour; as wide without one."""
    return (chip(text, color),) if color != "none" else (Piece(f" {text} "),)


def color_piece(color: str) -> Piece:
    """The name of a colour on itself."""
    return chip(color, color) if color in COLORS[1:] else Piece(" none ", Ink.PLAIN)
