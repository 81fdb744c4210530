"""A JSON object as text, of which some members are changed and all others stay as they were written.

Decoded and encoded again, a number with many digits would be another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

_decoder = json.JSONDecoder()


def merged(text: str, changes: Mapping[str, object]) -> str:
    """The object with these members set; those that are to be None are taken out. Raises ValueError for no object."""
    members = dict(_members(text))
    for name, value in changes.items():
        members.pop(name, None)
        if value is not None:
            members[name] = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return joined(members)


def joined(members: Mapping[str, str]) -> str:
    """The object with these members, each the text of some JSON."""
    content = ", ".join(f"{json.dumps(name)}: {text}" for name, text in members.items())
    return f"{{{content}}}"


def _members(text: str) -> Iterator[tuple[str, str]]:
    """The names and the texts of an object's members."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("no JSON object")
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)  # behind the colon
        _, end = _decoder.raw_decode(text, start)
        yield name, text[start:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at
