"""Times that are past, and rates, as people write them. Pure."""

import re
from datetime import UTC, date, datetime, time

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
HELP = "2h, 30m or 3d ago, a date (its midnight, UTC), or 2026-10-01T08:00:00Z"

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?(s|m|min|h|d|w)(?: ago)?")

_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(?: ?/ ?s)?")


def past_ms(text: str, now_ms: int) -> int:
    """2h, 30m, 3d (ago), a date, or RFC 3339 with an offset -> milliseconds since 1970. Raises ValueError."""
    text = text.strip()
    if span := _SPAN.fullmatch(text):
        return now_ms - round(float(span[1]) * UNITS[span[2]] * 1000)
    return round(_moment(text).timestamp() * 1000)


def _moment(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: {HELP}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say in which zone: end it with Z or an offset such as +02:00")
    return moment


def read_rate(text: str) -> float:
    """500/s, or 500 -> so many a second. Raises ValueError."""
    read = _RATE.fullmatch(text.strip())
    if read is None or not float(read[1]):
        raise ValueError(f"{text!r} is not a rate such as 500/s")
    return float(read[1])
