"""Times that are past, as people write them. Pure."""

from datetime import UTC, date, datetime, time

from sidestep.streams.written_times import moment_ms, span_ms

HELP = "2h, 30min or 3d ago, a date (its midnight, UTC), or 2026-10-01T08:00:00Z"


def past_ms(text: str, now_ms: int) -> int:
    """2h, 30min, 3d (ago), a date, or RFC 3339 with an offset -> milliseconds since 1970. Raises ValueError."""
    text = text.strip()
    if (span := span_ms(text.removesuffix(" ago"))) is not None:
        return now_ms - span
    try:
        return round(datetime.combine(date.fromisoformat(text), time(), UTC).timestamp() * 1000)
    except ValueError:
        return moment_ms(text, f"no time: {HELP}")
