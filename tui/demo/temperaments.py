"""How hosts and single images of the demo world behave, and what that has to come to.

This table is the demo's own word on what a run should report: it is not derived from the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tui.model import Reason, Result


class Manner(StrEnum):
    """How a host answers, whatever the image."""

    FAST = "fast"
    SLOW = "slow"  # the first byte comes late
    DRIPPING = "dripping"  # the body comes in small portions
    LIMITED = "limited"  # 429 with Retry-After when asked too fast
    FLAKY = "flaky"  # some paths answer 503 the first time


HOSTS: dict[str, Manner] = {
    "img.hillcountry.example": Manner.FAST,
    "cdn.lotpix.example": Manner.FAST,
    "img.gulfmotorcars.example": Manner.FAST,
    "img.nordicgarage.example": Manner.SLOW,
    "media.blueridge.example": Manner.LIMITED,
    "old.oldmill.example": Manner.FAST,
    "photos.lakeshore.example": Manner.FLAKY,
    "img.desertrose.example": Manner.DRIPPING,
    "img.prairietruck.example": Manner.FAST,
    "img.empireexotics.example": Manner.FAST,
    "static.dealerbox.example": Manner.FAST,
    "img.cascadeoverland.example": Manner.FAST,
    "img.redbarn.example": Manner.FAST,
    "bilder.koenig.example": Manner.FAST,
    "img.harborstreet.example": Manner.SLOW,
}

FIRST_BYTE = 0.15
"""Seconds a slow host thinks before it answers."""

DRIP_TIME = 1.0
"""Seconds a dripping host takes over a body, whatever its size."""

DRIPS = 12

LIMIT = 40
"""Requests a limited host serves within any `WINDOW` seconds."""

WINDOW = 1.0
RETRY_AFTER = 1

LIMIT_PATIENCE = 2
"""A limited host turns one path away at most this often, so that no pace of the asker changes how its images end."""

FLAKY_SHARE = 4
"""One path in this many of a flaky host fails at first."""

SIZE_CAP = 25 * 1024 * 1024
"""What the program takes for one image at most; the oversized ones go beyond it."""


class Act(StrEnum):
    """What one image does when it is asked for."""

    GOOD = "good"
    NOT_FOUND = "not_found"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    HTML = "html"  # a page that calls itself image/jpeg
    TRUNCATED = "truncated"  # half of the file under an honest Content-Length
    DECLARED_HUGE = "declared_huge"  # a Content-Length beyond the cap
    STREAMED_HUGE = "streamed_huge"  # chunks beyond the cap, no Content-Length
    EMPTY = "empty"
    REDIRECTED = "redirected"  # three hops to a good image
    REDIRECT_LOOP = "redirect_loop"
    WRONG_TYPE = "wrong_type"  # a good image that calls itself something else
    TWIN = "twin"  # the bytes of an earlier photo of the same vehicle
    CUT_ONCE = "cut_once"  # the connection breaks within the first body, the second is whole


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an image in the end."""

    result: Result
    reason: Reason | None = None


_STORED = Fate(Result.STORED)

FATES: dict[Act, Fate] = {
    Act.GOOD: _STORED,
    Act.REDIRECTED: _STORED,
    Act.WRONG_TYPE: _STORED,
    Act.CUT_ONCE: _STORED,
    Act.TWIN: Fate(Result.DUPLICATE),
    Act.NOT_FOUND: Fate(Result.REFUSED, Reason.NOT_FOUND),
    Act.GONE: Fate(Result.REFUSED, Reason.GONE),
    Act.FORBIDDEN: Fate(Result.REFUSED, Reason.FORBIDDEN),
    Act.HTML: Fate(Result.REFUSED, Reason.NOT_AN_IMAGE),
    Act.TRUNCATED: Fate(Result.REFUSED, Reason.TRUNCATED),
    Act.DECLARED_HUGE: Fate(Result.REFUSED, Reason.TOO_LARGE),
    Act.STREAMED_HUGE: Fate(Result.REFUSED, Reason.TOO_LARGE),
    Act.EMPTY: Fate(Result.REFUSED, Reason.EMPTY_BODY),
    Act.REDIRECT_LOOP: Fate(Result.REFUSED, Reason.REDIRECT_LOOP),
}

PLAIN_MANNERS = frozenset({Manner.FAST, Manner.SLOW})
"""Hosts whose images may act up: on the others one trouble at a time is enough to stay within four attempts."""

TROUBLES: dict[Act, int] = {
    Act.NOT_FOUND: 46,
    Act.GONE: 18,
    Act.FORBIDDEN: 14,
    Act.HTML: 16,
    Act.TRUNCATED: 16,
    Act.DECLARED_HUGE: 5,
    Act.STREAMED_HUGE: 3,
    Act.EMPTY: 9,
    Act.REDIRECTED: 24,
    Act.REDIRECT_LOOP: 8,
    Act.WRONG_TYPE: 30,
    Act.TWIN: 26,
    Act.CUT_ONCE: 20,
}
"""How many images of the world act up, in all: the same for every seed, only their places differ."""
