"""Counts per service and second of log time, kept in the ledger until the log's time leaves the second. Pure.

However the log is cut into batches, the same counts come out: a name is told apart if it is among the first KEPT of its
second, in the log's order; later ones go to the rest. Of those, the TOP most frequent come out by name
(tally_records.py).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sidestep.schemas import IntentEvidence, Tally, Verdict
from sidestep.streams.decide.counted import Counted
from sidestep.streams.decide.risk import Risk, names_of
from sidestep.streams.decide.tables import OpenBreakdown, TallyRow
from sidestep.streams.decide.tally_counts import add_sample, count, counts_of
from sidestep.streams.decide.tally_records import tallies
from sidestep.streams.decide.tally_returns import add_other

APPROVED, DROPPED, DEFERRED, NEVER_MAILED, UNKNOWN, DORMANT, RISK = range(7)
"""Columns of counts, in the order of schemas.Outcomes."""
_COLUMNS = {"send": APPROVED, "drop": DROPPED, "defer": DEFERRED}


class Kind(NamedTuple):
    """Intents of one service with the same action and risk: what each of them adds to which row."""

    row: TallyRow
    adds: tuple[tuple[int, int], ...]
    """Column and by how much."""
    signals: list[str]
    samples: list[list[str]]
    """Where the id of one belongs, as long as there is room."""


class OpenTallies:
    """The tallies of the second that lasts, by service.

    `rows` are the ledger's; `written` those that have changed, None for one that is gone.
    """

    def __init__(self, rows: dict[bytes, TallyRow]):
        self.rows = rows
        self.written: dict[bytes, TallyRow | None] = {}

    def add(self, second: int, counted: Counted) -> None:
        """Count what one second gave."""
        if counted.intents:
            self._add_intents(second, counted.intents)
        for other in counted.others:
            add_other(lambda service: self._row(service, second), other)

    def close(self, partition: int) -> list[Tally]:
        """The second is over: its tallies, by service, and nothing is open any more."""
        closed = tallies(self.rows, partition)
        self.written.update(dict.fromkeys(self.rows))
        self.rows.clear()
        return closed

    def _row(self, service: str, second: int) -> TallyRow:
        key = service.encode()
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = TallyRow(second)
        self.written[key] = row
        return row

    def _add_intents(self, second: int, intents: Sequence[tuple[IntentEvidence, Verdict, Risk]]) -> None:
        """Many intents are alike: they are grouped first, and each group is added as a whole."""
        numbers: dict[tuple[str, str, Risk], int] = {}
        groups = [
            numbers.setdefault((verdict.service, verdict.action, risk), len(numbers)) for _, verdict, risk in intents
        ]
        kinds = [self._kind(second, *key) for key in numbers]
        for number, times in Counter(groups).items():
            kind = kinds[number]
            _add(kind.row.intents, kind, times)
            count(kind.row.signals, kind.signals, times)
        evidence = [intent for intent, _, _ in intents]
        domains = Counter(zip(groups, [intent.domain for intent in evidence], strict=True))
        _add_named(kinds, [kind.row.domains for kind in kinds], domains.items())
        _add_others(kinds, groups, evidence)
        _add_each(kinds, groups, intents)

    def _kind(self, second: int, service: str, action: str, risk: Risk) -> Kind:
        row, signals = self._row(service, second), names_of(risk.signals)
        never_mailed = action == "send" and "never-mailed" in signals
        dormant = "dormant" in signals
        adds = {
            _COLUMNS[action]: 1,
            NEVER_MAILED: never_mailed,
            UNKNOWN: risk.nobody,
            DORMANT: dormant,
            RISK: round(risk.whole * 1000) if action == "send" else 0,
        }
        sampled = (never_mailed, risk.nobody, dormant, risk.risky)
        return Kind(
            row,
            tuple((column, int(by)) for column, by in adds.items() if by),
            signals,
            [row.samples[place] for place, wanted in enumerate(sampled) if wanted],
        )


def _add(counts: list[int], kind: Kind, times: int) -> None:
    for column, by in kind.adds:
        counts[column] += by * times


def _add_named(
    kinds: list[Kind], breakdowns: list[OpenBreakdown], counted: Iterable[tuple[tuple[int, str], int]]
) -> None:
    """`counted`: number of the kind and name, and how often. The innermost loop of all counting."""
    named = [breakdown.named for breakdown in breakdowns]
    adds = [kind.adds for kind in kinds]
    for (number, name), times in counted:
        if name:
            counts = named[number].get(name) or counts_of(breakdowns[number], name)
            for column, by in adds[number]:
                counts[column] += by * times


def _add_others(kinds: list[Kind], groups: list[int], evidence: list[IntentEvidence]) -> None:
    """Names of which a service has few in a second: they are counted together first."""
    found = [intent.mx for intent in evidence]
    together = Counter(
        zip(
            groups,
            [mx.provider if mx is not None else "" for mx in found],
            [intent.source for intent in evidence],
            [intent.campaign for intent in evidence],
            [intent.stream for intent in evidence],
            strict=True,
        )
    )
    for place, breakdowns in enumerate(
        (
            [kind.row.providers for kind in kinds],
            [kind.row.sources for kind in kinds],
            [kind.row.campaigns for kind in kinds],
            [kind.row.streams for kind in kinds],
        ),
        1,
    ):
        _add_named(kinds, breakdowns, [((key[0], key[place]), times) for key, times in together.items()])  # type: ignore[misc]


def _add_each(kinds: list[Kind], groups: list[int], intents: Sequence[tuple[IntentEvidence, Verdict, Risk]]) -> None:
    """What is rare: classes, rules and the ids of the first few."""
    wanting = {number for number, kind in enumerate(kinds) if kind.samples}
    for number, (evidence, verdict, _) in zip(groups, intents, strict=True):
        if evidence.classes:
            count(kinds[number].row.classes, evidence.classes)
        if verdict.rules:
            count(kinds[number].row.rules, [rule.id for rule in verdict.rules])
        if number in wanting and not any([add_sample(ids, evidence.id) for ids in kinds[number].samples]):
            wanting.discard(number)
