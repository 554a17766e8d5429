"""What a backtest has found: the figures that people ask for, out of its counts. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from msgspec import to_builtins

from sidestep.schemas.verdicts import Action
from sidestep.streams.audit.audit_partition import FOR_EVER, NEVER, Span
from sidestep.streams.backtest.counts import (
    ACTIONS,
    DELAYS,
    RISK_BINS,
    SIDES,
    BacktestCounts,
    ChangedMessage,
    FateChange,
)
from sidestep.streams.backtest.outcomes import OutcomeName

SENT: tuple[Action, ...] = ("send",)
STOPPED: tuple[Action, ...] = ("drop", "defer")
UNKNOWN: tuple[OutcomeName, ...] = ("delivered", "opted-out", "unknown")
FIGURES: tuple[tuple[str, tuple[Sequence[Action], Sequence[Action]], Sequence[OutcomeName], str], ...] = (
    ("good mail lost", (SENT, ("drop",)), ("engaged",), "sent, and opened, clicked or answered since; it drops it"),
    ("good mail delayed", (SENT, ("defer",)), ("engaged",), "likewise; it defers it"),
    ("traps avoided", (SENT, STOPPED), ("trap",), "sent to what is known for a trap by now; it stops it"),
    ("traps hit", (STOPPED, SENT), ("trap",), "stopped, to what is known for a trap by now; it sends it"),
    ("bounces avoided", (SENT, STOPPED), ("hard-bounce",), "sent, and bounced for good since; it stops it"),
    ("complaints avoided", (SENT, STOPPED), ("complaint",), "sent, and called spam since; it stops it"),
    ("stopped, not known", (SENT, STOPPED), UNKNOWN, "sent, and nothing tells whether that was good; it stops it"),
    ("sent, not known", (STOPPED, SENT), ("not-sent",), "stopped, so nothing can be known; it sends it"),
)
"""Messages by their fates in the log and by the other policy ("it"), and their outcomes."""
CAVEATS = (
    "What was not sent has no outcome: of messages that the other policy would send nothing is known but whether they "
    "go to a known trap.",
    "The log is what it is because of the policies that were in force. What came back of a message that the other "
    "policy would have stopped still stands in it and goes into the histories of both, be it a bounce that would not "
    "have come.",
    "Attempts stand in the log as they were asked for then: what the other policy defers was offered again only if it "
    "had been deferred then as well. It counts as deferred, with what it would wait at least.",
    "Holds, models and limits by provider are those of the log: what Watch would have done with the other policy's "
    "tallies, and what the model would have learnt, is not folded.",
    "An outcome belongs to the message that it names, else to the last one that was sent to the mailbox before. Nobody "
    "has checked it beyond the token that it carries.",
)


class ToldFigure(NamedTuple):
    """A count of messages that a reader of the report decides by."""

    name: str
    messages: int
    about: str


@dataclass
class BacktestReport:
    """All partitions of the log."""

    policy: str
    """Name of the other policy, …"""
    version: str
    partitions: list[int]
    span: Span
    counts: BacktestCounts
    followed: bool = False
    """What was compared with are verdicts as they appeared, from a moment on."""

    @property
    def figures(self) -> list[ToldFigure]:
        """Losses and gains, those first that somebody has to think about."""
        count = self.counts.count
        return [ToldFigure(name, count(*fates, outcomes), about) for name, fates, outcomes, about in FIGURES]

    @property
    def hours(self) -> tuple[int, int] | None:
        """The first hour and the last one since 1970 in which something was offered."""
        hours = [hour for hour, _ in self.counts.hours]
        return (min(hours), max(hours)) if hours else None

    def changes(self) -> list[tuple[FateChange, Counter[OutcomeName]]]:
        """By kind and service, with outcomes: what is sent or not any more first, then the most frequent."""
        found: dict[FateChange, Counter[OutcomeName]] = {}
        for (change, outcome), count in self.counts.changes.items():
            found.setdefault(change, Counter())[outcome] += count
        return sorted(found.items(), key=lambda item: (_weight(item[0]), -item[1].total(), item[0]))

    def examples(self) -> Iterator[ChangedMessage]:
        """A few of each kind, in the same order of kinds."""
        kinds = dict.fromkeys(change[:4] for change, _ in self.changes())
        for kind in kinds:
            yield from self.counts.examples.get(kind, ())


def as_json(report: BacktestReport) -> dict[str, Any]:
    """The report for programs."""
    counts = report.counts
    return {
        "policy": {"name": report.policy, "version": report.version, "says_otherwise": counts.says_otherwise},
        "policies_of_the_log": dict(counts.policies),
        "partitions": report.partitions,
        "since": None if report.span.since == NEVER else report.span.since,
        "until": None if report.span.until == FOR_EVER else report.span.until,
        "followed": report.followed,
        "notes": counts.notes,
        "records": counts.records,
        "messages": counts.messages,
        "tests": counts.tests,
        "unjudged": counts.unjudged,
        "fates": [
            {"before": before, "after": after, "messages": counts.count((before,), (after,))}
            for before in ACTIONS
            for after in ACTIONS
        ],
        "figures": {figure.name: figure.messages for figure in report.figures},
        "changes": [
            {**change._asdict(), "messages": outcomes.total(), "outcomes": dict(outcomes)}
            for change, outcomes in report.changes()
        ],
        "stops": {side: dict(counts.stops[side]) for side in SIDES},
        "delays": {side: {step: counts.delays[side][step] for step in DELAYS} for side in SIDES},
        "least_delays": dict(counts.least_delays),
        "risk": {side: [counts.risks[side][number] for number in range(RISK_BINS)] for side in SIDES},
        "expected_trap_hits": {side: counts.expected[side] / 1000 for side in SIDES},
        "examples": [_example(each) for each in report.examples()],
        "caveats": list(CAVEATS),
    }


def _example(each: ChangedMessage) -> dict[str, Any]:
    fates = {
        side: to_builtins({name: getattr(fate, name) for name in fate.__struct_fields__})
        for side, fate in zip(SIDES, (each.before, each.after), strict=True)
    }
    fields = each._asdict()
    return {name: fields[name] for name in ("place", "at_ms", "service", "id", "domain", "outcome")} | fates


def _weight(change: FateChange) -> int:
    """What is sent, or is not any more, weighs most; then what is final or is not; then another reason."""
    if "send" in (change.before, change.after) and change.before != change.after:
        return 0
    return 1 if change.before != change.after else 2
