"""`backfill-tui doctor`: what a deployment needs, how each thing stands, and what can be done about it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from tui.app.words import clean
from tui.cli import COULD_NOT, RAN
from tui.cli.parser import Arguments
from tui.cli.say import answer, data, talk
from tui.cli.sessions import chosen_store, require_writable
from tui.model import Finding, Health, Problem
from tui.settings import SettingsError
from tui.stores import examine, mend


async def doctor(arguments: Arguments) -> int:
    """Look at everything, mend what may be mended, and fail where anything is still wrong."""
    if arguments.yes and not arguments.fix:
        raise SettingsError("--yes answers what --fix asks; see backfill-tui doctor --help")
    if arguments.fix:
        require_writable(arguments.settings, "`doctor` without --fix only looks")
    findings = await _examined(arguments, quiet=arguments.json)
    mended = await _mended(arguments, findings) if arguments.fix else ()
    if mended:
        findings = await _examined(arguments, quiet=True)
        if not arguments.json:
            _tell(finding for finding in findings if finding.subject in {subject for subject, _ in mended})
    if arguments.json:
        answer(_report(findings, [words for _, words in mended]))
    return RAN if _healthy(findings) else COULD_NOT


def _healthy(findings: Iterable[Finding]) -> bool:
    return all(finding.health is not Health.FAIL for finding in findings)


def _report(findings: Sequence[Finding], mended: Sequence[str]) -> dict[str, object]:
    return {
        "success": _healthy(findings),
        "findings": [{**asdict(finding), "health": finding.health.value} for finding in findings],
        "mended": mended,
    }


async def _examined(arguments: Arguments, *, quiet: bool) -> list[Finding]:
    findings = []
    async for finding in examine(chosen_store(arguments), arguments.settings):
        findings.append(finding)
        if not quiet:
            _tell([finding])
    return findings


def _tell(findings: Iterable[Finding]) -> None:
    for finding in findings:
        data(f"{finding.health.value:<4}  {clean(finding.subject):<18}  {clean(finding.text)}".rstrip())
        if finding.advice:
            data(f"      {clean(finding.advice)}")


async def _mended(arguments: Arguments, findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """What was mended: subjects, and a sentence about each."""
    curable = [finding for finding in findings if finding.remedy]
    if not curable:
        talk("there is nothing that the doctor could mend")
    mended = []
    for finding in curable:
        if arguments.yes or await _agreed(finding):
            words = await mend(chosen_store(arguments), arguments.settings, finding.remedy)
            talk(clean(words))
            mended.append((finding.subject, words))
    return mended


async def _agreed(finding: Finding) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Problem("there is no terminal to ask on: `doctor --fix --yes` mends without asking.")
    print(f"{clean(finding.advice)} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return (await _line()).strip().lower() in ("y", "yes")


async def _line() -> str:
    """A line from the terminal, or less when it is closed. Unlike `input` it gives way to Ctrl-C."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not line.done():
            line.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin, read)
    try:
        return await line
    finally:
        loop.remove_reader(sys.stdin)
