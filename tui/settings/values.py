"""What one value may be: parsers that turn text or TOML into a setting, or say in a phrase what it must be."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from tui.model import MOST_BANDWIDTH, Problem

Value = object
Parser = Callable[[Value], object]

Network = IPv4Network | IPv6Network


LEAST_BANDWIDTH = 1_000


class SettingsError(Problem):
    """A setting that cannot be used: names its source, its key and the nearest valid key or value."""


class Secret:
    """A text that never shows itself; `reveal` is the one way to it.

    Not a dataclass: `dataclasses.asdict` would lay it open.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret()"

    __str__ = __repr__


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that asks for the nearest known word, empty when none is near."""
    return asked(close(word, known))


def close(word: str, known: Iterable[str]) -> list[str]:
    """The nearest known word, none when none is near."""
    return difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)


def asked(words: Iterable[str]) -> str:
    """A clause that asks whether the first of the words was meant, empty where there is none."""
    return next((f"; did you mean {word!r}?" for word in words), "")


def sentence(words: str) -> str:
    """The words with an end."""
    return words if words.endswith("?") else f"{words}."


_USER = re.compile(r"[^\s'\"]+(?=@)")
_KEY = re.compile(r"\b(?:sb_|eyJ)[\w.~+/=-]*")


def masked(words: str) -> str:
    """The words without what may be secret in them: keys, and who logs in to an address, with which password."""
    return _KEY.sub("***", _USER.sub("***", words))


def is_delicate(name: str) -> bool:
    """Whether a name is a key or an address, which may have a password in it."""
    return "://" in name or _KEY.search(name) is not None


def text(value: Value) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def flag(value: Value) -> bool:
    """True or false, also as a word."""
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).lower() not in words:
        raise ValueError("must be true or false")
    return words[str(value).lower()]


def whole(low: int, high: int) -> Callable[[Value], int]:
    """A whole number within bounds."""

    def parse(value: Value) -> int:
        message = f"must be a whole number between {low:,} and {high:,}"
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError(message) from None
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise ValueError(message)
        return number

    return parse


def number(low: float, high: float) -> Callable[[Value], float]:
    """A number within bounds."""

    def parse(value: Value) -> float:
        message = f"must be a number between {low:g} and {high:g}"
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(message)
        try:
            parsed = float(value)
        except ValueError:
            raise ValueError(message) from None
        if math.isnan(parsed) or not low <= parsed <= high:
            raise ValueError(message)
        return parsed

    return parse


def choice(*names: str) -> Callable[[Value], str]:
    """One of these words."""

    def parse(value: Value) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}{nearest(str(value), names)}")
        return str(value)

    return parse


_BANDWIDTH = re.compile(r"([0-9]{1,11}(?:\.[0-9]{1,3})?)\s*([kmg]?)(?:b?/s)?")


def bandwidth(value: Value) -> int:
    """Bytes per second: a number, also with K, M or G (thousands, millions, billions); 0 or none is no limit."""
    match = _BANDWIDTH.fullmatch(str(value).strip().lower().replace("none", "0"))
    if match is None:
        raise ValueError("must be bytes per second such as 500K or 2M, or 0 for no limit")
    size = round(float(match[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[2]])
    if 0 < size < LEAST_BANDWIDTH or size > MOST_BANDWIDTH:
        raise ValueError(f"must be 0, or between {LEAST_BANDWIDTH:,} and {MOST_BANDWIDTH:,} bytes per second")
    return size


def networks(value: Value) -> tuple[Network, ...]:
    """IP networks in CIDR notation, as a list or with commas between; an address is a network of one."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list):
        raise ValueError("must be a list of networks such as 10.20.0.0/16")
    return tuple(_network(str(word).strip()) for word in words if word)


def _network(word: str) -> Network:
    try:
        return ip_network(word)
    except ValueError:
        raise ValueError(f"must name networks such as 10.20.0.0/16, which {word!r} is not") from None


def project_url(value: Value) -> str:
    """The address of a Supabase project, `https://HOST[:PORT]`; what users copy behind it (`/rest/v1`) is cut off."""
    must = ValueError("must be a project's address such as https://abcdefgh.supabase.co")
    try:
        parts = urlsplit(text(value).strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise must from None
    clean = re.fullmatch(r"[\w.:\[\]-]+", parts.netloc, re.ASCII)
    if parts.scheme not in ("http", "https") or not host or not clean or parts.query or parts.fragment:
        raise must
    path = re.sub(r"/(rest|storage|auth|functions)/v1(/.*)?$", "", parts.path).rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def store(value: Value) -> str:
    """The address of a store; that of a project is held to the form of one."""
    scheme, _, rest = text(value).partition(":")
    if scheme == "supabase":
        return f"supabase:{project_url(rest)}" if rest else "supabase"
    if scheme != "local" or not rest or "://" in rest:
        raise ValueError("must be local:PATH, where PATH is a folder, or supabase")
    return f"local:{rest}"


def key(value: Value) -> Secret:
    """A service key: what can stand in an HTTP header, and is no address."""
    word = text(value).strip()
    if not word.isascii() or not word.isprintable() or " " in word:
        raise ValueError("must be a key as the project's settings page shows it, in one piece")
    if word.startswith(("http://", "https://")):
        raise ValueError("must be a key, and is an address")
    return Secret(word)


def profile(value: Value) -> str:
    """The name of a profile; a key or an address in its place is refused."""
    name = text(value)
    if is_delicate(name):
        raise ValueError("must be the name of a profile, never a key or an address")
    return name


def variable(value: Value) -> str:
    """The name of an environment variable; a key in its place is refused."""
    name = text(value).strip()
    if name and (not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name) or name.startswith(("sb_", "eyJ"))):
        raise ValueError("must be the name of the variable that holds the key, never the key itself")
    return name


def identifier(value: Value) -> str:
    """The name of a table, or nothing."""
    name = text(value).strip()
    if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name):
        raise ValueError("must be the name of a table")
    return name


def refused_key(value: Value) -> Secret:
    """A key in a file that is neither the environment nor `.env` is never taken."""
    raise ValueError(
        "is not read from here: keep the key in SUPABASE_SERVICE_ROLE_KEY or in a variable that key_variable names, "
        "in the environment or in .env"
    )
