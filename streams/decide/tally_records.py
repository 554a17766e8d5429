"""The rows of a second that is over -> its tallies, each service's and one of all together. Pure."""

from collections.abc import Callable, Iterable, Mapping

from msgspec import structs

from sidestep.schemas import Breakdown, Outcomes, Tally
from sidestep.schemas.tallies import (
    NO_INTENTS,
    NO_NAMES,
    NO_RETURNS,
    NOTHING_NAMED,
    TOP,
    Learnt,
    Returns,
    ReturnsByName,
)
from sidestep.streams.decide.tally_counts import Name, add_samples, count
from sidestep.streams.decide.tally_rows import SAMPLED, OpenBreakdown, OpenReturns, TallyRow

ALL = b""
"""The row of what names no service, and of what is learnt of all."""


def tallies(rows: Mapping[bytes, TallyRow], partition: int) -> list[Tally]:
    """The tallies of a second, by service; the first is that of all services, whose name is empty."""
    named = [_tally(service.decode(), partition, row) for service, row in sorted(rows.items()) if service != ALL]
    if len(named) == 1 and ALL not in rows:
        return [structs.replace(named[0], service=""), *named]
    total = _total([row for _, row in sorted(rows.items())])
    return [_tally("", partition, total), *named] if total is not None else []


def _total(rows: list[TallyRow]) -> TallyRow | None:
    if not rows:
        return None
    total = TallyRow(rows[0].second)
    for row in rows:
        _sum(total.intents, row.intents)
        _sum(total.returns, row.returns)
        _sum(total.tests, row.tests)
        total.hard_bounces += row.hard_bounces
        for counts, more in _counts(total, row):
            for name, times in more.items():
                count(counts, (name,), times)
        for breakdown, names in _breakdowns(total, row):
            _sum(breakdown.rest, names.rest)
            for name, columns in names.named.items():
                _sum(breakdown.named.setdefault(name, [0] * len(columns)), columns)
        for name, columns in row.learnt.items():
            _sum(total.learnt.setdefault(name, [0] * len(columns)), columns)
        # messages to a mailbox are counted whoever sends them
        for key, messages in row.bombed.items():
            total.bombed[key] = max(messages, total.bombed.get(key, 0))
        for ids, some in zip(total.samples, row.samples, strict=True):
            for id in some:
                add_samples([ids], id)
    return total


def _counts(total: TallyRow, row: TallyRow) -> Iterable[tuple[dict[str, int], dict[str, int]]]:
    yield total.classes, row.classes
    yield total.rules, row.rules
    yield total.events, row.events  # type: ignore[misc]  # its names are all of a Literal
    yield total.reasons, row.reasons
    yield total.scopes, row.scopes  # type: ignore[misc]  # likewise
    yield total.signals, row.signals
    yield total.refused, row.refused
    yield total.stray, row.stray


def _breakdowns(
    total: TallyRow, row: TallyRow
) -> Iterable[tuple[OpenBreakdown, OpenBreakdown] | tuple[OpenReturns, OpenReturns]]:
    yield total.domains, row.domains
    yield total.providers, row.providers
    yield total.sources, row.sources
    yield total.campaigns, row.campaigns
    yield total.streams, row.streams
    yield total.returns_by_source, row.returns_by_source
    yield total.returns_by_campaign, row.returns_by_campaign
    yield total.returns_by_provider, row.returns_by_provider


def _sum(counts: list[int], more: list[int]) -> None:
    for column, times in enumerate(more):
        counts[column] += times


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
        returns=_returns(row.returns),
        returns_by_source=_by_name(row.returns_by_source),
        returns_by_campaign=_by_name(row.returns_by_campaign),
        returns_by_provider=_by_name(row.returns_by_provider),
        signals=_top(row.signals),
        learnt={name: Learnt(*counts) for name, counts in sorted(row.learnt.items())},
        bombed=_top(row.bombed),
        stray=_top(row.stray),
        tests=_outcomes(row.tests),
        samples={kind: ids for kind, ids in zip(SAMPLED, row.samples, strict=True) if ids},
        refused=_top(row.refused),
    )


def _breakdown(found: OpenBreakdown) -> Breakdown:
    """The most frequent names by themselves, everything else in the rest. Of an intent's columns the first three say
    what became of it, once."""
    if not found.named:
        return NO_NAMES
    named, rest = _ranked(found, lambda counts: sum(counts[:3]))
    return Breakdown({name: Outcomes(*counts) for name, counts in named}, _outcomes(rest))


def _by_name(found: OpenReturns) -> ReturnsByName:
    if not found.named:
        return NOTHING_NAMED
    named, rest = _ranked(found, sum)
    return ReturnsByName({name: Returns(*counts) for name, counts in named}, _returns(rest))


def _ranked(
    found: OpenBreakdown | OpenReturns, weight: Callable[[list[int]], int]
) -> tuple[list[tuple[str, list[int]]], list[int]]:
    ranked = sorted(found.named.items(), key=lambda item: (-weight(item[1]), item[0]))
    rest = list(found.rest)
    for _, counts in ranked[TOP:]:
        _sum(rest, counts)
    return ranked[:TOP], rest


def _outcomes(counts: list[int]) -> Outcomes:
    """msgspec leaves a default out only where it is the very same object."""
    return Outcomes(*counts) if any(counts) else NO_INTENTS


def _returns(counts: list[int]) -> Returns:
    return Returns(*counts) if any(counts) else NO_RETURNS


def _top(counts: dict[Name, int]) -> dict[Name, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
