"""Flags over environment over `.env` over a TOML file, merged into one frozen `Settings`; secrets stay masked.

Keys are named alike everywhere: `batch_size` in the TOML file, `BACKFILL_BATCH_SIZE` in the environment and in `.env`,
`--batch-size` on the command line.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import platformdirs
from dotenv import dotenv_values

from tui.model import OPTION_BOUNDS, PACES, Problem, RunOptions, Scope

APP = "backfill-tui"
PREFIX = "BACKFILL_"
CONFIG_VARIABLE = "BACKFILL_CONFIG"

THEMES = (
    *("backfill-dark", "backfill-light", "ansi-dark", "ansi-light", "catppuccin-latte", "catppuccin-mocha", "dracula"),
    *("flexoki", "gruvbox", "monokai", "nord", "solarized-dark", "solarized-light", "textual-dark", "textual-light"),
    "tokyo-night",
)
"""The app's own themes, the terminal's own colours, and others that Textual ships."""

FOREIGN_NAMES = {
    "SUPABASE_URL": "supabase_url",
    "NEXT_PUBLIC_SUPABASE_URL": "supabase_url",
    "SUPABASE_SERVICE_ROLE_KEY": "supabase_key",
    "SUPABASE_SECRET_KEY": "supabase_key",
}
"""Variables that Supabase projects have already, in falling precedence where two name one key."""


class SettingsError(Problem):
    """A setting that cannot be used: names its source, its key and the nearest valid key or value."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that never shows itself; `reveal` is the one way to it."""

    _text: str

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret()"

    __str__ = __repr__


def default_store() -> str:
    """The local store in the platform's data folder."""
    return f"local:{platformdirs.user_data_path(APP)}"


def config_path(environ: Mapping[str, str]) -> Path:
    """The TOML file: `$BACKFILL_CONFIG`, else `config.toml` in the platform's config folder."""
    named = environ.get(CONFIG_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_config_path(APP) / "config.toml"


HostPolicy = tuple[int | None, float | None]
"""Slots and requests per second of one host; None leaves the profile's own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set from outside: `deadline` in seconds for one exchange, `max_bytes` for one body."""

    store: str = field(default_factory=default_store)
    batch_size: int = 10
    max_images: int = 20
    limit: int = 100
    pace: str = "normal"
    include_private: bool = False
    contact: str = ""
    deadline: float = 30.0
    max_bytes: int = 25 * 1024 * 1024
    theme: str = "backfill-dark"
    hosts: Mapping[str, HostPolicy] = field(default_factory=dict)
    supabase_url: str = ""
    supabase_key: Secret = field(default_factory=lambda: Secret(""))

    def options(self, organization_ids: tuple[str, ...] = (), *, dry_run: bool = False) -> RunOptions:
        """Run options with these defaults."""
        scope = Scope(organization_ids=organization_ids, include_private=self.include_private)
        return RunOptions(self.batch_size, self.max_images, self.limit, self.pace, scope, dry_run)


Value = object


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _flag(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).lower() not in words:
        raise ValueError("must be true or false")
    return words[str(value).lower()]


def _whole(low: int, high: int) -> Callable[[Value], int]:
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


def _number(low: float, high: float) -> Callable[[Value], float]:
    def parse(value: Value) -> float:
        message = f"must be a number between {low:g} and {high:g}"
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(message)
        try:
            number = float(value)
        except ValueError:
            raise ValueError(message) from None
        if math.isnan(number) or not low <= number <= high:
            raise ValueError(message)
        return number

    return parse


def _choice(*names: str) -> Callable[[Value], str]:
    def parse(value: Value) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}{_nearest(str(value), names)}")
        return str(value)

    return parse


def _policy(value: Value) -> HostPolicy:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table with slots and rate")
    for key in value:
        if key not in ("slots", "rate"):
            raise ValueError(f"has no key {key!r}{_nearest(str(key), ('slots', 'rate'))}")
    slots = _whole(1, 1_000)(value["slots"]) if "slots" in value else None
    rate = _number(0.01, 10_000)(value["rate"]) if "rate" in value else None
    return slots, rate


