"""Times as Zoho writes and reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime


def text(epoch: float) -> str:
    """ISO 8601 with an offset, to the second: `2026-05-01T12:00:00+00:00`."""
    return datetime.fromtimestamp(int(epoch), UTC).isoformat()


def seconds(written: str) -> float | None:
    """Seconds since the epoch of an ISO 8601 time (UTC without an offset) or an HTTP date; None when it is neither."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(written.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return None


def http_date(epoch: float) -> str:
    """An HTTP date (RFC 9110, 5.6.7)."""
    return formatdate(epoch, usegmt=True)
