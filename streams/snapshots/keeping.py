"""Which snapshots are kept: the newest of each of the last days, weeks and months that have one, and what was the
newest a while ago. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

DAY = 86_400.0
IN_USE_SECONDS = 3 * 3600.0
"""A reader (audit, back-test) sees first where the log ends, and then looks for a snapshot of a time before that: one
that was the newest then must not have made way to a newer one meanwhile."""
YEARS_LOOKED = 10
FREE_SHARE = 3
"""Times the snapshot's octets that a disk must have left: what is kept there must never stop who works on it."""


class KeepRule(NamedTuple):
    """Of how many days, weeks (ISO 8601) and months, by UTC, the newest snapshot is kept. At least one of them is not
    0."""

    daily: int = 7
    weekly: int = 5
    monthly: int = 12


def parse_keep(text: str) -> KeepRule:
    """`daily=7,weekly=5,monthly=12`, of which any may be absent: 0. Raises ValueError."""
    counts = dict.fromkeys(KeepRule._fields, 0)
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(daily|weekly|monthly)\s*=\s*(\d{1,4})", part)
        if match is None:
            raise ValueError(f"{part!r} is not daily=N, weekly=N or monthly=N")
        counts[match[1]] = int(match[2])
    rule = KeepRule(**counts)
    if not any(rule):
        raise ValueError("at least one snapshot must be kept: daily=1")
    return rule


def kept(times: Iterable[float], rule: KeepRule) -> set[float]:
    """Of snapshots taken at these times (seconds since 1970), those that the rule keeps; the newest is among them.

    A day without a snapshot counts for nothing: where none are taken any more none is removed. Whatever was the newest
    at any moment of the last IN_USE_SECONDS stays as well.
    """
    newest_first = sorted(times, reverse=True)
    since = newest_first[0] - IN_USE_SECONDS if newest_first else 0.0
    lately = [time for time in newest_first if time > since]
    stays = set(newest_first[: len(lately) + 1])
    for count, period in zip(rule, ("%Y-%m-%d", "%G-%V", "%Y-%m"), strict=True):
        found: dict[str, float] = {}
        for time in newest_first:
            found.setdefault(datetime.fromtimestamp(time, UTC).strftime(period), time)
        stays.update(list(found.values())[:count])
    return stays


def removed_at(times: Iterable[float], rule: KeepRule, every: float = DAY) -> dict[float, float]:
    """When the rule removes each of these, if another one is taken each `every` seconds; inf: not within ten years."""
    left = set(times)
    ends = dict.fromkeys(left, float("inf"))
    if not left:
        return ends
    now, ours = max(left), set(left)
    last = now + YEARS_LOOKED * 365 * DAY
    while ours & left and now < last:
        now += every
        stays = kept({*left, now}, rule)
        ends |= dict.fromkeys(ours & (left - stays), now)
        left = stays
    return ends
