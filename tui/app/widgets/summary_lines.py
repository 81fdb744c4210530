"""The end of a run as one calm page: pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from tui.app import words
from tui.app.widgets.ink import BLANK, Ink, Line, Piece, clip, left, right, spread, wrapped
from tui.app.widgets.run_lines import scope_words, short_id
from tui.model import Counts, Phase, Reason, Snapshot, VehicleResult

MOST_FAILED = 200


def summary(
    seen: Snapshot, results: Sequence[VehicleResult], counts: Counts | None, error: str, width: int
) -> list[Line]:
    """What was stored, what was refused and whether a retry may help, what is left, what to do next."""
    blocks = [
        _head(seen, error, width),
        _images(seen),
        _vehicles(results),
        _refusals(seen),
        _placeholders(seen),
        _left(counts),
        _failed(results, width),
    ]
    lines: list[Line] = []
    for block in blocks:
        if block:
            lines += [*block, BLANK]
    return [clip(line, width) for line in lines]


def _head(seen: Snapshot, error: str, width: int) -> list[Line]:
    start = (
        Piece(f"Run {short_id(seen.run_id)}", Ink.STRONG),
        Piece("   " + scope_words(seen.options, seen.vehicles_total, seen.organizations), Ink.DIM),
    )
    fate = Piece(words.phase_words(seen.phase), words.PHASES[seen.phase][1])
    lines: list[Line] = [spread(start, (fate, Piece(f"   took {words.duration(seen.elapsed)}", Ink.DIM)), width)]
    why = words.clean(error or seen.error)
    if why:
        lines += [(Piece(line, Ink.BAD),) for line in wrapped(why, width)]
    elif not seen.vehicles_done:
        lines.append((Piece(_nothing(seen), Ink.DIM),))
    return lines


def _nothing(seen: Snapshot) -> str:
    if seen.phase is Phase.FINISHED:
        return "There was nothing to do: no vehicle of this scope needs images now."
    return "It ended before any vehicle did."


def _images(seen: Snapshot) -> list[Line]:
    tally = seen.tally
    return _rows(
        "images",
        (
            ("stored", tally.stored, Ink.GOOD, f"{words.bytes_words(tally.bytes)}   {_pace(seen)}"),
            ("duplicate", tally.duplicate, Ink.PLAIN, "the vehicle had these bytes already"),
            ("similar", seen.similar, Ink.PLAIN, "look like others of their vehicle"),
            ("deferred", tally.deferred, Ink.WARN, "a later run tries them again"),
            ("refused", tally.refused, Ink.BAD, "for good: see failures"),
        ),
    )


def _vehicles(results: Sequence[VehicleResult]) -> list[Line]:
    good = sum(result.status == "success" for result in results)
    return _rows(
        "vehicles",
        (
            ("served", good, Ink.GOOD, "got images, or have them all"),
            ("failed", len(results) - good, Ink.BAD, "got no image"),
        ),
    )


def _pace(seen: Snapshot) -> str:
    return f"{words.rate(seen.images_per_second)}   {words.byte_rate(seen.bytes_per_second)}"


def _rows(title: str, told: Sequence[tuple[str, int, Ink, str]]) -> list[Line]:
    """A block of counts: its title stands before the first row, and zeros are not told."""
    lines: list[Line] = []
    for name, count, ink, note in told:
        if count:
            label = title if not lines else ""
            lines.append(
                (
                    Piece(left(label, 8), Ink.DIM),
                    Piece(right(words.thousands(count), 10), ink),
                    Piece("  " + left(name, 18)),
                    Piece(note, Ink.DIM),
                )
            )
    return lines


def _refusals(seen: Snapshot) -> list[Line]:
    found = sorted(seen.tally.refusals.items(), key=lambda item: (-item[1], item[0]))
    told = [(Reason(value).words, count, Ink.PLAIN, Reason(value).advice) for value, count in found]
    return _rows("reasons", told)


def _placeholders(seen: Snapshot) -> list[Line]:
    told = [
        (words.clean(shown.host), shown.vehicles, Ink.WARN, f" vehicles show {words.clean(shown.example_url)}")
        for shown in seen.placeholders[:5]
    ]
    return _rows("same", told)


def _left(counts: Counts | None) -> list[Line]:
    if counts is None:
        return []
    told = (
        ("ready", counts.ready, Ink.ACCENT, "a run takes these next"),
        ("partial", counts.partial, Ink.WARN, "some images are still to come"),
        ("parked", counts.parked, Ink.BAD, "every URL was refused for good"),
    )
    if not any(count for _, count, _, _ in told):
        return [(Piece(left("left", 10), Ink.DIM), Piece("nothing: every vehicle is served", Ink.GOOD))]
    return _rows("left", told)


def _failed(results: Sequence[VehicleResult], width: int) -> list[Line]:
    failed = [result for result in results if result.status != "success"]
    if not failed:
        return []
    name = max(20, min(40, width // 2))
    lines: list[Line] = [(Piece("vehicles without an image", Ink.DIM),)]
    lines += [
        (
            Piece("  " + left(words.clean(result.vehicle_name), name) + "  "),
            Piece(words.clean(result.error or ""), Ink.DIM),
        )
        for result in failed[:MOST_FAILED]
    ]
    if len(failed) > MOST_FAILED:
        lines.append((Piece(f"  and {len(failed) - MOST_FAILED:,} more", Ink.DIM),))
    return lines
