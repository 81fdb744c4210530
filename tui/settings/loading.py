"""All sources merged into one `Settings`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tui.settings import sources
from tui.settings.profiles import Profile, checked, find, from_table, remembered
from tui.settings.record import NO_KEY, Settings
from tui.settings.sources import CONFIG_VARIABLE, Entry, config_path
from tui.settings.values import Secret, SettingsError, Value

Layer = Mapping[str, object]


def load_settings(
    flags: Mapping[str, Value] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    *,
    connection: Profile | None = None,
    key: Secret = NO_KEY,
) -> Settings:
    """Merge all sources; `flags` by key (None: not given), `.env` is looked for in `folder` (the current one).

    A `connection` that someone typed or picked takes the place of every store and profile that is named elsewhere;
    without a `key` of its own it has the one that its variable holds. Raises SettingsError on the first value that
    cannot be used, wherever it stands.
    """
    found = _look(os.environ if environ is None else environ, folder or Path.cwd(), flags or {})
    settings = _ambient(found)
    profile = checked(connection) if connection else _chosen(found)
    flagged = dict(found.layers[-1])
    if profile:
        settings = _on(settings, profile, key or _key_for(profile, settings, found))
        flagged = {name: value for name, value in flagged.items() if name not in ("store", "profile")}
    return replace(settings, **flagged)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the sources say: layers with the strongest last, which is the flags'; `variables` by source, as `.env`'s."""

    layers: Sequence[Layer]
    variables: Mapping[str, Mapping[str, str]]
    written: Sequence[Profile]
    environ: Mapping[str, str]


def _look(environ: Mapping[str, str], folder: Path, flags: Mapping[str, Value]) -> _Found:
    path, dotenv = config_path(environ), folder / ".env"
    table = sources.read_toml(path, named=bool(environ.get(CONFIG_VARIABLE)))
    variables = {str(dotenv): sources.read_dotenv(dotenv), "environment": environ}
    layers = [
        sources.parsed(sources.from_toml(table, path)),
        *(sources.parsed(sources.from_variables(given, source)) for source, given in variables.items()),
        sources.parsed(sources.from_flags(flags)),
    ]
    return _Found(layers, variables, tuple(from_table(table, path)), environ)


def _ambient(found: _Found) -> Settings:
    """What holds where no profile does."""
    merged: dict[str, object] = {}
    for layer in found.layers:
        merged |= layer
    settings = Settings(**merged | {"profile": ""})  # type: ignore[arg-type]
    if settings.key_variable:
        settings = replace(settings, supabase_key=_key_in(settings.key_variable, found))
    # Without its key as well: whoever names a project must not find the work done on another store.
    if "store" not in merged and settings.supabase_url:
        return replace(settings, store="supabase")
    return settings


def _chosen(found: _Found) -> Profile | None:
    """The profile in force: the strongest source that names a profile or a store decides."""
    flags = found.layers[-1]
    if flags.get("profile") and "store" in flags:
        raise SettingsError("--profile and --store exclude each other: a profile brings its own store.")
    for layer in reversed(found.layers):
        if "profile" in layer:
            return _named(str(layer["profile"]), found)
        if "store" in layer:
            return None
    return None


def _named(name: str, found: _Found) -> Profile | None:
    if not name:
        return None
    path = config_path(found.environ)
    if any(profile.name == name for profile in found.written):
        return find(name, found.written, path)
    return find(name, (*found.written, *remembered(found.environ)), path)


def _key_for(profile: Profile, ambient: Settings, found: _Found) -> Secret:
    """The key in the profile's own variable; without one the ambient key, unless that is another project's."""
    if profile.key_variable:
        return _key_in(profile.key_variable, found)
    return ambient.supabase_key if ambient.supabase_url in ("", profile.supabase_url) else NO_KEY


def _key_in(variable: str, found: _Found) -> Secret:
    for source, given in reversed(tuple(found.variables.items())):
        if given.get(variable):
            key = Entry(source, variable, "supabase_key", given[variable]).parse()
            return key if isinstance(key, Secret) else NO_KEY
    return NO_KEY


def _on(settings: Settings, profile: Profile, key: Secret) -> Settings:
    """These settings on the profile's deployment. It can make them read-only, and never lifts that."""
    unnamed = f"supabase:{profile.supabase_url}" if profile.supabase_url else ""
    return replace(
        settings,
        store=profile.store or ("supabase" if profile.name else unnamed),
        supabase_url=profile.supabase_url,
        supabase_key=key if profile.supabase_url else NO_KEY,
        key_variable=profile.key_variable,
        organizations_table=profile.organizations_table or settings.organizations_table,
        read_only=settings.read_only or profile.read_only,
        profile=profile.name,
        color=profile.color,
    )
