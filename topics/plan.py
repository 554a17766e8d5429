"""How many partitions each catalog topic gets, and what differs between a cluster and the catalog. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sidestep.topics.catalog import ANOMALIES, CATALOG, EVIDENCE, TALLIES, WATCH_CHANGELOG, Topic

FOR_EVER = -1
SAFE_REPLICATION = 3


NOT_GROWN = {TALLIES.name, ANOMALIES.name, WATCH_CHANGELOG.name}
"""Topics that carry counts, not mail: `sidestep topics grow` leaves them as they are."""


@dataclass(frozen=True)
class TopicState:
    """One topic as the cluster has it. `config` holds Kafka's names and values."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)
    in_sync: int = 1
    """min.insync.replicas."""


def partitions_to_create(
    partitions: int | None, existing: Mapping[str, int], topics: Iterable[Topic] = CATALOG
) -> dict[str, int]:
    """Missing topics and their partition counts; `existing` maps names to counts.

    `partitions` takes the place of the catalog's default; a topic that has exactly one keeps it. Who must match another
    topic gets that one's count, also when it exists already.
    """
    counts = dict(existing)
    for topic in topics:
        if topic.name not in counts:
            wanted = topic.partitions if partitions is None or topic.partitions == 1 else partitions
            counts[topic.name] = counts.get(topic.same_partitions_as, wanted)
    return {topic.name: counts[topic.name] for topic in topics if topic.name not in existing}


def config_of(topic: Topic, replication: int) -> dict[str, str]:
    """Settings of a topic that is to be made, as Kafka spells them."""
    # a verdict acknowledged by one replica only is lost with it
    safe = {"min.insync.replicas": "2"} if replication >= SAFE_REPLICATION else {}
    return {**topic.config(), **safe}


def differences(states: Mapping[str, TopicState], topics: Iterable[Topic] = CATALOG) -> list[str]:
    """One sentence for each way in which the cluster does not do what the catalog promises."""
    found: list[str] = []
    for topic in topics:
        if topic.name not in states:
            found.append(f"{topic.name} does not exist: sidestep topics create")
            continue
        found += _partition_differences(topic, states)
        found += _config_differences(topic, states[topic.name])
    return found


def unlike(
    partitions: int | None, replication: int | None, states: Iterable[TopicState], topics: Iterable[Topic] = CATALOG
) -> list[str]:
    """One sentence for each way in which topics that are there differ from what is asked for. None: nothing is.

    Once the log has as many partitions as are asked for, topics that do not grow with it may have fewer.
    """
    states, single = list(states), {topic.name for topic in topics if topic.partitions == 1}
    found = []
    if partitions is not None:
        counts = {state.name: state.partitions for state in states if state.name not in single}
        if counts.get(EVIDENCE.name) == partitions:
            counts = {name: here for name, here in counts.items() if here > partitions or name not in NOT_GROWN}
        found += [f"{names}: {here} partitions, not {partitions}" for names, here in _other(counts, partitions)]
    if replication is not None:
        replicas = {state.name: state.replication for state in states}
        found += [f"{names}: {here} replicas, not {replication}" for names, here in _other(replicas, replication)]
    if replication is not None and replication >= SAFE_REPLICATION:
        in_sync = {state.name: state.in_sync for state in states}
        found += [f"{names}: min.insync.replicas={here}, not 2" for names, here in _other(in_sync, 2)]
    return found


def _other(found: Mapping[str, int], wanted: int) -> Iterator[tuple[str, int]]:
    """Names with another number, by that number."""
    for here in sorted(set(found.values()) - {wanted}):
        names = [name for name, number in found.items() if number == here]
        yield names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", here


def _partition_differences(topic: Topic, states: Mapping[str, TopicState]) -> list[str]:
    leader = states.get(topic.same_partitions_as)
    here = states[topic.name].partitions
    if leader is not None and here > leader.partitions:
        return [f"{topic.name} has {here} partitions, more than {leader.name}: {leader.partitions}"]
    if leader is not None and leader.partitions != here:
        return [f"{topic.name} has {here} partitions, but must have as many as {leader.name}: {leader.partitions}"]
    if topic.partitions == 1 and here != 1:
        return [f"{topic.name} has {here} partitions, but must have exactly one"]
    return []


def _config_differences(topic: Topic, state: TopicState) -> list[str]:
    wanted = topic.config()
    found = []
    cleanup = state.config.get("cleanup.policy", "delete")
    if cleanup != wanted["cleanup.policy"]:
        found.append(f"{topic.name} has cleanup.policy={cleanup}, but needs {wanted['cleanup.policy']}")
    for name, unit in (("retention.ms", "ms"), ("max.message.bytes", "octets")):
        here = int(state.config.get(name, FOR_EVER))
        # keeping more than promised breaks nothing
        if name in wanted and here != FOR_EVER and here < int(wanted[name]):
            found.append(f"{topic.name} has {name}={here}, but needs at least {wanted[name]} {unit}")
    return found
