"""The pace of MX providers: by the minute, what each partition of the log may send to each, as control records. Pure:
it changes only the state that it is given.

Of the tallies only those of all services together count, each of one partition of the evidence. A minute is over when
the clock leaves it; what comes later counts in the minute that lasts.
"""

from collections.abc import Iterator

from sidestep.schemas import Pace, PaceRecord, Tally
from sidestep.streams.speed import WHOLE
from sidestep.streams.watch.pace_rules import MILLION, PaceRules
from sidestep.streams.watch.sharing import follow_demand, move, settled, wanted
from sidestep.streams.watch.slowing import FORGOTTEN, answered, faded, speed_of
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.tables import PaceMinuteRow, PaceRow

MINUTE = 60
PROVIDERS = 64
"""That are told apart: the first, in the order in which they come."""
EVERYBODY = "*"
"""Among the paced ones: every provider is."""
OPEN = b"minute"
"""Key of the minute that lasts."""
ASKED, APPROVED, SLOW_DOWNS, REFUSALS = range(4)
"""Columns of counts: intents that were approved or deferred, approved ones, and bounces by what they say of us."""


def pace(state: WatchState, tally: Tally, partitions: int, rules: PaceRules) -> Iterator[tuple[int, PaceRecord]]:
    """Count a tally; before that, end the minute if the clock has left it. Records by partition, of which the evidence
    has so many."""
    row, minute = state.pace_minutes.get(OPEN), state.second // MINUTE
    counts = not tally.service and bool(tally.providers.named or tally.returns_by_provider.named)
    if row is None and not counts:
        return  # the tallies of all services together come to another partition
    if row is None or minute > row.minute:
        if row is not None:
            yield from _end(state, row, partitions, rules)
            _pass_over(state, minute - row.minute - 1, rules)
        row = PaceMinuteRow(minute)
        state.pace_minutes.put(OPEN, row)
    if counts:
        _count(row, tally)
        state.pace_minutes.put(OPEN, row)


def speeds(state: WatchState, rules: PaceRules) -> dict[str, float]:
    """The share of what each provider got that is left to it."""
    found = sorted(state.paces.by_key.items())
    return {key.decode(): speed_of(row, state.second, rules.slow_down) / WHOLE for key, row in found}


def _count(row: PaceMinuteRow, tally: Tally) -> None:
    for name, found in tally.providers.named.items():
        counts = _counts(row, name, tally.partition)
        counts[ASKED] += found.approved + found.deferred
        counts[APPROVED] += found.approved
    for name, back in tally.returns_by_provider.named.items():
        counts = _counts(row, name, tally.partition)
        counts[SLOW_DOWNS] += back.slow_downs
        counts[REFUSALS] += back.refusals


def _counts(row: PaceMinuteRow, provider: str, partition: int) -> list[int]:
    if provider not in row.counts and len(row.counts) >= PROVIDERS:
        return [0, 0, 0, 0]
    return row.counts.setdefault(provider, {}).setdefault(partition, [0, 0, 0, 0])


def _end(
    state: WatchState, ended: PaceMinuteRow, partitions: int, rules: PaceRules
) -> Iterator[tuple[int, PaceRecord]]:
    now, news = (ended.minute + 1) * MINUTE, False
    for name in sorted({key.decode() for key in state.paces.by_key} | ended.counts.keys()):
        key = name.encode()
        row = state.paces.get(key) or PaceRow()
        news = _step(row, ended.counts.get(name, {}), _is_paced(state, name), now, partitions, rules) or news
        state.paces.put(key, row)
        if not row.demand and not row.per_minute:
            news = bool(row.shares) or news
            state.paces.drop(key)
    if news:
        rows = [(key.decode(), row) for key, row in sorted(state.paces.by_key.items())]
        for partition in range(partitions):
            told = {name: one for name, row in rows if (one := _told(row, partition, now, rules)) is not None}
            yield partition, PaceRecord(now * 1000, told)


def _pass_over(state: WatchState, minutes: int, rules: PaceRules) -> None:
    """Minutes in which nothing came, at most as many as are remembered: what was of late fades."""
    for _ in range(min(minutes, FORGOTTEN)):
        for key, row in list(state.paces.by_key.items()):
            row.demand = follow_demand(row.demand, {}, rules.shares)
            row.busiest = faded(row.busiest)
            state.paces.put(key, row)


def _step(row: PaceRow, counts: dict[int, list[int]], paced: bool, now: int, partitions: int, rules: PaceRules) -> bool:
    """Take a minute into a provider's row. Whether there is something to tell."""
    row.demand = follow_demand(row.demand, {p: found[ASKED] for p, found in counts.items()}, rules.shares)
    columns = (APPROVED, SLOW_DOWNS, REFUSALS)
    approved, too_fast, refusals = (sum(found[column] for found in counts.values()) for column in columns)
    news = answered(row, approved, too_fast, refusals, now, rules.slow_down)
    before = row.shares
    if not paced and not row.per_minute:
        row.shares = {}
    elif row.demand:
        goal = wanted(row.demand, partitions, rules.shares)
        # nothing was shared before: everybody begins with what fits
        row.shares = goal if not before and not paced else move(settled(before, partitions), goal, rules.shares)
    return news or row.shares != before


def _is_paced(state: WatchState, provider: str) -> bool:
    return state.policy is not None and (provider in state.policy.paced or EVERYBODY in state.policy.paced)


def _told(row: PaceRow, partition: int, now: int, rules: PaceRules) -> Pace | None:
    if not row.shares:
        return None
    share = row.shares[partition]
    if speed_of(row, now, rules.slow_down) == WHOLE:
        return Pace(share)
    return Pace(
        share=share,
        speed=row.speed,
        reason=row.said,
        per_minute=max(1, row.per_minute * share // MILLION),
        until=row.until * 1000,
        double_after=rules.slow_down.double_seconds,
    )
