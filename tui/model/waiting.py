"""How long a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC

LONGEST_RETRY_AFTER = 7 * 86_400.0


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait by a Retry-After header, which has them or an HTTP date (RFC 9110, section 10.2.3)."""
    if not text:
        return None
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else _seconds(text) - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _seconds(text: str) -> float:
    """A date as seconds since the epoch; one without a zone is UTC (RFC 9110, section 5.6.7). Raises ValueError."""
    from email.utils import parsedate_to_datetime  # slow to load, and few hosts write a date

    date = parsedate_to_datetime(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
