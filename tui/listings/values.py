"""The values of a feed's cells: numbers with units, prices with currencies, VINs, lists of URLs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime

# A comma may be part of a URL; one before the next scheme (or `//`) is a separator.
_BETWEEN_URLS = re.compile(r"[\s,;|]+(?=(?:https?:)?//)", re.IGNORECASE)

_VIN = re.compile(r"[A-Z0-9]{11,17}")
_NUMBER = re.compile(r"-?\d[\d.,'\u2019 \u00a0\u202f]*")
_KILOMETRES = re.compile(r"\bkm\b|kilomet", re.IGNORECASE)
_MILES_PER_KILOMETRE = 0.621371

FIRST_YEAR = 1885
_MOST_MILES = 10_000_000

_TRUE = frozenset({"true", "t", "yes", "y", "1", "on", "public"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "off", "private"})


def text(value: object) -> str | None:
    """A cell as one line of text; None when there is nothing in it."""
    if isinstance(value, str) and value.isalnum():
        return value
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    return " ".join(str(value).replace("\0", " ").split()) or None


def vin(value: object) -> str | None:
    """A VIN in upper case, 11 to 17 letters and digits; None for anything else, placeholders such as 000… included."""
    candidate = str(value).upper()
    if not candidate.isalnum():
        candidate = re.sub(r"[\s-]+", "", candidate)
    if not _VIN.fullmatch(candidate) or not any(letter.isdigit() for letter in candidate):
        return None
    return candidate if len(set(candidate)) > 3 else None


def year(value: object) -> int | None:
    """A model year from 1885 to the next one; None for anything else."""
    found = number(value)
    if found is None or not found.is_integer():
        return None
    return int(found) if FIRST_YEAR <= found <= datetime.now(UTC).year + 1 else None


def miles(value: object) -> int | None:
    """A mileage such as `12,345 miles`, in miles; kilometres are converted."""
    found = number(value)
    if found is None:
        return None
    if isinstance(value, str) and _KILOMETRES.search(value):
        found *= _MILES_PER_KILOMETRE
    return round(found) if 0 <= found <= _MOST_MILES else None


def price(value: object) -> float | None:
    """A price such as `12,500 USD` or `$12,500.00`, without its currency."""
    found = number(value)
    return found if found is not None and 0 <= found < 1e12 else None


def number(value: object) -> float | None:
    """The first number in a cell; both `12,345.67` and `12.345,67` are read as people write them."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return _finite(value)
    if str(value).isdigit():
        return _finite(str(value))
    match = _NUMBER.search(str(value))
    return _finite(_plain(match.group().rstrip(".,' "))) if match else None


def _finite(value: int | float | str) -> float | None:
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _plain(digits: str) -> str:
    digits = re.sub(r"['\u2019\s]", "", digits)
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits
    mark, tail = digits[last], digits[last + 1 :]
    both = "," in digits and "." in digits
    # 12,345 and 1.234.567 hold thousands; 12.5, 12,50 and 1,234.567 end in a fraction.
    decimal = both or (digits.count(mark) == 1 and len(tail) != 3)
    whole = re.sub(r"[.,]", "", digits[:last])
    return f"{whole}.{tail}" if decimal else whole + tail


def truth(value: object) -> bool | None:
    """Whether a cell says yes or no; None when it says neither."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def urls(value: object) -> list[str]:
    """The URLs of a cell: a list, a JSON list in a string, or URLs between commas, bars or white space.

    What is no URL is kept as it stands; judging it belongs to whoever fetches it.
    """
    if isinstance(value, str):
        return _split(value)
    if isinstance(value, dict):
        return _split_all(value.get(key) for key in ("url", "src", "href"))[:1]
    return _split_all(value) if isinstance(value, list) else []


def _split_all(values: Iterable[object]) -> list[str]:
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found += [value.strip()] if value.strip() else []
        elif isinstance(value, dict):
            found += urls(value)
    return found


def _split(cell: str) -> list[str]:
    cell = cell.strip()
    if cell.startswith("["):
        try:
            return urls(json.loads(cell))
        except (ValueError, RecursionError):
            pass
    return [part for part in (part.strip(" \t\r\n,;|") for part in _BETWEEN_URLS.split(cell)) if part]
