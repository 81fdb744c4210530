"""Whether the host of an image wants it collected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_OPT_OUTS = frozenset({"noimageindex", "noai", "noimageai"})
_WITH_A_VALUE = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
"""Directives with a colon of their own, which is none behind a robot's name."""

# What has white space in it, or begins with a digit, is the rest of a date that has a comma and a time of day.
_ROBOT = re.compile(r"([^\s0-9/][^\s/]*)(?:/\S*)?")


def opt_out(values: Iterable[str], agent: str) -> str | None:
    """The first directive among an answer's X-Robots-Tag headers that asks robots, or `agent`, to leave an image alone.

    Directives behind the name of another robot are for that one alone, up to the next name or the end of the header:
    https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag#xrobotstag
    """
    for value in values:
        for robot, directive in _directives(value.lower()):
            if directive in _OPT_OUTS and robot in ("", "*", agent):
                return directive
    return None


def _directives(value: str) -> Iterator[tuple[str, str]]:
    robot = ""
    for part in value.split(","):
        name, colon, rest = part.strip().partition(":")
        name = name.strip()
        named = _ROBOT.fullmatch(name) if colon and name not in _WITH_A_VALUE else None
        if named:
            robot, name = named[1], rest.strip()
        yield robot, name