def _hosts(value: Value) -> dict[str, HostPolicy]:
    if not isinstance(value, Mapping):
        raise ValueError('must be tables such as [hosts."img.example.com"]')
    policies = {}
    for host, policy in value.items():
        try:
            policies[str(host).lower()] = _policy(policy)
        except ValueError as error:
            raise ValueError(f"entry {host!r} {error}") from None
    return policies


_PARSERS: dict[str, Callable[[Value], object]] = {
    "store": _text,
    **{name: _whole(low, high) for name, low, high in OPTION_BOUNDS},
    "pace": _choice(*PACES),
    "include_private": _flag,
    "contact": _text,
    "deadline": _number(1, 3600),
    "max_bytes": _whole(1024, 1024**3),
    "theme": _choice(*THEMES),
    "hosts": _hosts,
    "supabase_url": _text,
    "supabase_key": lambda value: Secret(_text(value)),
}

if set(_PARSERS) != {item.name for item in fields(Settings)}:  # a field without a parser could never be set
    raise AssertionError(set(_PARSERS) ^ {item.name for item in fields(Settings)})


def _nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _sentence(words: str) -> str:
    return words if words.endswith("?") else f"{words}."


@dataclass(frozen=True, slots=True)
class _Entry:
    """One value as found: where, under which name there, for which key."""

    source: str
    name: str
    key: str
    value: Value

    def parse(self) -> object:
        try:
            return _PARSERS[self.key](self.value)
        except ValueError as error:
            shown = "" if self.key in ("supabase_key", "hosts") else f", not {self.value!r}"
            raise SettingsError(_sentence(f"{self.source}: {self.name} {error}{shown}")) from None


def load_settings(
    flags: Mapping[str, Value] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Merge all sources; `flags` by key (None: not given), `.env` is looked for in `folder` (the current one).

    Raises SettingsError on the first value that cannot be used, wherever it stands.
    """
    environ = os.environ if environ is None else environ
    dotenv = (folder or Path.cwd()) / ".env"
    merged: dict[str, object] = {}
    layers = (
        _from_toml(config_path(environ), named=bool(environ.get(CONFIG_VARIABLE))),
        _from_variables(_read_dotenv(dotenv), f"{dotenv}"),
        _from_variables(environ, "environment"),
        _from_flags(flags or {}),
    )
    for layer in layers:
        merged |= {entry.key: entry.parse() for entry in layer}
    return Settings(**merged)  # type: ignore[arg-type]


def _from_flags(flags: Mapping[str, Value]) -> Iterator[_Entry]:
    for key, value in flags.items():
        if value is not None:
            yield _Entry("command line", f"--{key.replace('_', '-')}", key, value)


def _from_variables(variables: Mapping[str, str], source: str) -> Iterator[_Entry]:
    known = {f"{PREFIX}{key.upper()}": key for key in _PARSERS if key != "hosts"}
    for name in reversed(FOREIGN_NAMES):
        if variables.get(name):
            yield _Entry(source, name, FOREIGN_NAMES[name], variables[name])
    for name, value in variables.items():
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE:
            continue
        if name not in known:
            raise SettingsError(_sentence(f"{source}: there is no setting {name}{_nearest(name, list(known))}"))
        yield _Entry(source, name, known[name], value)


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error.__class__.__name__}); mend or remove it.") from None
    return {name: value for name, value in values.items() if value is not None}


def _from_toml(path: Path, *, named: bool) -> Iterator[_Entry]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingsError(f"environment: {CONFIG_VARIABLE} names {path}, which does not exist.") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error.__class__.__name__}); mend or remove it.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}.") from None
    for key, value in table.items():
        if key not in _PARSERS:
            raise SettingsError(_sentence(f"{path}: there is no setting {key!r}{_nearest(key, list(_PARSERS))}"))
        yield _Entry(str(path), key, key, value)
