"""How a limit that was lowered climbs back: for a time it stays as it is, then it doubles in steps, until it is whole.
Pure.

Speeds are thousandths of the limit. Decide reckons with it for a domain, Decide and Watch for an MX provider.
"""

WHOLE = 1000


def speed(lowered: int, until: int, step: int, now: int) -> int:
    """The speed at `now` of a limit that was lowered to `lowered` until then and doubles every `step` seconds after."""
    if now < until:
        return lowered
    return min(WHOLE, lowered << min((now - until) // step + 1, WHOLE.bit_length()))


def faster_at(until: int, step: int, now: int) -> int:
    """When the next step comes; seconds, like all of these."""
    return until if now < until else now + step - (now - until) % step
