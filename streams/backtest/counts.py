"""What the messages of a log come to by two policies: counts and a few examples. Pure.

How many there are does not depend on the log's length: names of services beyond SERVICES_MAX are put together.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sidestep.schemas.verdicts import Action
from sidestep.streams.backtest.fate import MessageFate
from sidestep.streams.backtest.messages import MessageRow
from sidestep.streams.backtest.outcomes import OUTCOMES, OutcomeName, gravest

Side = Literal["before", "after"]
"""By the policies that stand in the log, and by the other one."""

SIDES: tuple[Side, Side] = ("before", "after")
ACTIONS: tuple[Action, ...] = ("send", "defer", "drop")
SERVICES_MAX = 200
OTHER_SERVICES = "(others)"
EXAMPLES_MAX = 3
"""Of each kind of change, …"""
KINDS_MAX = 60
"""… and so many kinds."""
RISK_BINS = 10
HOUR_MS = 3_600_000
STEPS_MS = {
    "at once": 0,
    "1 min": 60_000,
    "10 min": 600_000,
    "1 h": HOUR_MS,
    "6 h": 6 * HOUR_MS,
    "1 day": 24 * HOUR_MS,
}
"""Bounds of delays, from a message's first verdict on."""
LONGER, OPEN = "longer", "not sent yet"
DELAYS = (*STEPS_MS, LONGER, OPEN)


class FateChange(NamedTuple):
    """A kind of message that the other policy treats otherwise, be it for another reason alone."""

    before: Action
    after: Action
    rule_before: str
    """That stopped it; empty: none."""
    rule_after: str
    service: str


class ChangedMessage(NamedTuple):
    """An example of one. No local part of an address is in it."""

    rank: int
    """Of several those are shown of which most is known: the lowest ranks."""
    place: str
    """TOPIC/PARTITION/OFFSET of the record that offered it first."""
    at_ms: int
    service: str
    id: str
    domain: str
    before: MessageFate
    after: MessageFate
    outcome: OutcomeName


Kind = tuple[Action, Action, str, str]
"""A FateChange without its service."""


@dataclass
class BacktestCounts:
    """Of a partition, or of all together."""

    records: int = 0
    """Of the log, within the time that is compared."""
    messages: int = 0
    tests: int = 0
    unjudged: int = 0
    """Messages that have a verdict by one of the two alone: Decide has not come to them yet."""
    fates: Counter[tuple[Action, Action, OutcomeName]] = field(default_factory=Counter)
    changes: Counter[tuple[FateChange, OutcomeName]] = field(default_factory=Counter)
    stops: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    """Messages by the rule that stopped them."""
    delays: dict[Side, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    """Messages that are not dropped, by the bound of their delay."""
    least_delays: Counter[str] = field(default_factory=Counter)
    """What was sent and would be deferred, by the bound of what it would wait at least."""
    risks: dict[Side, Counter[int]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    """Messages by tenth of their risk."""
    expected: Counter[Side] = field(default_factory=Counter)
    """The sum of the risks of what is sent, thousandths: trap hits to be expected."""
    hours: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By hour since 1970: messages ("offered"), and those sent, by side."""
    examples: dict[Kind, list[ChangedMessage]] = field(default_factory=dict)
    policies: Counter[str] = field(default_factory=Counter)
    """Verdicts by the version of the policy that stands in the log."""
    notes: list[str] = field(default_factory=list)
    """Where partitions begin, if not with the log."""
    says_otherwise: list[str] = field(default_factory=list)
    """What the other policy says otherwise than the last one of the log."""
    services: set[str] = field(default_factory=set)

    def add(self, row: MessageRow, trapped: bool, where: str) -> None:
        """One more message. `trapped`: it goes to a known trap; `where`: TOPIC/PARTITION of its record."""
        before, after = row.before, row.after
        if before is None or after is None:
            self.unjudged += 1
            return
        self.messages += 1
        outcome = gravest(row.outcomes, before.action == "send", trapped)
        self.fates[before.action, after.action, outcome] += 1
        hour = row.first_ms // HOUR_MS
        self.hours[hour, "offered"] += 1
        for side, fate in zip(SIDES, (before, after), strict=True):
            self._add_fate(side, fate, row.first_ms, hour)
        if before.action == "send" and after.action == "defer":
            self.least_delays[delay_step(after.retry_ms - row.first_ms)] += 1
        if (before.action, before.rule) != (after.action, after.rule):
            self._change(row, before, after, outcome, where)

    def merge(self, other: "BacktestCounts") -> None:
        """Add the counts of another partition."""
        for name in ("records", "messages", "tests", "unjudged"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.fates.update(other.fates)
        self.least_delays.update(other.least_delays)
        self.hours.update(other.hours)
        self.expected.update(other.expected)
        self.policies.update(other.policies)
        for side in SIDES:
            self.stops[side].update(other.stops[side])
            self.delays[side].update(other.delays[side])
            self.risks[side].update(other.risks[side])
        for (change, outcome), count in other.changes.items():
            self.changes[change._replace(service=self._service(change.service)), outcome] += count
        for kind, examples in other.examples.items():
            self._examples(kind, examples)
        self.notes += other.notes
        self.says_otherwise = self.says_otherwise or other.says_otherwise

    def count(
        self, before: Sequence[Action], after: Sequence[Action], outcomes: Sequence[OutcomeName] = OUTCOMES
    ) -> int:
        """Messages with these fates and outcomes."""
        found = ((key, count) for key, count in self.fates.items() if key[0] in before and key[1] in after)
        return sum(count for key, count in found if key[2] in outcomes)

    def _add_fate(self, side: Side, fate: MessageFate, first_ms: int, hour: int) -> None:
        self.risks[side][min(int(fate.risk * RISK_BINS), RISK_BINS - 1)] += 1
        if fate.action == "send":
            self.expected[side] += round(fate.risk * 1000)
            self.hours[hour, side] += 1
            self.delays[side][delay_step(fate.at_ms - first_ms)] += 1
            return
        self.stops[side][fate.rule] += 1
        if fate.action == "defer":
            self.delays[side][OPEN] += 1

    def _change(
        self, row: MessageRow, before: MessageFate, after: MessageFate, outcome: OutcomeName, where: str
    ) -> None:
        kind: Kind = (before.action, after.action, before.rule, after.rule)
        self.changes[FateChange(*kind, self._service(row.service)), outcome] += 1
        rank = OUTCOMES.index(outcome) - len(OUTCOMES) * (outcome == "engaged")  # good mail first
        place = f"{where}/{row.offset}"
        shown = ChangedMessage(rank, place, row.first_ms, row.service, row.id, row.domain, before, after, outcome)
        self._examples(kind, [shown])

    def _service(self, name: str) -> str:
        if name not in self.services:
            if len(self.services) >= SERVICES_MAX:
                return OTHER_SERVICES
            self.services.add(name)
        return name

    def _examples(self, kind: Kind, examples: list[ChangedMessage]) -> None:
        if kind in self.examples or len(self.examples) < KINDS_MAX:
            # by what is known of them, then by their place: whatever the order in which they are found
            known = [*self.examples.get(kind, []), *examples]
            self.examples[kind] = sorted(known, key=lambda each: each[:2])[:EXAMPLES_MAX]


def delay_step(delay_ms: int) -> str:
    """The least bound of DELAYS that it does not pass."""
    return next((name for name, bound in STEPS_MS.items() if delay_ms <= bound), LONGER)
