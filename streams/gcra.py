"""The generic cell rate algorithm, in whole microseconds: a limit as one number, the theoretical arrival time (TAT).

ITU-T I.371, the virtual-scheduling form. Written `500/min,max_burst=50`: 500 a minute evenly, up to 50 at once.
"""

import re

from msgspec import Struct

_FORM = re.compile(
    r"^\s*(\d[\d_]*)\s*/\s*(s|sec|second|m|min|minute|h|hour|d|day)\s*(?:,\s*max_burst\s*=\s*(\d[\d_]*)\s*)?$"
)
_MICROSECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Rate(Struct, frozen=True, gc=False):
    """A limit. `interval_us` between two messages, rounded up so that the limit is never exceeded; `tolerance_us` for
    bursts."""

    text: str
    interval_us: int
    tolerance_us: int


def parse_rate(text: str) -> Rate:
    """`COUNT/UNIT[,max_burst=N]` -> Rate. UNIT: s, min, hour or day. Without max_burst one at a time. Raises
    ValueError."""
    match = _FORM.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a rate; write for example 500/min,max_burst=50")
    count, burst = int(match[1]), int(match[3] or 1)
    if count < 1 or burst < 1:
        raise ValueError(f"{text!r}: count and max_burst must be at least 1")
    interval = -(-_MICROSECONDS[match[2][0]] * 1_000_000 // count)
    return Rate(text=text.replace(" ", ""), interval_us=interval, tolerance_us=(burst - 1) * interval)


def earliest(rate: Rate, tat_us: int) -> int:
    """When the next message conforms, microseconds; it may go at once if that is not after now."""
    return tat_us - rate.tolerance_us


def furthest(rate: Rate, now_us: int) -> int:
    """The latest TAT that this limit itself can have led to; a later one stems from another limit."""
    return now_us + rate.tolerance_us + rate.interval_us


def advance(rate: Rate, tat_us: int, now_us: int) -> int:
    """The new TAT after a conforming message."""
    return (tat_us if tat_us > now_us else now_us) + rate.interval_us
