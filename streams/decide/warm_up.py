"""Warm-up: a service that is new to an MX provider sends it so many messages a day, more from day to day. Pure: it
changes only the rows that it is given.

Days are those of UTC, by the log's time. A day counts if enough of its cap went out; whoever was idle for long begins
again. What is over the cap is told a time on the next day, each message another one, spread over that day.
"""

from sidestep.streams.decide.buckets import BucketLevel, Passing
from sidestep.streams.decide.limit_rows import WarmUp
from sidestep.streams.decide.policy import DAY, Ramp
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.rules.reasons import finding
from sidestep.streams.decide.tables import ServiceRow

RULE = "warm-up"


class Today:
    """One service at one provider (or at a domain that is its own) today. `part` of `parts` equal ones is what this
    partition of the log may send."""

    __slots__ = ("_cap", "_parts", "_passing", "_ramp", "_row", "_step", "_where")

    def __init__(self, passing: Passing, row: ServiceRow, where: str, parts: int):
        self._passing, self._row, self._where = passing, row, where
        self._ramp, self._parts = passing.policy.ramp, max(1, parts)
        ramp = self._ramp
        self._step = _step(row.warm_up, ramp, self._day, self._parts)
        self._cap = self._cap_of(self._step)

    @property
    def _day(self) -> int:
        return self._passing.now_us // (DAY * 1_000_000)

    def stop(self) -> Finding | None:
        """A finding if the day's cap is reached; None: there is room, or no cap any more."""
        row = self._row.warm_up
        if self._cap is None or row is None or row.day != self._day or row.sent < self._cap:
            return None
        said = {
            "where": self._where,
            "cap": self._ramp.caps[self._step],
            "day": self._step + 1,
            "part": self._cap if self._parts > 1 else "",
        }
        form = "reason_part" if self._parts > 1 else "reason"
        return finding(self._passing.policy, self._passing.evidence, RULE, said, form, self._promise(row))

    def level(self) -> BucketLevel:
        """How much of the day's cap has gone out."""
        row, day_us = self._row.warm_up, DAY * 1_000_000
        sent = row.sent if row is not None and row.day == self._day else 0
        about = f"day {self._step + 1} of the warm-up at {self._where}" if self._cap else f"warmed up at {self._where}"
        full = self._cap is not None and sent >= self._cap
        return BucketLevel(RULE, about, sent, self._cap or 0, (self._day + 1) * day_us if full else 0)

    def take(self) -> None:
        """A message goes out."""
        row = self._row.warm_up
        if row is None or row.day != self._day:
            self._row.warm_up = row = WarmUp(day=self._day, step=self._step, slot_us=row.slot_us if row else 0)
        row.sent += 1

    def _promise(self, row: WarmUp) -> int:
        """The next time tomorrow that was not given to another message; on the day after, where tomorrow is full."""
        begins = (self._day + 1) * DAY * 1_000_000
        slot = max(begins, row.slot_us)
        if not self._passing.will_expire(slot):
            row.slot_us = slot + DAY * 1_000_000 // (self._cap_of(self._step + 1) or self._cap or 1)
        return -(-slot // 1000) * 1000

    def _cap_of(self, step: int) -> int | None:
        """This partition's part of the cap of a day of sending; None: there is none."""
        caps = self._ramp.caps
        return max(1, caps[step] // self._parts) if step < len(caps) else None


def _step(row: WarmUp | None, ramp: Ramp, day: int, parts: int) -> int:
    """Which day of sending it is, from 0."""
    if row is None or day - row.day > ramp.idle_days:
        return 0
    if row.day >= day or row.step >= len(ramp.caps):
        return row.step
    enough = ramp.used * max(1, ramp.caps[row.step] // parts)
    return row.step + 1 if row.sent >= enough else row.step
