"""The command line's grammar: argv → `Arguments`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tui import __version__
from tui.model import PACES, OrganizationSort, VehicleSort
from tui.settings import Settings, SettingsError, load_settings, masked

SETTING_FLAGS = (
    *("store", "profile", "read_only", "organizations_table"),
    *("batch_size", "max_images", "limit", "pace", "bandwidth", "verify", "include_private"),
)

MOST_WORKERS = 64

MOST_ROWS = 1_000_000_000

EPILOG = """\
Without a command the app opens. Every flag that tunes a run can also be set as BACKFILL_<NAME> in the environment
or in .env, or in config.toml; flags win, and a profile's project wins over that of the environment.
Exit codes: 0 ran, 1 could not run, 2 usage, 130 interrupted after a drain."""


@dataclass(frozen=True)
class Arguments:
    """One parsed command line. `command` None opens the app; `demo` None: no demo, `Path()`: its usual folder.

    `flags` are those that `settings` were loaded under, for loading others under the same.
    """

    command: str | None
    settings: Settings
    flags: Mapping[str, object] = field(default_factory=dict)
    demo: Path | None = None
    json: bool = False
    dry_run: bool = False
    organization_ids: tuple[str, ...] = ()
    organization_id: str | None = None
    file: Path = field(default_factory=Path)
    organization: str | None = None
    filter: str = ""
    sort: str = ""
    offset: int = 0
    rows: int = 100
    fix: bool = False
    workers: int = 1
    yes: bool = False
    drop: bool = False


class _Parser(argparse.ArgumentParser):
    """argparse that takes no flag by half its name; its errors are one sentence that leads on, without a secret."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{masked(message)}; see {self.prog} --help")


def _common() -> _Parser:
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("everywhere")
    group.add_argument(
        "--store",
        metavar="URL",
        help="local:PATH, or supabase: the project of SUPABASE_URL (default where that and a key are set)",
    )
    group.add_argument("--profile", metavar="NAME", help="a deployment that config.toml or the app knows by name")
    group.add_argument("--read-only", action="store_const", const=True, help="look at everything and write nothing")
    group.add_argument(
        "--demo",
        metavar="DIR",
        nargs="?",
        const="",
        help="open a small dealer world on this machine; =DIR chooses its folder",
    )
    group.add_argument("--version", action="version", version=f"backfill-tui {__version__}")
    return common


def _add_run_flags(parser: _Parser) -> None:
    parser.add_argument("--limit", metavar="N", help="vehicles to work on in this run (100)")
    parser.add_argument("--batch-size", metavar="N", help="vehicles claimed at once (10)")
    parser.add_argument("--max-images", metavar="N", help="images per vehicle (20)")
    parser.add_argument("--pace", metavar="NAME", help=f"{', '.join(PACES)} (normal)")
    parser.add_argument(
        "--bandwidth", metavar="RATE", help="bytes per second over all hosts, such as 500K or 2M (0: no limit)"
    )
    parser.add_argument(
        "--verify", metavar="HOW", help="decode images, or look at their structure alone: decode, structure (decode)"
    )
    parser.add_argument(
        "--include-private",
        action="store_const",
        const=True,
        help="also vehicles that are not public",
    )


def _add_organizations(parser: _Parser, text: str) -> None:
    parser.add_argument(
        "--organization-id", metavar="ID", action="append", dest="organization_ids", default=[], help=text
    )


def _add_paging(parser: _Parser, sorts: Sequence[str]) -> None:
    parser.add_argument("--filter", metavar="TEXT", default="", help="only rows that hold this text")
    parser.add_argument("--sort", choices=sorts, default=sorts[0], help=f"order of the rows ({sorts[0]})")
    parser.add_argument("--rows", metavar="N", type=_whole(0, MOST_ROWS), default=100, help="rows to print (100)")
    parser.add_argument("--offset", metavar="N", type=_whole(0, MOST_ROWS), default=0, help="rows to skip (0)")


def _whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(text: str) -> int:
        # The length is looked at first: Python refuses to read numbers of thousands of digits.
        if not text.isdecimal() or len(text) > len(str(high)) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number between {low:,} and {high:,}")
        return int(text)

    return parse


def _build() -> _Parser:
    common = _common()
    parser = _Parser(
        prog="backfill-tui",
        description="Trickle the photos of vehicle listings into your own storage: politely, verified, resumable.",
        epilog=EPILOG,
        parents=[common],
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, text: str, *, json: bool = True) -> _Parser:
        sub = commands.add_parser(name, help=text, description=text, parents=[common])
        if json:
            sub.add_argument("--json", action="store_true", help="one JSON object on stdout")
        return sub

    run = command("run", "Fetch, verify and store the images of vehicles that need them.")
    _add_run_flags(run)
    _add_organizations(run, "only this organization; repeatable")
    run.add_argument(
        "--workers",
        metavar="N",
        type=_whole(1, MOST_WORKERS),
        default=1,
        help="processes that share the limit and the pace (1)",
    )
    run.add_argument("--dry-run", action="store_true", help="say what would be done and write nothing")
    command("status", "Count vehicles by what they need.")
    _add_paging(
        command("orgs", "List organizations with their counts."),
        [s.value for s in (OrganizationSort.NEEDING, *(s for s in OrganizationSort if s != OrganizationSort.NEEDING))],
    )
    vehicles = command("vehicles", "List vehicles with their state.")
    vehicles.add_argument("--organization-id", metavar="ID", help="only this organization")
    _add_paging(vehicles, [sort.value for sort in VehicleSort])
    feed = command("import", "Read vehicles and their image URLs from a JSONL, CSV or TSV file.")
    feed.add_argument("file", metavar="FILE", type=Path, help="the file; a second import of it changes nothing")
    feed.add_argument("--organization", metavar="NAME", help="the organization of vehicles that name none")
    _add_care(command)
    return parser


def _add_care(command: Callable[..., _Parser]) -> None:
    """The commands that look after a deployment."""
    doctor = command("doctor", "Look at all that the deployment needs, and say what to do where something is wrong.")
    doctor.add_argument("--fix", action="store_true", help="mend what can be mended from here, asking before each")
    doctor.add_argument("--yes", action="store_true", help="with --fix: do not ask")
    schema = command(
        "schema", "Print the SQL that makes a Supabase project faster and lets machines share it.", json=False
    )
    schema.add_argument("--drop", action="store_true", help="print the SQL that removes it")
    schema.add_argument("--organizations-table", metavar="NAME", help="instead of organizations or businesses")


def parse(argv: Sequence[str]) -> Arguments:
    """Parse a command line and load the settings under it; raises SettingsError, exits for --help and --version."""
    # `--demo` takes a value only behind "=", or `--demo run` would name a folder "run".
    spelled = ["--demo=" if word == "--demo" else word for word in argv]
    given = vars(_build().parse_args(spelled))
    flags = {name: given.pop(name, None) for name in SETTING_FLAGS}
    demo = given.pop("demo", None)
    if demo is not None:
        _require_alone(flags)
        flags["profile"] = ""
    given["organization_ids"] = tuple(given.get("organization_ids", ()))
    return Arguments(settings=load_settings(flags), flags=flags, demo=None if demo is None else Path(demo), **given)


def _require_alone(flags: Mapping[str, object]) -> None:
    """No other flag may choose a deployment beside the demo."""
    for name in ("store", "profile"):
        if flags[name] is not None:
            raise SettingsError(f"--demo and --{name} exclude each other: the demo brings its own store")
