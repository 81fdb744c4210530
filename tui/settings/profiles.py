"""Named deployments: those of the TOML file, and the connections that the app remembers (without their keys)."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tui.settings.sources import CONFIG_VARIABLE, PROFILES, Entry, config_path, read_toml
from tui.settings.values import SettingsError, Value, is_delicate, masked, nearest, refused_key, sentence

MEMORY = "connections.json"
"""The file of remembered connections, beside the TOML file."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A deployment by name: a Supabase project (`supabase_url`) or another store (`store`), and never a key.

    `key_variable` names the variable that holds the project's key; `color` is one of `COLORS`.
    """

    name: str
    supabase_url: str = ""
    store: str = ""
    color: str = "none"
    key_variable: str = ""
    read_only: bool = False
    organizations_table: str = ""


_KEYS = ("supabase_url", "store", "color", "key_variable", "read_only", "organizations_table")


def profiles(environ: Mapping[str, str] | None = None) -> tuple[Profile, ...]:
    """Every profile there is: those of the TOML file, then remembered ones of other names. Raises SettingsError."""
    environ = os.environ if environ is None else environ
    path = config_path(environ)
    written = tuple(from_table(read_toml(path, named=bool(environ.get(CONFIG_VARIABLE))), path))
    names = {profile.name for profile in written}
    return (*written, *(profile for profile in remembered(environ) if profile.name not in names))


def find(name: str, known: Iterable[Profile], path: Path) -> Profile:
    """The profile of this name; raises SettingsError with the nearest one."""
    by_name = {profile.name: profile for profile in known}
    if name in by_name:
        return by_name[name]
    rest = nearest(name, by_name) or (f"; there are {', '.join(by_name)}" if by_name else "; none is written down yet")
    raise SettingsError(sentence(f"{path}: there is no profile {masked(name)!r}{rest}"))


def from_table(table: Mapping[str, Value], path: Path) -> Iterator[Profile]:
    """The profiles of the TOML file; raises SettingsError that names file, profile and key."""
    named = table.get(PROFILES, {})
    if not isinstance(named, Mapping):
        raise SettingsError(f"{path}: {PROFILES} must be tables such as [{PROFILES}.production].")
    for name, entries in named.items():
        yield _profile(name, entries, path, f"{PROFILES}.{name}")


def _profile(name: str, table: Value, path: Path, place: str) -> Profile:
    if not nameable(name):
        # It is not repeated: what is no name may be a key.
        raise SettingsError(
            f"{path}: a profile has what is no name: give it up to 40 printable characters, never a key or an address."
        )
    if not isinstance(table, Mapping):
        raise SettingsError(f"{path}: {place} must be a table with supabase_url, color and the like.")
    given = {str(key): _parsed(Entry(str(path), f"{place}.{key}", str(key), value)) for key, value in table.items()}
    if bool(given.get("supabase_url")) == bool(given.get("store")):
        raise SettingsError(f"{path}: {place} must have either supabase_url or store.")
    return Profile(name, **given)  # type: ignore[arg-type]


def nameable(name: str) -> bool:
    """Whether this can be the name of a profile."""
    return bool(name.strip()) and name.isprintable() and len(name) <= 40 and not is_delicate(name)


def _parsed(entry: Entry) -> object:
    if entry.key == "supabase_key":
        return entry.parse(refused_key)
    if entry.key not in _KEYS:
        raise SettingsError(sentence(f"{entry.source}: there is no {entry.name}{nearest(entry.key, _KEYS)}"))
    return entry.parse()


def checked(profile: Profile, *, named: bool = False) -> Profile:
    """The connection that someone typed, in the form that settings have; raises SettingsError."""
    place = profile.name or "connection"
    made = _profile(profile.name if named else place, _written(profile), Path("the app"), place)
    return replace(made, name=profile.name)


def memory_path(environ: Mapping[str, str]) -> Path:
    """The file of remembered connections."""
    return config_path(environ).with_name(MEMORY)


def remembered(environ: Mapping[str, str] | None = None) -> tuple[Profile, ...]:
    """The connections that the app remembers, by name; raises SettingsError when their file cannot be read."""
    path = memory_path(os.environ if environ is None else environ)
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return tuple(_profile(name, entries, path, name) for name, entries in table.items())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error.__class__.__name__}); mend or remove it.") from None


def remember(profile: Profile, environ: Mapping[str, str] | None = None) -> None:
    """Keep a connection under its name, in place of one of the same name; raises SettingsError."""
    environ = os.environ if environ is None else environ
    kept = {known.name: known for known in remembered(environ)} | {profile.name: checked(profile, named=True)}
    _keep(kept.values(), memory_path(environ))


def forget(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Forget a remembered connection; False when there is none of this name. Raises SettingsError."""
    environ = os.environ if environ is None else environ
    known = remembered(environ)
    kept = [profile for profile in known if profile.name != name]
    if len(kept) < len(known):
        _keep(kept, memory_path(environ))
    return len(kept) < len(known)


def _written(profile: Profile) -> dict[str, object]:
    return {key: value for key, value in asdict(profile).items() if key != "name" and value not in ("", "none", False)}


def _keep(kept: Iterable[Profile], path: Path) -> None:
    table = {profile.name: _written(profile) for profile in sorted(kept, key=lambda profile: profile.name)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, json.dumps(table, indent=2, ensure_ascii=False))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}).") from None


def _write_whole(path: Path, content: str) -> None:
    """Write the file or leave it as it was; only its owner may read it (`mkstemp` makes it so)."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        Path(draft).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise
