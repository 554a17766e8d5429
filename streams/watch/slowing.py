"""When what an MX provider's servers answer slows all of its mail down, by how much and until when. Pure: it changes
only the row that it is given.

As of a domain (streams/decide/slow_down.py), but by what all partitions of the log have counted.
"""

from sidestep.streams.speed import WHOLE, speed
from sidestep.streams.watch.pace_rules import Slowing
from sidestep.streams.watch.tables import PaceRow

FORGOTTEN = 60
"""Minutes after which a busiest minute says nothing any more; it weighs less with each of them."""
HOUR, MINUTE = 3600, 60


def answered(row: PaceRow, approved: int, too_fast: int, refusals: int, now: int, rules: Slowing) -> bool:
    """A minute that ends now: so many messages went out, so many answers came. Whether the limit is another one."""
    finished = row.per_minute > 0 and speed_of(row, now, rules) == WHOLE
    if finished and now - row.lowered_at >= rules.settle_seconds:
        row.per_minute, row.speed = 0, WHOLE
    if not row.per_minute:
        row.busiest = max(approved, faded(row.busiest))
    lowered = _taken_seriously(row, too_fast, refusals, now, rules)
    if lowered:
        _lower(row, now, rules)
    return lowered or (finished and not row.per_minute)


def faded(busiest: int) -> int:
    """What the busiest minute counts another minute later."""
    return busiest * (FORGOTTEN - 1) // FORGOTTEN


def speed_of(row: PaceRow, now: int, rules: Slowing) -> int:
    """Thousandths that are left now."""
    return speed(row.speed, row.until, rules.double_seconds, now) if row.per_minute else WHOLE


def _taken_seriously(row: PaceRow, too_fast: int, refusals: int, now: int, rules: Slowing) -> bool:
    if not too_fast and not refusals:
        return False
    if now - row.counted_from >= rules.settle_seconds:
        row.counted_from, row.too_fast, row.refusals = now, 0, 0
    row.too_fast += too_fast
    row.refusals += refusals
    answers = row.too_fast + row.refusals
    return answers >= rules.answers and answers > rules.noise * (row.per_minute or row.busiest)


def _lower(row: PaceRow, now: int, rules: Slowing) -> None:
    before = speed_of(row, now, rules)
    blocked = row.refusals > row.too_fast
    share = round((rules.blocked if blocked else rules.too_fast) * WHOLE)
    if not row.per_minute:
        row.per_minute = max(1, row.busiest)
    if before == WHOLE or now - row.lowered_at >= rules.settle_seconds:
        row.speed, row.lowered_at = max(1, before * share // WHOLE), now
    else:
        row.speed = min(before, share)
    row.until = now + rules.for_seconds
    row.said = f"has answered {_what(row, blocked)} ({row.too_fast + row.refusals} times by {_clock(now)})"
    row.counted_from, row.too_fast, row.refusals = now, 0, 0


def _what(row: PaceRow, blocked: bool) -> str:
    return "that it blocks us" if blocked else "that we send too fast"


def _clock(second: int) -> str:
    return f"{second // HOUR % 24:02}:{second // MINUTE % 60:02} UTC"
