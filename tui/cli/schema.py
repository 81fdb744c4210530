"""`backfill-tui schema`: our SQL for a Supabase project, to read and to install."""

from __future__ import annotations

from tui.cli import RAN
from tui.cli.parser import Arguments
from tui.cli.say import data
from tui.stores.schema import drop_script, install_script


async def schema(arguments: Arguments) -> int:
    """Print the script that installs, or the one that removes."""
    script = drop_script() if arguments.drop else install_script(arguments.settings.organizations_table)
    data(script.rstrip("\n"))
    return RAN
