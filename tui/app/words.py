"""How the screens say numbers, times, states and text from outside."""

from __future__ import annotations

import math
import time
import unicodedata

from tui.app.widgets.ink import Ink
from tui.model import HostPace, Mark, Phase, State

GLYPHS = {
    State.READY: "●",
    State.PARTIAL: "◐",
    State.PARKED: "✕",
    State.BACKFILLED: "✓",
    State.EMPTY: "○",
    State.HAS_IMAGES: "·",
    State.NO_URLS: "○",
}

INKS = {
    State.READY: Ink.ACCENT,
    State.PARTIAL: Ink.WARN,
    State.PARKED: Ink.BAD,
    State.BACKFILLED: Ink.GOOD,
    State.EMPTY: Ink.DIM,
    State.HAS_IMAGES: Ink.DIM,
    State.NO_URLS: Ink.DIM,
}
"""The ink in which a state is drawn."""

MARKS = {
    Mark.WAITING: "·",
    Mark.FETCHING: "□",
    Mark.STORED: "■",
    Mark.DUPLICATE: "=",
    Mark.REFUSED: "×",
    Mark.DEFERRED: "~",
}
"""One image of a lane, on screen and in a shell."""

PHASES = {
    Phase.STARTING: ("▷", Ink.ACCENT),
    Phase.RUNNING: ("▶", Ink.ACCENT),
    Phase.PAUSING: ("◫", Ink.WARN),
    Phase.PAUSED: ("‖", Ink.WARN),
    Phase.STOPPING: ("◼", Ink.WARN),
    Phase.FINISHED: ("✓", Ink.GOOD),
    Phase.STOPPED: ("◼", Ink.DIM),
    Phase.FAILED: ("✕", Ink.BAD),
}
"""The glyph and the ink of each phase of a run."""

_UNITS = ("B", "KB", "MB", "GB", "TB")


def clean(text: str) -> str:
    """Text from outside as one line without control or format characters, so that a terminal only ever prints it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if char in "\t\r\n" else char for char in text if char in "\t\r\n" or _harmless(char))


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def thousands(number: int) -> str:
    """`1,204`."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """`1 vehicle`, `1,204 vehicles`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def bytes_words(size: float) -> str:
    """`412 KB`, `5.1 MB`: decimal units, one digit after the point below ten."""
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 1 if unit and size < 9.95 else 0
    return f"{size:.{digits}f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """`8 s`, `2 min 10 s`, `3 h 5 min`, `4 d 2 h`: the two largest units."""
    left = max(0, round(seconds))
    if left < 60:
        return f"{left} s"
    if left < 3600:
        return _two(left // 60, "min", left % 60, "s")
    if left < 86_400:
        return _two(left // 3600, "h", left % 3600 // 60, "min")
    return _two(left // 86_400, "d", left % 86_400 // 3600, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large:,} {large_unit}" + (f" {small} {small_unit}" if small else "")


def rate(per_second: float, noun: str = "images") -> str:
    """`14.2 images/s`."""
    return f"{per_second:.1f} {noun}/s"


def byte_rate(per_second: float) -> str:
    """`5.1 MB/s`."""
    return f"{bytes_words(per_second)}/s"


def bandwidth(limit: int) -> str:
    """A limit of bytes per second as it can be typed: `500K`, `1.5M`, `none`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if limit >= size and limit * 1000 % size == 0:
            return f"{limit / size:.3f}".rstrip("0").rstrip(".") + unit
    return str(limit) if limit else "none"


def host_rate(per_second: float) -> str:
    """How often a host is asked: `8/s`, `no limit`."""
    return "no limit" if math.isinf(per_second) else f"{per_second:.3g}/s"


def host_trouble(pace: HostPace) -> str:
    """Why a host gets fewer requests than the settings allow, empty where it does not."""
    note = clean(pace.note).removeprefix("HTTP ")
    if pace.open:
        return f"down ({note}), next try in {duration(math.ceil(pace.wait))}"
    if pace.wait > 0:
        return (
            f"{note}, next in {duration(math.ceil(pace.wait))}" if note else f"next in {duration(math.ceil(pace.wait))}"
        )
    if pace.narrowed:
        return "narrowed" if math.isinf(pace.ceiling) else f"narrowed from {host_rate(pace.ceiling)}"
    return note


def percent(done: int, total: int) -> str:
    """`37%`; 100% only when all is done."""
    if total <= 0:
        return "0%"
    return f"{100 if done >= total else min(99, 100 * done // total)}%"


def clock_time(at: float) -> str:
    """`08:41:07` on the operator's clock."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def day_time(at: float) -> str:
    """`2026-01-31 08:41` on the operator's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def phase_name(phase: Phase, in_flight: int = 0) -> str:
    """`running`; a pause or a stop that waits for requests says for how many."""
    waits = phase in (Phase.PAUSING, Phase.STOPPING) and in_flight
    return f"{phase.value}: {in_flight} in flight" if waits else phase.value


def phase_words(phase: Phase, in_flight: int = 0) -> str:
    """The same behind the phase's glyph: `▶ running`."""
    return f"{PHASES[phase][0]} {phase_name(phase, in_flight)}"
