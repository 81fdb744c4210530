"""How long a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER = 7 * 86_400.0


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait by a Retry-After header, which has them or an HTTP date (RFC 9110, section 10.2.3)."""
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else _seconds(parsedate_to_datetime(text)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _seconds(date: datetime) -> float:
    """A date as seconds since the epoch; one without a zone is UTC (RFC 9110, section 5.6.7)."""
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
