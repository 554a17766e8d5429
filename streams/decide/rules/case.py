"""One intent before the ladder, and how its rules put days and spans into words. Pure."""

from datetime import date
from typing import NamedTuple

from msgspec import Struct

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import DAY, Policy, RulePolicy
from sidestep.streams.decide.tables import DomainRow, HoldRow, RecipientRow

EPOCH = date(1970, 1, 1).toordinal()
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

NEVER = RecipientRow()
"""The history of a recipient without any."""


class Finding(Struct, frozen=True, gc=False):
    """A rule that applies to an intent. `retry_us` only where it defers."""

    rule: str
    text: str
    retry_us: int = 0


class Case(NamedTuple):
    """One intent before the ladder. `now` is log time in seconds."""

    evidence: IntentEvidence
    recipient: RecipientRow
    hold: HoldRow | None
    policy: Policy
    now: int
    domain: DomainRow = DomainRow()


def within(case: Case, since: int, rule: str) -> bool:
    """Does something at `since` (seconds) still count for a rule with `days`?"""
    return since > 0 and case.now - since <= case.policy.rules[rule].days * DAY


def wait_of(rule: RulePolicy, attempt: int) -> int:
    """Seconds until an intent may be offered again, for a rule with `retry_after`: they double with each attempt."""
    wait: int = min(rule.retry_after * 2 ** min(attempt - 1, 20), rule.retry_after_max)
    return wait


def day_of(seconds: int) -> str:
    """As 3 May 2026, UTC. By hand: the fold knows no clock, and no locale."""
    day = _date(seconds)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _date(seconds: int) -> date:
    """The nearest that there is: a number in the log may be beyond the calendar, and stops no verdict."""
    return date.fromordinal(min(max(EPOCH + seconds // DAY, 1), date.max.toordinal()))


def clock(seconds: int) -> str:
    """As 14:03 UTC."""
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02} UTC"


def moment(seconds: int) -> str:
    """As 3 May 2026, 14:03 UTC."""
    return f"{day_of(seconds)}, {clock(seconds)}"


def date_of(seconds: int) -> str:
    """As 2026-05-03, UTC (ISO 8601)."""
    return _date(seconds).isoformat()


def month_of(seconds: int) -> str:
    """As May 2026, UTC."""
    return day_of(seconds).partition(" ")[2]


def months(seconds: int) -> str:
    """As 14 months, rounded down; of 30.4 days each."""
    count = seconds * 12 // (365 * DAY)
    return f"{count} month{'' if count == 1 else 's'}"


def ago(now: int, since: int) -> str:
    """As 3 days ago."""
    return f"{span(max(0, now - since))} ago"


def span(seconds: int) -> str:
    """In the unit that fits, rounded down: 1 day, 2 hours."""
    for size, unit in ((DAY, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
