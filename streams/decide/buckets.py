"""Buckets: a limit's rate and the row that keeps what was taken of it; whether there is room, and when there is again.
Pure: they change only the rows that they are given.
"""

from typing import NamedTuple, Protocol

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.commons import Row, crowd_went, drawn, is_beyond, kept_back, slots
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.rules.expiring import will_expire
from sidestep.streams.decide.rules.reasons import REASON, finding
from sidestep.streams.decide.slow_down import RULE, SlowRate
from sidestep.streams.decide.tables import DomainRow
from sidestep.streams.gcra import Rate, advance, earliest, furthest

CROWDED = "reason_crowded"
"""The sentence of a shared limit that can promise no slot."""


class Passing(NamedTuple):
    """An intent that has to pass limits, when, and by which policy."""

    evidence: IntentEvidence
    policy: Policy
    now_us: int
    known: bool = False
    """Its service is (known.py)."""

    def kept_back(self, row: Row, rate: Rate) -> int:
        """As in commons.py."""
        return kept_back(row, self.evidence, self.known, rate, self.now_us // 1_000_000)

    def take(self, row: Row, rate: Rate) -> None:
        """The intent goes out, and is counted in the row of a limit."""
        if type(row) is DomainRow and row.known is not None and not (self.known or self.evidence.proved):
            crowd_went(row.known, rate, self.now_us)
        row.tat_us = advance(rate, row.tat_us, self.now_us)

    def will_expire(self, retry_us: int) -> bool:
        """Whether the intent is not sent at all if it has to wait so long."""
        return bool(self.evidence.expires_at) and will_expire(retry_us, self.evidence, self.policy)

    def full(self, rule: str, said: dict[str, str], retry_us: int, form: str = REASON) -> Finding:
        """The finding of a bucket that has no room. `said`: values for its sentence."""
        said["seconds"] = f"{(retry_us - self.now_us) / 1e6:.1f}"
        return finding(self.policy, self.evidence, rule, said, form, retry_us)


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
    """Of `most`, for those who come first (commons.py)."""


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
        return self._passing.full(self._rule, said, *_promise(self._rate, self._row, kept, self._passing))

    def level(self) -> BucketLevel:
        """How full it is."""
        about = (
            f"{self._rate.text}{f', of which this partition has a part, for {self._provider}' * bool(self._provider)}"
        )
        return _level(self._rule, about, self._rate, self._row, self._passing)

    def take(self) -> None:
        """A message goes out."""
        self._passing.take(self._row, self._rate)


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
        return self._passing.full(RULE, self._slow.said(now_us), *self._promise(kept))

    def take(self) -> None:
        """A message goes out."""
        self._passing.take(self._row, self._rate)

    def level(self) -> BucketLevel:
        """How full it is."""
        said = self._slow.said(self._passing.now_us)
        about = f"{said['limit']} until {said['until']}, as {said['answered']}"
        return _level(RULE, about, self._rate, self._row, self._passing)

    def _promise(self, kept: int) -> tuple[int, str]:
        """As below; the distance to the next slot is that of the slot's time, when the limit may have climbed."""
        row, slow, passing = self._row, self._slow, self._passing
        row.tat_us = min(row.tat_us, furthest(self._rate, passing.now_us))
        found = slots(row, passing.evidence, passing.known)
        promised = found.slot_us if found.slot_interval_us == slow.mark else 0
        free = max(earliest(self._rate, row.tat_us) + kept, passing.now_us)
        slot = max(free, promised)
        if is_beyond(row, found, slot - free, self._rate):
            return _milliseconds(drawn(passing.evidence, free, self._rate)), CROWDED
        if not passing.will_expire(slot):
            apart = slow.rate(slot).interval_us + max(0, kept - self._rate.tolerance_us)
            found.slot_us, found.slot_interval_us = slot + apart, slow.mark
        return _milliseconds(slot), REASON


def _level(rule: str, about: str, rate: Rate, row: Row, passing: Passing) -> BucketLevel:
    now_us, interval = passing.now_us, rate.interval_us
    kept = passing.kept_back(row, rate)
    tat_us = min(row.tat_us, furthest(rate, now_us))
    used = -(-max(0, tat_us - now_us) // interval)
    free_us = earliest(rate, row.tat_us) + kept
    return BucketLevel(rule, about, used, rate.tolerance_us // interval + 1, free_us, -(-kept // interval))


def _promise(rate: Rate, row: Row, kept: int, passing: Passing) -> tuple[int, str]:
    """The next slot that has not been promised to another deferred intent, rounded up to whole milliseconds, and the
    form of the sentence; of the crowd beyond its horizon the time to come again. `kept`: of the limit's tolerance, for
    others. What will not be sent is promised nothing."""
    # what a slower limit has left behind, before the policy changed, must not hold mail back for days
    row.tat_us = min(row.tat_us, furthest(rate, passing.now_us))
    found = slots(row, passing.evidence, passing.known)
    promised = found.slot_us if found.slot_interval_us == rate.interval_us else 0
    free = max(earliest(rate, row.tat_us) + kept, passing.now_us)
    slot = max(free, promised)
    if is_beyond(row, found, slot - free, rate):
        return _milliseconds(drawn(passing.evidence, free, rate)), CROWDED
    if not passing.will_expire(slot):
        # whom more is kept from than there is of bursts goes at every other interval
        apart = rate.interval_us + max(0, kept - rate.tolerance_us)
        found.slot_us, found.slot_interval_us = slot + apart, rate.interval_us
    return _milliseconds(slot), REASON


def _milliseconds(slot_us: int) -> int:
    return -(-slot_us // 1000) * 1000
