"""Flags over a profile over environment over `.env` over a TOML file, as one frozen `Settings`; secrets stay masked.

Keys are named alike everywhere: `batch_size` in the TOML file, `BACKFILL_BATCH_SIZE` in the environment and in `.env`,
`--batch-size` on the command line. Where `SUPABASE_URL` and a service key are set and no source chooses a store, the
store is that project.

A **profile** names a deployment: a table `[profiles.NAME]` in the TOML file, or a connection that the app remembers
(the file's wins on equal names). The strongest source that names a profile or a store decides which of them holds. A
profile replaces at once everything that says where a deployment is: store, URL and key; an exported `SUPABASE_URL`
has no say any more, and no key goes to a project other than its own: `key_variable` names the variable that holds it,
and without one the usual variables count only where no other project's URL stands beside them. A profile can make a
deployment read-only, and never lifts what another source says. A key is read from the environment and from `.env`,
and never written.
"""

from tui.settings.hosts import HostPolicy
from tui.settings.keys import Claims, claims_of, unfit
from tui.settings.loading import load_settings
from tui.settings.profiles import Profile, forget, nameable, profiles, remember, remembered
from tui.settings.record import APP, COLORS, KEY_VARIABLES, THEMES, Settings, default_store
from tui.settings.sources import CONFIG_VARIABLE, FOREIGN_NAMES, PREFIX, config_path
from tui.settings.values import Secret, SettingsError, masked, project_url

__all__ = [
    "APP",
    "COLORS",
    "CONFIG_VARIABLE",
    "FOREIGN_NAMES",
    "KEY_VARIABLES",
    "PREFIX",
    "THEMES",
    "Claims",
    "HostPolicy",
    "Profile",
    "Secret",
    "Settings",
    "SettingsError",
    "claims_of",
    "config_path",
    "default_store",
    "forget",
    "load_settings",
    "masked",
    "nameable",
    "profiles",
    "project_url",
    "remember",
    "remembered",
    "unfit",
]
