"""Counts per service and second of log time, kept in the ledger until the log's time leaves the second. Pure.

However the log is cut into batches, the same counts come out: a name is told apart if it is among the first KEPT of its
second, in the log's order; later ones go to the rest. Of those, the TOP most frequent come out by name.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from sidestep.schemas import Breakdown, FeedbackEvidence, IntentEvidence, Outcomes, Tally, Verdict
from sidestep.schemas.tallies import NO_INTENTS, NO_NAMES, TOP
from sidestep.streams.decide.tables import OpenBreakdown, TallyRow

KEPT = 64
"""Names of one kind that are told apart while a second lasts."""

APPROVED, DROPPED, DEFERRED, NEVER_MAILED = range(4)
"""Columns of counts, in the order of schemas.Outcomes."""
OTHER = "other"
"""Reasons beyond KEPT."""
_COLUMNS = {"send": APPROVED, "drop": DROPPED, "defer": DEFERRED}


Name = TypeVar("Name", bound=str)


class Counted(NamedTuple):
    """What a stretch of the log within one second gave, in the log's order."""

    intents: list[tuple[IntentEvidence, Verdict]]
    """Test intents left out."""
    feedback: list[FeedbackEvidence]
    """What was new."""


class OpenTallies:
    """The tallies of the second that lasts, by service.

    `rows` are the ledger's; `written` those that have changed, None for one that is gone.
    """

    def __init__(self, rows: dict[bytes, TallyRow]):
        self.rows = rows
        self.written: dict[bytes, TallyRow | None] = {}

    def add(self, second: int, counted: Counted, never_mailed: set[int]) -> None:
        """Count what one second gave. `never_mailed`: offsets of first messages to their recipients."""
        self._add_intents(second, counted.intents, never_mailed)
        for feedback in counted.feedback:
            _add_feedback(self._row(feedback.service, second), feedback)

    def close(self, partition: int) -> list[Tally]:
        """The second is over: its tallies, by service, and nothing is open any more."""
        tallies = [_tally(service.decode(), partition, row) for service, row in sorted(self.rows.items())]
        self.written.update(dict.fromkeys(self.rows))
        self.rows.clear()
        return tallies

    def _row(self, service: str, second: int) -> TallyRow:
        key = service.encode()
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = TallyRow(second)
        self.written[key] = row
        return row

    def _add_intents(self, second: int, intents: list[tuple[IntentEvidence, Verdict]], never_mailed: set[int]) -> None:
        rows: dict[str, TallyRow] = {}
        for evidence, verdict in intents:
            row = rows.get(verdict.service)
            if row is None:
                row = rows[verdict.service] = self._row(verdict.service, second)
            column, first = _COLUMNS[verdict.action], verdict.evidence.offset in never_mailed
            row.intents[column] += 1
            if first:
                row.intents[NEVER_MAILED] += 1
            for breakdown, name in (
                (row.domains, evidence.domain),
                (row.providers, evidence.mx.provider if evidence.mx is not None else ""),
                (row.sources, evidence.source),
                (row.campaigns, evidence.campaign),
                (row.streams, evidence.stream),
            ):
                if name:
                    counts = breakdown.named.get(name) or _counts_of(breakdown, name)
                    counts[column] += 1
                    if first:
                        counts[NEVER_MAILED] += 1
            if evidence.classes:
                _count(row.classes, evidence.classes)
            if verdict.rules:
                _count(row.rules, [rule.id for rule in verdict.rules])


def _counts_of(breakdown: OpenBreakdown, name: str) -> list[int]:
    """Of a name that is not told apart yet; those of the rest, where there are too many."""
    if len(breakdown.named) >= KEPT:
        return breakdown.rest
    counts = breakdown.named[name] = [0, 0, 0, 0]
    return counts


def _count(counts: dict[Name, int], names: Iterable[Name]) -> None:
    for name in names:
        counts[name] = counts.get(name, 0) + 1


def _add_feedback(row: TallyRow, feedback: FeedbackEvidence) -> None:
    _count(row.events, (feedback.event,))
    if feedback.event == "bounce":
        row.hard_bounces += feedback.hard
        _count(row.scopes, (feedback.scope,))
        if feedback.reason:
            # whoever reports a bounce may name any reason
            known = feedback.reason in row.reasons or len(row.reasons) < KEPT
            _count(row.reasons, (feedback.reason if known else OTHER,))


def _tally(service: str, partition: int, row: TallyRow) -> Tally:
    return Tally(
        service=service,
        partition=partition,
        second=row.second,
        intents=_outcomes(row.intents),
        classes=_top(row.classes),
        rules=_top(row.rules),
        domains=_breakdown(row.domains),
        providers=_breakdown(row.providers),
        sources=_breakdown(row.sources),
        campaigns=_breakdown(row.campaigns),
        streams=_breakdown(row.streams),
        events=_top(row.events),
        hard_bounces=row.hard_bounces,
        reasons=_top(row.reasons),
        scopes=_top(row.scopes),
    )


def _breakdown(found: OpenBreakdown) -> Breakdown:
    """The most frequent names by themselves, everything else in the rest."""
    if not found.named:
        return NO_NAMES
    ranked = sorted(found.named.items(), key=lambda item: (-sum(item[1][:NEVER_MAILED]), item[0]))
    rest = list(found.rest)
    for _, counts in ranked[TOP:]:
        rest = [sum(pair) for pair in zip(rest, counts, strict=True)]
    return Breakdown({name: Outcomes(*counts) for name, counts in ranked[:TOP]}, _outcomes(rest))


def _outcomes(counts: list[int]) -> Outcomes:
    """msgspec leaves a default out only where it is the very same object."""
    return Outcomes(*counts) if any(counts) else NO_INTENTS


def _top(counts: dict[Name, int]) -> dict[Name, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
