"""Times as people write them: spans, and moments with a zone. Pure."""

import re
from datetime import datetime

UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""Seconds. No m, which may be a month."""

_SPAN = re.compile(rf"(\d{{1,9}}(?:\.\d{{1,9}})?) ?({'|'.join(UNITS)})")


def span_ms(text: str) -> int | None:
    """2h, 90min, 3d, 1w -> milliseconds; None: it is no span."""
    span = _SPAN.fullmatch(text)
    return round(float(span[1]) * UNITS[span[2]] * 1000) if span is not None else None


def moment_ms(text: str, otherwise: str) -> int:
    """RFC 3339 with an offset -> milliseconds since 1970. Raises ValueError: `otherwise` says what else it can't be."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is {otherwise}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say in which zone: end it with Z or an offset such as +02:00")
    return round(moment.timestamp() * 1000)
