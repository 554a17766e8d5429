"""Windows of log time, twenty seconds each as shipped: which one a tally belongs to, and when one is over. Pure.

The partitions of the evidence come in at different times, so a window stays open for `grace` seconds after its end, by
the greatest second of any tally so far. A tally that comes later still counts, in the oldest window that may be open;
a window knows how much of it is late, and what goes by volume leaves such a one out.
"""

from collections.abc import Iterable, Mapping

from sidestep.schemas import Breakdown, Outcomes, ReturnsByName, Tally
from sidestep.schemas.tallies import NO_INTENTS, NO_NAMES, NO_RETURNS, NOTHING_NAMED
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.tables import WindowRow

KEPT = 64
"""Names of one kind that a window tells apart: the first, in the order in which they come."""
SAMPLES = 5
"""Ids of intents that are kept of each kind."""


def start_of(second: int, watermark: int, length: int) -> tuple[int, bool]:
    """Start of the window in which a tally of that second counts, and whether it comes late. `length`: of a window."""
    start = second // length * length
    if start + length > watermark:
        return start, False
    return watermark // length * length, True


def is_empty(tally: Tally) -> bool:
    """Whether there is nothing in it but the time, or a policy."""
    return (
        tally.intents == NO_INTENTS
        and tally.returns == NO_RETURNS
        and not tally.bombed
        and not tally.stray
        and not tally.refused
        and not tally.classes
        and not tally.samples
    )


def add(row: WindowRow, tally: Tally, late: bool) -> None:
    """Count a tally."""
    row.counts.add_intents(tally.intents)
    row.counts.add_returns(tally.returns)
    if late:
        row.late += tally.intents.approved + tally.intents.dropped + tally.intents.deferred
    _add_names(row.sources, tally.sources, tally.returns_by_source)
    _add_names(row.campaigns, tally.campaigns, tally.returns_by_campaign)
    _add_names(row.providers, tally.providers, tally.returns_by_provider)
    if tally.domains is not NO_NAMES:
        _add_numbers(row.domains, ((name, _intents(found)) for name, found in tally.domains.named.items()))
    if tally.classes:
        _add_numbers(row.classes, tally.classes.items())
    for key, number in tally.bombed.items():
        row.bombed[key] = max(number, row.bombed.get(key, 0))
    if tally.stray:
        _add_numbers(row.stray, tally.stray.items())
    if tally.refused:
        _add_numbers(row.refused, tally.refused.items())
    for kind, ids in tally.samples.items():
        kept = row.samples.setdefault(kind, [])
        kept.extend(ids[: SAMPLES - len(kept)])


def _intents(found: Outcomes) -> int:
    return found.approved + found.dropped + found.deferred


def _add_names(counts: dict[str, Counts], intents: Breakdown, returns: ReturnsByName) -> None:
    if intents is not NO_NAMES:
        for name, found in intents.named.items():
            if (known := _known(counts, name)) is not None:
                known.add_intents(found)
    if returns is not NOTHING_NAMED:
        for name, back in returns.named.items():
            if (known := _known(counts, name)) is not None:
                known.add_returns(back)


def _known(counts: dict[str, Counts], name: str) -> Counts | None:
    known = counts.get(name)
    if known is None and len(counts) < KEPT:
        known = counts[name] = Counts()
    return known


def _add_numbers(numbers: dict[str, int], found: Iterable[tuple[str, int]]) -> None:
    for name, number in found:
        if name in numbers or len(numbers) < KEPT:
            numbers[name] = numbers.get(name, 0) + number


def typo_and_role(classes: Mapping[str, int]) -> tuple[int, int]:
    """Intents to slips of the keyboard, and to roles."""
    return classes.get("typo", 0) + classes.get("near-miss", 0), classes.get("role", 0)
