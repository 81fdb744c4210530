"""`Settings`: everything that can be set from outside, and the parser of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import platformdirs

from tui.model import OPTION_BOUNDS, PACES, RunOptions, Scope
from tui.settings import values
from tui.settings.hosts import HostPolicy, hosts
from tui.settings.values import Network, Parser, Secret

APP = "backfill-tui"

THEMES = (
    *("backfill-dark", "backfill-light", "ansi-dark", "ansi-light", "catppuccin-latte", "catppuccin-mocha", "dracula"),
    *("flexoki", "gruvbox", "monokai", "nord", "solarized-dark", "solarized-light", "textual-dark", "textual-light"),
    "tokyo-night",
)
"""The app's own themes, the terminal's own colours, and others that Textual ships."""

COLORS = ("none", "red", "amber", "green", "blue", "violet")
"""What a deployment can be told by in the app's header."""

KEY_VARIABLES = ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY")
"""Where Supabase projects keep their service key, in falling precedence."""


NO_KEY = Secret()


def default_store() -> str:
    """The local store in the platform's data folder."""
    return f"local:{platformdirs.user_data_path(APP)}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set from outside: `deadline` in seconds for one exchange, `max_bytes` for one body.

    `allow_networks` are those inside which images may be fetched although they are not public. `profile` is the one in
    force, empty when none is. `key_variable` names where the key has to come from, empty for the usual names.
    """

    store: str = field(default_factory=default_store)
    batch_size: int = 10
    max_images: int = 20
    limit: int = 100
    pace: str = "normal"
    bandwidth: int = 0
    include_private: bool = False
    contact: str = ""
    deadline: float = 30.0
    max_bytes: int = 25 * 1024 * 1024
    allow_networks: tuple[Network, ...] = ()
    respect_opt_out: bool = True
    originals: bool = True
    keep_gps: bool = False
    verify: str = "decode"
    theme: str = "backfill-dark"
    hosts: Mapping[str, HostPolicy] = field(default_factory=dict)
    supabase_url: str = ""
    supabase_key: Secret = NO_KEY
    organizations_table: str = ""  # empty: whichever of organizations and businesses there is
    read_only: bool = False
    profile: str = ""
    color: str = "none"
    key_variable: str = ""

    def options(self, organization_ids: tuple[str, ...] = (), *, dry_run: bool = False) -> RunOptions:
        """Run options with these defaults."""
        scope = Scope(organization_ids=organization_ids, include_private=self.include_private)
        return RunOptions(self.batch_size, self.max_images, self.limit, self.pace, scope, dry_run, self.bandwidth)

    def at(self, store: str) -> Settings:
        """These settings on another store, which is no profile's."""
        return replace(self, store=store, profile="", color="none", key_variable="")

    @property
    def project(self) -> str:
        """The URL of the Supabase project that the store is, empty for a local store and where no URL is set."""
        scheme, _, url = self.store.partition(":")
        return (url or self.supabase_url) if scheme == "supabase" else ""

    @property
    def lacks(self) -> str:
        """What opening the store still needs, in one sentence; empty when nothing is missing."""
        if self.store.partition(":")[0] != "supabase":
            return ""
        if not self.project:
            return (
                f"no Supabase project is named: set SUPABASE_URL and {KEY_VARIABLES[0]} {_PLACE}, or give a --profile."
            )
        return "" if self.supabase_key else self._without_key()

    def _without_key(self) -> str:
        if self.key_variable:
            named = f"the profile {self.profile!r}" if self.profile else "key_variable"
            return f"{self.key_variable}, where {named} keeps the key of {self.project}, is not set; set it {_PLACE}."
        if self.profile:
            return (
                f"the profile {self.profile!r} has no key: name a variable in its key_variable, and set that {_PLACE}; "
                f"or connect in the app, which asks for the key."
            )
        return f"there is no key for {self.project}: set {' or '.join(KEY_VARIABLES)} {_PLACE}."


_PLACE = "in the environment or in .env"

PARSERS: Mapping[str, Parser] = {
    "store": values.store,
    **{name: values.whole(low, high) for name, low, high in OPTION_BOUNDS},
    "pace": values.choice(*PACES),
    "bandwidth": values.bandwidth,
    "include_private": values.flag,
    "contact": values.text,
    "deadline": values.number(1, 3600),
    "max_bytes": values.whole(1024, 1024**3),
    "allow_networks": values.networks,
    "respect_opt_out": values.flag,
    "originals": values.flag,
    "keep_gps": values.flag,
    "verify": values.choice("decode", "structure"),
    "theme": values.choice(*THEMES),
    "hosts": hosts,
    "supabase_url": values.project_url,
    "supabase_key": values.key,
    "organizations_table": values.identifier,
    "read_only": values.flag,
    "profile": values.profile,
    "color": values.choice(*COLORS),
    "key_variable": values.variable,
}

if set(PARSERS) != {item.name for item in fields(Settings)}:  # a field without a parser could never be set
    raise AssertionError(set(PARSERS) ^ {item.name for item in fields(Settings)})
