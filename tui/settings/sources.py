"""Where settings stand: flags, variables and the TOML file, each read into entries that know their place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from dotenv import dotenv_values

from tui.settings.record import APP, KEY_VARIABLES, PARSERS
from tui.settings.values import Parser, SettingsError, Value, asked, close, nearest, refused_key, sentence

PREFIX = "BACKFILL_"
CONFIG_VARIABLE = "BACKFILL_CONFIG"
PROFILES = "profiles"

FOREIGN_NAMES = {
    "SUPABASE_URL": "supabase_url",
    "NEXT_PUBLIC_SUPABASE_URL": "supabase_url",
    **dict.fromkeys(KEY_VARIABLES, "supabase_key"),
}
"""Variables that Supabase projects have already, in falling precedence where two name one key."""

FLAGS_ALONE = frozenset(
    {
        *("demo", "version", "help", "json", "dry_run", "workers", "organization_id", "organization"),
        *("filter", "sort", "rows", "offset", "fix", "yes", "drop"),
    }
)
"""Flags of the command line that are no settings."""

_UNSHOWN = ("supabase_key", "supabase_url", "key_variable", "store", "profile", "hosts")
"""Settings whose bad value is not repeated: it is a secret, may be one in the wrong place, or is a whole table."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as found: where, under which name there, for which key."""

    source: str
    name: str
    key: str
    value: Value

    def parse(self, parser: Parser | None = None) -> object:
        """The setting; raises SettingsError that names the place."""
        try:
            return (parser or PARSERS[self.key])(self.value)
        except ValueError as error:
            shown = "" if self.key in _UNSHOWN else f", not {self.value!r}"
            raise SettingsError(sentence(f"{self.source}: {self.name} {error}{shown}")) from None


def parsed(entries: Iterable[Entry]) -> dict[str, object]:
    """One layer of settings."""
    return {entry.key: entry.parse() for entry in entries}


def config_path(environ: Mapping[str, str]) -> Path:
    """The TOML file: `$BACKFILL_CONFIG`, else `config.toml` in the platform's config folder."""
    named = environ.get(CONFIG_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_config_path(APP) / "config.toml"


def from_flags(flags: Mapping[str, Value]) -> Iterator[Entry]:
    """The flags that were given (those not None)."""
    for key, value in flags.items():
        if value is not None:
            yield Entry("command line", f"--{key.replace('_', '-')}", key, value)


def from_variables(variables: Mapping[str, str], source: str) -> Iterator[Entry]:
    """Supabase's variables that are not empty, then our own; raises SettingsError for an unknown name."""
    known = {f"{PREFIX}{key.upper()}": key for key in PARSERS if key != "hosts"}
    for name in reversed(FOREIGN_NAMES):
        if variables.get(name):
            yield Entry(source, name, FOREIGN_NAMES[name], variables[name])
    for name, value in variables.items():
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE:
            continue
        if name not in known:
            raise SettingsError(sentence(f"{source}: there is no setting {name}{_instead(name, known)}"))
        yield Entry(source, name, known[name], value)


def _instead(name: str, known: Mapping[str, str]) -> str:
    """What to do about a variable that is no setting."""
    key = name.removeprefix(PREFIX).lower()
    if key == "hosts":
        return ": hosts are tables of config.toml alone"
    # Without the prefix, which would make any two of them look alike.
    return _as_flag(key) or asked(PREFIX + near.upper() for near in close(key, known.values()))


def _as_flag(key: str) -> str:
    flag = key.replace("_", "-")
    return f": --{flag} is a flag of the command line alone" if key.replace("-", "_") in FLAGS_ALONE else ""


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a `.env` file, none where it is not there."""
    if not path.is_file():
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error.__class__.__name__}); mend or remove it.") from None
    return {name: value for name, value in values.items() if value is not None}


def read_toml(path: Path, *, named: bool) -> dict[str, Value]:
    """The tables of the TOML file, none where it is not there unless it was `named`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingsError(f"environment: {CONFIG_VARIABLE} names {path}, which does not exist.") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error.__class__.__name__}); mend or remove it.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}.") from None


def from_toml(table: Mapping[str, Value], path: Path) -> Iterator[Entry]:
    """The settings of the TOML file, its profiles left out."""
    for key, value in table.items():
        if key == PROFILES:
            continue
        if key not in PARSERS:
            instead = _as_flag(key) or nearest(key, [*PARSERS, PROFILES])
            raise SettingsError(sentence(f"{path}: there is no setting {key!r}{instead}"))
        entry = Entry(str(path), key, key, value)
        if key == "supabase_key":
            entry.parse(refused_key)
        yield entry
