"""Buckets: a limit's rate and the row that keeps what was taken of it; whether there is room, and when there is again.
Pure: they change only the rows that they are given.
"""

from typing import Protocol

from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.slow_down import RULE, SlowRate
from sidestep.streams.decide.tables import DomainRow, ServiceRow
from sidestep.streams.gcra import Rate, advance, earliest, furthest

Row = DomainRow | ServiceRow


class Bucket(Protocol):
    """A limit that an intent has to pass."""

    def stop(self) -> Finding | None:
        """A finding where there is no room; None: there is."""

    def take(self) -> None:
        """A message goes out."""


class RateBucket:
    """A rate of the policy. `said`: whose it is and what that gets, for the sentence."""

    __slots__ = ("_now_us", "_rate", "_row", "_rule", "_said")

    def __init__(self, rule: str, rate: Rate, row: Row, said: str, now_us: int):
        self._rule, self._rate, self._row, self._said, self._now_us = rule, rate, row, said, now_us

    def stop(self) -> Finding | None:
        """A finding where there is no room; None: there is."""
        if earliest(self._rate, self._row.tat_us) <= self._now_us:
            return None
        return full(self._rule, self._said, promise(self._rate, self._row, self._now_us), self._now_us)

    def take(self) -> None:
        """A message goes out."""
        self._row.tat_us = advance(self._rate, self._row.tat_us, self._now_us)


class SlowBucket:
    """What is left of a limit after a mail server has said that we are too fast: evenly, one at a time."""

    __slots__ = ("_now_us", "_row", "_slow")

    def __init__(self, slow: SlowRate, row: Row, now_us: int):
        self._slow, self._row, self._now_us = slow, row, now_us

    def stop(self) -> Finding | None:
        """A finding where there is no room; None: there is."""
        if self._row.tat_us <= self._now_us:
            return None
        return full(RULE, self._slow.text(self._now_us), self._promise(), self._now_us)

    def take(self) -> None:
        """A message goes out."""
        self._row.tat_us = max(self._row.tat_us, self._now_us) + self._slow.interval_us(self._now_us)

    def _promise(self) -> int:
        """As below; the distance to the next slot is that of the slot's time, when the limit may have climbed."""
        row, slow, now_us = self._row, self._slow, self._now_us
        row.tat_us = min(row.tat_us, now_us + slow.interval_us(now_us))
        promised = row.slot_us if row.slot_interval_us == slow.mark else 0
        slot = max(row.tat_us, promised, now_us)
        row.slot_us, row.slot_interval_us = slot + slow.interval_us(slot), slow.mark
        return _milliseconds(slot)


def promise(rate: Rate, row: Row, now_us: int) -> int:
    """The next slot that has not been promised to another deferred intent, rounded up to whole milliseconds."""
    # what a slower limit has left behind, before the policy changed, must not hold mail back for days
    row.tat_us = min(row.tat_us, furthest(rate, now_us))
    promised = row.slot_us if row.slot_interval_us == rate.interval_us else 0
    slot = max(earliest(rate, row.tat_us), promised, now_us)
    row.slot_us, row.slot_interval_us = slot + rate.interval_us, rate.interval_us
    return _milliseconds(slot)


def full(rule: str, text: str, retry_us: int, now_us: int) -> Finding:
    """The finding of a bucket that has no room."""
    return Finding(rule, f"{text}; there is room again in {(retry_us - now_us) / 1e6:.1f} s.", retry_us)


def _milliseconds(slot_us: int) -> int:
    return -(-slot_us // 1000) * 1000
