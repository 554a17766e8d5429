"""Which brokers have each partition once topics have another number of replicas, and how many of those have to be in
sync. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sidestep.topics.plan import SAFE_REPLICATION

Placing = dict[tuple[str, int], list[int]]
"""Brokers of a topic's partition; the first is the one that leads it if it can."""


def placed(here: Mapping[tuple[str, int], Sequence[int]], racks: Mapping[int, str], wanted: int) -> Placing:
    """Where partitions go that have another number of replicas than `wanted`; the others are left out.

    `here`: the brokers of every partition. `racks`: each broker's, "" where it has none. A partition keeps its leader
    and as many of the others as it may; new replicas go to racks that have none of it, and there to the broker with the
    fewest.
    """
    load = Counter(broker for brokers in here.values() for broker in brokers[:wanted])
    found: Placing = {}
    for place in sorted(here):
        if len(here[place]) == wanted:
            continue
        brokers = list(here[place][:wanted])
        while len(brokers) < wanted:
            taken = {racks.get(broker) for broker in brokers} - {""}
            brokers.append(min(racks.keys() - set(brokers), key=lambda each: (racks[each] in taken, load[each], each)))
            load[brokers[-1]] += 1
        found[place] = brokers
    return found


def in_sync(here: int, replication: int) -> int:
    """What min.insync.replicas becomes, where it is `here`: one broker may be away, and no verdict is lost with one."""
    if replication < SAFE_REPLICATION:
        return 1
    return max(2, min(here, replication - 1))


def fault(brokers: int, wanted: int) -> str:
    """Why there can't be so many replicas; empty: there can."""
    if wanted <= brokers:
        return ""
    return f"--replication {wanted}: the cluster has {brokers} brokers, and each replica takes one of its own"
