"""Counts per service and second of log time, kept in the ledger until the log's time leaves the second. Pure.

However the log is cut into batches, the same counts come out: a name is told apart if it is among the first KEPT of its
second, in the log's order; later ones go to the rest. Of those, the TOP most frequent come out by name
(tally_records.py).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count as numbers_on
from typing import NamedTuple

from sidestep.schemas import IntentEvidence, Tally, Verdict
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.counted import Counted
from sidestep.streams.decide.risk import Risk, names_of
from sidestep.streams.decide.tally_counts import add_samples, count, counts_of
from sidestep.streams.decide.tally_records import tallies
from sidestep.streams.decide.tally_returns import add_other
from sidestep.streams.decide.tally_rows import OpenBreakdown, TallyRow

APPROVED, DROPPED, DEFERRED, NEVER_MAILED, UNKNOWN, DORMANT, RISK = range(7)
"""Columns of counts, in the order of schemas.Outcomes."""
_COLUMNS = {"send": APPROVED, "drop": DROPPED, "defer": DEFERRED}


Intent = tuple[IntentEvidence, Verdict, Risk]


class Kind(NamedTuple):
    """Intents of one service with the same action and risk: what each of them adds to which row."""

    row: TallyRow
    adds: tuple[tuple[int, int], ...]
    """Column and by how much."""
    signals: list[str]
    samples: list[list[str]]
    """Where the id of one belongs, as long as there is room."""


class _Groups(NamedTuple):
    numbers: defaultdict[tuple[str, str, Risk], int]
    """From 0 on, of each kind: service (by the name of its history), action and risk."""
    each: list[int]
    """The kinds' numbers, intent by intent."""
    domains: list[tuple[int, str]]
    others: list[tuple[int, str, str, str, str]]
    """Provider, source, campaign, stream."""
    odd: list[tuple[int, IntentEvidence, Verdict]]
    """The few that have classes or rules."""


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
        for name, verdict in counted.tests:
            self._row(name, second).tests[_COLUMNS[verdict.action]] += 1
        for other in counted.others:
            add_other(lambda service: self._row(service, second), other)

    def close(self, partition: int) -> list[Tally]:
        """The second is over: its tallies, by service, and nothing is open any more."""
        closed = tallies(self.rows, partition)
        self.written.update(dict.fromkeys(self.rows))
        self.rows.clear()
        return closed

    def erase(self, keys: Iterable[str]) -> None:
        """Nothing of a mailbox is open any more."""
        for name, row in self.rows.items():
            for key in keys:
                if row.bombed.pop(key, None) is not None:
                    self.written[name] = row

    def _row(self, service: str, second: int) -> TallyRow:
        key = service.encode()
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = TallyRow(second)
        self.written[key] = row
        return row

    def _add_intents(self, second: int, intents: Sequence[Intent]) -> None:
        groups = _group(intents)
        kinds = [self._kind(second, *key) for key in groups.numbers]
        for number, times in Counter(groups.each).items():
            kind = kinds[number]
            for column, by in kind.adds:
                kind.row.intents[column] += by * times
            count(kind.row.signals, kind.signals, times)
        _add_named(kinds, [kind.row.domains for kind in kinds], Counter(groups.domains).items())
        _add_few(kinds, Counter(groups.others))
        for number, evidence, verdict in groups.odd:
            count(kinds[number].row.classes, evidence.classes)
            count(kinds[number].row.rules, [rule.id for rule in verdict.rules])
        _add_samples(kinds, groups.each, intents)

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


def _group(intents: Sequence[Intent]) -> _Groups:
    """Many intents are alike: what they have in common is looked at once."""
    groups = _Groups(defaultdict(numbers_on().__next__), [], [], [], [])
    numbers, each, domains, others, odd = groups
    for evidence, verdict, risk in intents:
        name = history_name(evidence) if evidence.claimed else evidence.service
        number, mx = numbers[name, verdict.action, risk], evidence.mx
        each.append(number)
        domains.append((number, evidence.domain))
        provider = mx.provider if mx is not None else ""
        others.append((number, provider, evidence.source, evidence.campaign, evidence.stream))
        if evidence.classes or verdict.rules:
            odd.append((number, evidence, verdict))
    return groups


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


def _add_few(kinds: list[Kind], together: Mapping[tuple[int, str, str, str, str], int]) -> None:
    """Names of which a service has few in a second."""
    rows = [kind.row for kind in kinds]
    providers, sources, campaigns, streams = [], [], [], []
    for (number, provider, source, campaign, stream), times in together.items():
        providers.append(((number, provider), times))
        sources.append(((number, source), times))
        campaigns.append(((number, campaign), times))
        streams.append(((number, stream), times))
    _add_named(kinds, [row.providers for row in rows], providers)
    _add_named(kinds, [row.sources for row in rows], sources)
    _add_named(kinds, [row.campaigns for row in rows], campaigns)
    _add_named(kinds, [row.streams for row in rows], streams)


def _add_samples(kinds: list[Kind], each: list[int], intents: Sequence[Intent]) -> None:
    """The ids of the first few, of each kind for itself."""
    wanting = {number for number, kind in enumerate(kinds) if kind.samples}
    for number, (evidence, _, _) in zip(each, intents, strict=True):
        if number in wanting and not add_samples(kinds[number].samples, evidence.id):
            wanting.discard(number)
            if not wanting:
                return
