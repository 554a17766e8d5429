"""Counts by name in the tallies' rows, which stay small whatever is named. Pure: only what is given changes."""

from collections.abc import Iterable
from typing import TypeVar

from sidestep.streams.decide.tally_rows import SAMPLED, OpenBreakdown, OpenReturns, TallyRow

KEPT = 64
"""Names of one kind that are told apart while a second lasts."""
SAMPLES = 3
"""Ids of one kind that are kept as examples."""
OTHER = "other"
"""Names beyond KEPT, where they are counted at all."""

Name = TypeVar("Name", bound=str)


def count(counts: dict[Name, int], names: Iterable[Name], times: int = 1) -> None:
    """Count each of the names so many times."""
    for name in names:
        counts[name] = counts.get(name, 0) + times


def counts_of(breakdown: OpenBreakdown | OpenReturns, name: str) -> list[int]:
    """The counts of a name, to add to; those of the rest, where there are too many names already."""
    known = breakdown.named.get(name)
    if known is None:
        if len(breakdown.named) >= KEPT:
            return breakdown.rest
        known = breakdown.named[name] = [0] * len(breakdown.rest)
    return known


def has_room(counts: dict[str, list[int]] | dict[str, int], name: str) -> bool:
    """The name is told apart already, or still may be."""
    return name in counts or len(counts) < KEPT


def add_samples(kinds: Iterable[list[str]], id: str) -> bool:
    """Keep an id as an example of each of these kinds. Whether any has room for more."""
    room = False
    for ids in kinds:
        if len(ids) < SAMPLES and id not in ids:
            ids.append(id)
        room = room or len(ids) < SAMPLES
    return room


def widen(row: TallyRow) -> TallyRow:
    """A row as an earlier version has left it, with room for what is counted since."""
    fresh = TallyRow(row.second)
    _widen(row.intents, fresh.intents)
    for breakdown in (row.domains, row.providers, row.sources, row.campaigns, row.streams):
        for counts in (breakdown.rest, *breakdown.named.values()):
            _widen(counts, fresh.intents)
    row.samples.extend([] for _ in SAMPLED[len(row.samples) :])
    return row


def _widen(counts: list[int], like: list[int]) -> None:
    counts.extend([0] * (len(like) - len(counts)))
