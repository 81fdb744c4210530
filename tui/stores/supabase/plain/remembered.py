"""What a backfill remembers of a vehicle in the vehicle's own row, where a project has no table of ours.

One key of `origin_metadata`, merged into whatever else is there, and taken out when nothing is left to remember::

    "image_backfill": {
      "lease": {"token": "5f0c…", "until": 1785000060.2, "worker": "mini:4242.7c3f", "run": "20260131-084107-3f9a",
                "wish": "pause", "wished_at": 1785000050.1,     what somebody elsewhere wants of that run
                "paused": true},                                that worker rests
      "parked": true,                    every candidate was refused, for as long as
      "retry_at": 1785003600.0,          … or: not before this time, for as long as
      "gallery": "9c1185a5c5e9fc54",     the gallery has this digest
      "settled": "0d37…",                the token of the lease that ended last
      "outcomes": {"https://a/1.jpg": {"result": "refused", "reason": "not_found", "attempts": 1}}
    }
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.model import Outcome, Reason, Result, Wish
from tui.stores.local.mirroring import Hold
from tui.stores.reading import hosts_of
from tui.stores.supabase.answering import sound

KEY = "image_backfill"
MARK = "images_backfilled"
MARKED_AT = "images_backfilled_at"


@dataclass(frozen=True, slots=True)
class Remembered:
    """The state of a vehicle; `gallery` is the digest of the URLs that `parked` and `retry_at` speak of."""

    hold: Hold | None = None
    parked: bool = False
    retry_at: float | None = None
    gallery: str = ""
    settled: str = ""
    outcomes: tuple[Outcome, ...] = ()

    @classmethod
    def of(cls, told: object) -> Remembered:
        """What the key holds, and nothing for whatever cannot be ours."""
        if not isinstance(told, dict):
            return cls()
        outcomes = told.get("outcomes")
        return cls(
            hold=hold_of(told.get("lease")),
            parked=told.get("parked") is True,
            retry_at=_number(told.get("retry_at")),
            gallery=_text(told.get("gallery")),
            settled=_text(told.get("settled")),
            outcomes=_outcomes(outcomes) if isinstance(outcomes, dict) else (),
        )

    def told(self) -> dict[str, object] | None:
        """What the key is to hold; None where nothing is left to remember."""
        if not (self.hold or self.parked or self.retry_at is not None or self.outcomes):
            return None
        waits = self.parked or self.retry_at is not None
        told = {
            "lease": self.hold and _hold_told(self.hold),
            "parked": self.parked,
            "retry_at": self.retry_at,
            "gallery": waits and self.gallery,
            "settled": self.settled,
            "outcomes": {outcome.source_url: _outcome_told(outcome) for outcome in self.outcomes},
        }
        return {name: sound(value) for name, value in told.items() if value not in (None, False, "", {})}


def digest(gallery: Sequence[object]) -> str:
    """Another text for another list of URLs."""
    # As the database writes a list of texts, so that our SQL comes to the same.
    content = json.dumps(list(gallery), ensure_ascii=False).encode(errors="replace")
    return hashlib.sha256(content).hexdigest()[:16]


def hold_of(told: object) -> Hold | None:
    """A lease as it is told; None for whatever cannot be one."""
    if not isinstance(told, dict):
        return None
    until, token = _number(told.get("until")), _text(told.get("token"))
    if not until or not token:
        return None
    hold = Hold(token, until, _text(told.get("worker")), _text(told.get("run")), paused=told.get("paused") is True)
    wish, wished_at = told.get("wish"), _number(told.get("wished_at"))
    return replace(hold, wish=Wish(wish), wished_at=wished_at) if wished_at and wish in list(Wish) else hold


def _hold_told(hold: Hold) -> dict[str, object]:
    told: dict[str, object] = {"token": hold.token, "until": round(hold.until, 3)}
    told |= {"worker": hold.worker, "run": hold.run_id} | ({"paused": True} if hold.paused else {})
    return told | {"wish": hold.wish.value, "wished_at": hold.wished_at} if hold.wished_at else told


def _outcomes(told: Mapping[str, object]) -> tuple[Outcome, ...]:
    found = (_outcome(url, fields) for url, fields in sorted(told.items()) if isinstance(fields, dict))
    return tuple(outcome for outcome in found if outcome is not None)


def _outcome(url: str, fields: Mapping[str, Any]) -> Outcome | None:
    try:
        return Outcome(
            source_url=url,
            host=_text(fields.get("host")) or _host(url),
            result=Result(fields["result"]),
            reason=Reason(fields["reason"]) if "reason" in fields else None,
            detail=_text(fields.get("detail")),
            retry_at=_number(fields.get("retry_at")),
            attempts=int(fields.get("attempts", 0)),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _outcome_told(outcome: Outcome) -> dict[str, object]:
    told = {
        "result": outcome.result.value,
        "reason": outcome.reason and outcome.reason.value,
        "detail": outcome.detail,
        "retry_at": outcome.retry_at,
        "attempts": outcome.attempts,
        "host": "" if outcome.host == _host(outcome.source_url) else outcome.host,
    }
    return {name: value for name, value in told.items() if value not in (None, "", 0)}


def _host(url: str) -> str:
    return next(iter(hosts_of([url])), "")


def _number(told: object) -> float | None:
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""
