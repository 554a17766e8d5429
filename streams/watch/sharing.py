"""A provider's limit, divided among the partitions of the log so that it follows the traffic. Pure.

What a partition has too much of is taken from it in one record, and given to others in a later one: whichever of two
records after each other a partition has met, all shares together are never more than the whole. Shares are millionths.
"""

from collections.abc import Mapping

from sidestep.streams.watch.pace_rules import MILLION, Sharing

FINE = 1024
"""Demand is reckoned in such parts of a message a minute."""


def follow_demand(demand: Mapping[int, int], asked: Mapping[int, int], rules: Sharing) -> dict[int, int]:
    """The demand by partition after a minute in which so many messages were asked for. None is left out."""
    found = {}
    for partition in sorted(demand.keys() | asked.keys()):
        old, new = demand.get(partition, 0), asked.get(partition, 0) * FINE
        moved = old + (new - old) // rules.smoothing
        if moved > 0:
            found[partition] = moved
    return found


def wanted(demand: Mapping[int, int], partitions: int, rules: Sharing) -> dict[int, int]:
    """The shares that fit the demand; equal ones where there is none."""
    total = sum(demand.values())
    if not total:
        return equal(partitions)
    least = int(rules.least * MILLION)
    return {p: least // partitions + (MILLION - least) * demand.get(p, 0) // total for p in range(partitions)}


def equal(partitions: int) -> dict[int, int]:
    """The same for each, as where nothing was told."""
    return dict.fromkeys(range(partitions), MILLION // partitions)


def settled(shares: Mapping[int, int], partitions: int) -> dict[int, int]:
    """The shares in force. A log that has got more partitions has told those that are new nothing: they take an equal
    part, which none of the others may have more of."""
    if len(shares) == partitions:
        return dict(shares)
    part = MILLION // partitions
    return {partition: min(part, shares.get(partition, part)) for partition in range(partitions)}


def move(shares: Mapping[int, int], goal: Mapping[int, int], rules: Sharing) -> dict[int, int]:
    """The next shares on the way to the goal: less at once, more only of what was free before. Sums of the greater of
    both, partition by partition, are at most a million."""
    free = min(MILLION - sum(shares.values()), int(rules.move * MILLION))
    # what was free and is wanted, first; then, if much is in the wrong place, what others have to give up
    wants = {p: goal[p] - shares[p] for p in shares if goal[p] > shares[p]}
    total = sum(wants.values())
    given = {p: min(want, free * want // total) for p, want in wants.items()} if free > 0 else {}
    takes = {p: shares[p] - goal[p] for p in shares if goal[p] < shares[p]}
    taken = _taken(takes, rules)
    return {p: share + given.get(p, 0) - taken.get(p, 0) for p, share in shares.items()}


def _taken(takes: Mapping[int, int], rules: Sharing) -> dict[int, int]:
    total, most = sum(takes.values()), int(rules.move * MILLION)
    if total < rules.enough * MILLION:
        return {}
    return dict(takes) if total <= most else {p: take * most // total for p, take in takes.items()}
