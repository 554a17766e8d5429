"""Buckets: a limit's rate and the row that keeps what was taken of it; whether there is room, and when there is again.
Pure: they change only the rows that they are given.
"""

from typing import NamedTuple, Protocol

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.commons import Row, kept_back, slots
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.rules.expiring import will_expire
from sidestep.streams.decide.rules.reasons import finding
from sidestep.streams.decide.slow_down import RULE, SlowRate
from sidestep.streams.decide.tables import ProvedFirst
from sidestep.streams.gcra import Rate, advance, earliest, furthest


class Passing(NamedTuple):
    """An intent that has to pass limits, when, and by which policy."""

    evidence: IntentEvidence
    policy: Policy
    now_us: int

    def kept_back(self, row: Row, rate: Rate) -> int:
        """As in commons.py."""
        return kept_back(row, self.evidence, rate, self.now_us // 1_000_000)

    def will_expire(self, retry_us: int) -> bool:
        """Whether the intent is not sent at all if it has to wait so long."""
        return bool(self.evidence.expires_at) and will_expire(retry_us, self.evidence, self.policy)

    def full(self, rule: str, said: dict[str, str], retry_us: int) -> Finding:
        """The finding of a bucket that has no room. `said`: values for its sentence."""
        said["seconds"] = f"{(retry_us - self.now_us) / 1e6:.1f}"
        return finding(self.policy, self.evidence, rule, said, retry_us=retry_us)


class BucketLevel(NamedTuple):
    """How full a bucket is, for who explains a verdict. `used` of `most` messages that may go at once."""

    rule: str
    limit: str
    """In words: 500/min, …"""
    used: int
    most: int
    """0: it has no bounds any more."""
    free_us: int
    """When the next message may go; not after the intent's time: at once."""
    kept: int = 0
    """Of `most`, for those who prove which service they are."""


class Bucket(Protocol):
    """A limit that an intent has to pass."""

    def level(self) -> BucketLevel:
        """How full it is; asked after the fact."""

    def stop(self) -> Finding | None:
        """A finding where there is no room; None: there is."""

    def take(self) -> None:
        """A message goes out."""


class RateBucket:
    """A rate of the policy; `provider` for the sentence of one that goes by the MX provider."""

    __slots__ = ("_passing", "_provider", "_rate", "_row", "_rule")

    def __init__(self, passing: Passing, rule: str, rate: Rate, row: Row, provider: str = ""):
        self._passing, self._rule, self._rate, self._row, self._provider = passing, rule, rate, row, provider

    def stop(self) -> Finding | None:
        """A finding where there is no room; None: there is."""
        now_us = self._passing.now_us
        kept = self._passing.kept_back(self._row, self._rate)
        if earliest(self._rate, self._row.tat_us) + kept <= now_us:
            return None
        said = {"rate": self._rate.text, "provider": self._provider}
        found = slots(self._row, self._passing.evidence)
        return self._passing.full(self._rule, said, promise(self._rate, self._row, found, kept, self._passing))

    def level(self) -> BucketLevel:
        """How full it is."""
        about = (
            f"{self._rate.text}{f', of which this partition has a part, for {self._provider}' * bool(self._provider)}"
        )
        return _level(self._rule, about, self._rate, self._row, self._passing)

    def take(self) -> None:
        """A message goes out."""
        self._row.tat_us = advance(self._rate, self._row.tat_us, self._passing.now_us)


class SlowBucket:
    """What is left of a limit after a mail server has said that we are too fast: evenly, a second's worth at once."""

    __slots__ = ("_passing", "_rate", "_row", "_slow")

    def __init__(self, passing: Passing, slow: SlowRate, row: Row):
        self._passing, self._slow, self._row = passing, slow, row
        self._rate = slow.rate(passing.now_us)

    def stop(self) -> Finding | None:
        """A finding where there is no room; None: there is."""
        now_us = self._passing.now_us
        kept = self._passing.kept_back(self._row, self._rate)
        if earliest(self._rate, self._row.tat_us) + kept <= now_us:
            return None
        return self._passing.full(RULE, self._slow.said(now_us), self._promise(kept))

    def take(self) -> None:
        """A message goes out."""
        self._row.tat_us = advance(self._rate, self._row.tat_us, self._passing.now_us)

    def level(self) -> BucketLevel:
        """How full it is."""
        said = self._slow.said(self._passing.now_us)
        about = f"{said['limit']} until {said['until']}, as {said['answered']}"
        return _level(RULE, about, self._rate, self._row, self._passing)

    def _promise(self, kept: int) -> int:
        """As below; the distance to the next slot is that of the slot's time, when the limit may have climbed."""
        row, slow, now_us = self._row, self._slow, self._passing.now_us
        row.tat_us = min(row.tat_us, furthest(self._rate, now_us))
        found = slots(row, self._passing.evidence)
        promised = found.slot_us if found.slot_interval_us == slow.mark else 0
        slot = max(earliest(self._rate, row.tat_us) + kept, promised, now_us)
        if not self._passing.will_expire(slot):
            apart = slow.rate(slot).interval_us + max(0, kept - self._rate.tolerance_us)
            found.slot_us, found.slot_interval_us = slot + apart, slow.mark
        return _milliseconds(slot)


def _level(rule: str, about: str, rate: Rate, row: Row, passing: Passing) -> BucketLevel:
    now_us, interval = passing.now_us, rate.interval_us
    kept = passing.kept_back(row, rate)
    tat_us = min(row.tat_us, furthest(rate, now_us))
    used = -(-max(0, tat_us - now_us) // interval)
    free_us = earliest(rate, row.tat_us) + kept
    return BucketLevel(rule, about, used, rate.tolerance_us // interval + 1, free_us, -(-kept // interval))


def promise(rate: Rate, row: Row, found: Row | ProvedFirst, kept: int, passing: Passing) -> int:
    """The next slot that has not been promised to another deferred intent, rounded up to whole milliseconds. `found`:
    where that stands; `kept`: of the limit's tolerance, for others. What will not be sent is promised nothing."""
    now_us = passing.now_us
    # what a slower limit has left behind, before the policy changed, must not hold mail back for days
    row.tat_us = min(row.tat_us, furthest(rate, now_us))
    promised = found.slot_us if found.slot_interval_us == rate.interval_us else 0
    slot = max(earliest(rate, row.tat_us) + kept, promised, now_us)
    if not passing.will_expire(slot):
        # whom more is kept from than there is of bursts goes at every other interval
        apart = rate.interval_us + max(0, kept - rate.tolerance_us)
        found.slot_us, found.slot_interval_us = slot + apart, rate.interval_us
    return _milliseconds(slot)


def _milliseconds(slot_us: int) -> int:
    return -(-slot_us // 1000) * 1000
