"""Mail servers that say that we are too fast, or that block us: what is left of their limit, until when, and the words
for it. Pure: it changes only the rows that it is given.

Of a domain by what its own server has answered, at once; of an MX provider by a control record, for what its servers
answer in all partitions. What is left is a share of the limit, or of what the domain got in its busiest minute of late
where that is less: a limit far above the traffic would be halved in vain. Only answers count, nothing that Sidestep
itself has stopped.
"""

from collections.abc import Iterable

from sidestep.schemas import FeedbackEvidence, Pace
from sidestep.streams.decide.limit_rows import Slowed
from sidestep.streams.decide.policy import Policy, SlowDown
from sidestep.streams.decide.rules.case import clock
from sidestep.streams.decide.tables import DomainRow
from sidestep.streams.gcra import Rate
from sidestep.streams.speed import WHOLE, faster_at, speed

RULE = "slow-down"
MINUTE_US, SECOND_US = 60_000_000, 1_000_000
FORGOTTEN = 60
"""Minutes after which a busiest minute says nothing any more; it weighs less with each of them."""
TOO_FAST, BLOCKED = "that we send too fast", "that it blocks us"


class SlowRate:
    """What is left of a limit, and how it climbs back. Distances between two messages are microseconds."""

    __slots__ = ("_before_us", "_double", "_limit_us", "_lowered", "_said", "_slowest_us", "_until")

    def __init__(
        self, said: str, per_minute: int, limit_us: int, slowest_us: int, lowered: int, until: int, double: int
    ):
        """`per_minute`: what it got before; `limit_us`: the policy's own distance, 0: none; `slowest_us`: the longest
        one; `lowered`, `until`, `double`: see streams/speed.py. `said`: who has answered what, and when."""
        self._said, self._limit_us, self._slowest_us = said, limit_us, slowest_us
        self._before_us = max(MINUTE_US // per_minute, limit_us)
        self._lowered, self._until, self._double = lowered, until, double

    @property
    def mark(self) -> int:
        """The distance while it is slowest: by it slots are known that were promised under this very limit."""
        return self._interval(self._lowered)

    def rate(self, now_us: int) -> Rate:
        """The rate at that time: evenly, a second's worth at once."""
        interval = self._interval(self._left(now_us))
        return Rate("", interval, max(0, SECOND_US - interval))

    def said(self, now_us: int) -> dict[str, str]:
        """What has happened, and what follows at that time, as values for a sentence."""
        left, interval = self._left(now_us), self.rate(now_us).interval_us
        share = f"at {left / 10:g} %, " if interval >= self._share(left) else ""
        until = clock(faster_at(self._until, self._double, now_us // 1_000_000))
        return {"answered": self._said, "limit": f"{share}{_amount(interval)}", "until": until}

    def _left(self, now_us: int) -> int:
        return speed(self._lowered, self._until, self._double, now_us // 1_000_000)

    def _share(self, left: int) -> int:
        return -(-self._before_us * WHOLE // left)

    def _interval(self, left: int) -> int:
        return max(self._limit_us, min(self._share(left), self._slowest_us))


def another_minute(domain: DomainRow, minute: int) -> None:
    """The first message of another minute (since 1970) goes to the domain. What goes while it is slow says nothing."""
    if domain.slowed is None or domain.slowed.speed == WHOLE:
        domain.busiest = _busiest(domain, minute)
    domain.minute, domain.in_minute = minute, 1


def answered(domain: DomainRow | None, feedback: FeedbackEvidence, policy: Policy | None, when: int, now: int) -> None:
    """A bounce that blames us, from `when`: lowers the domain's limit if that is what it says. Where nothing of ours
    went, nothing of ours was answered."""
    if policy is None or policy.rules[RULE].mode == "off" or domain is None or not domain.sends:
        return
    rules = policy.slow_down
    what = says(feedback, rules)
    if not what or now - when > rules.for_seconds:
        return
    row = domain.slowed
    if row is None or row.speed == WHOLE:
        domain.busiest = per_minute = max(1, _busiest(domain, now // 60))
        row = domain.slowed = Slowed(per_minute) if row is None else row
        row.per_minute = per_minute
    if now - row.counted_from >= rules.settle_seconds:
        row.counted_from, row.answers = now, 0
    row.answers += 1
    if row.answers > rules.noise * row.per_minute:
        _lower(row, what, feedback, rules, now)


def slow_rate(domain: DomainRow, limit: Rate | None, name: str, policy: Policy, now: int) -> SlowRate | None:
    """What is left of a domain's limit; None: it is not slow, or not any more."""
    row, rules = domain.slowed, policy.slow_down
    if row is None or policy.rules[RULE].mode == "off":
        return None
    if speed(row.speed, row.until, rules.double_seconds, now) == WHOLE:
        if now - row.counted_from >= rules.settle_seconds:
            domain.slowed = None
        return None
    own, slowest = limit.interval_us if limit is not None else 0, rules.slowest.interval_us
    said = f"{name} has answered {row.said} at {clock(row.answered)}"
    return SlowRate(said, row.per_minute, own, slowest, row.speed, row.until, rules.double_seconds)


def slow_provider(pace: Pace, provider: str, policy: Policy, now: int) -> SlowRate | None:
    """What is left of the limit of a provider, by what Watch has found of it."""
    until, double = pace.until // 1000, max(1, pace.double_after)
    if not pace.per_minute or policy.rules[RULE].mode == "off" or speed(pace.speed, until, double, now) == WHOLE:
        return None
    slowest = policy.slow_down.slowest.interval_us
    return SlowRate(f"{provider} {pace.reason}", pace.per_minute, 0, slowest, pace.speed, until, double)


def _busiest(domain: DomainRow, minute: int) -> int:
    """The messages of the busiest minute of late; those of the minute before this one count in full."""
    gap = minute - domain.minute
    if gap > FORGOTTEN:  # nearly every message to a small domain
        return 0
    left = FORGOTTEN - max(0, gap)
    return max(domain.busiest * left, domain.in_minute * min(FORGOTTEN, left + 1)) // FORGOTTEN


def says(feedback: FeedbackEvidence, rules: SlowDown) -> str:
    """What a bounce says of our speed; empty: nothing."""
    subject = feedback.status.partition(".")[2]
    if feedback.scope != "us" or subject.startswith("2."):  # RFC 3463: x.2.z is about the mailbox
        return ""
    names = (feedback.reason, feedback.status, f"x.{subject}")
    if _any(names, rules.too_fast):
        return TOO_FAST
    return BLOCKED if _any(names, rules.blocked) else ""


def _any(names: Iterable[str], wanted: tuple[str, ...]) -> bool:
    return any(name in wanted for name in names if name)


def _lower(row: Slowed, what: str, feedback: FeedbackEvidence, rules: SlowDown, now: int) -> None:
    """A step down, unless what was answered is about messages from before the last one; then that lasts longer."""
    share = rules.too_fast_share if what == TOO_FAST else rules.blocked_share
    before = speed(row.speed, row.until, rules.double_seconds, now)
    if before == WHOLE or now - row.lowered_at >= rules.settle_seconds:
        row.speed, row.lowered_at = max(1, before * share // WHOLE), now
    else:
        row.speed = min(before, share)
    row.until, row.answered = now + rules.for_seconds, now
    row.said = f"{what} ({', '.join(name for name in (feedback.reason, feedback.status) if name)})"
    row.counted_from, row.answers = now, 0


def _amount(interval_us: int) -> str:
    count = MINUTE_US // interval_us
    return f"{count} a minute" if count else f"one every {interval_us / MINUTE_US:.1f} minutes"
