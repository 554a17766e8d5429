"""Where records may be copied to, and which: what would be judged twice or end a guarantee is refused. Pure.

On the cluster that records come from, Sidestep's own log is written by its stages alone. What services publish may be
published again, since Decide knows ids for eight days and counts each event once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidestep.topics.catalog import BY_NAME, DAY_MS, DEAD_LETTERS
from sidestep.topics.own_topics import GENERAL, general_of

KNOWN_MS = 7 * DAY_MS
"""Younger records have ids that Decide knows: a day less than it does (streams/decide/id_rows.py)."""
ELSEWHERE = "copy it to a topic of another name, to a file, or to another cluster (--to-broker)"


@dataclass(frozen=True)
class TopicStretch:
    """Which records of a topic. Times are milliseconds since 1970: `since` <= the record's stamp < `until`."""

    since: int | None = None
    until: int | None = None
    partitions: frozenset[int] = frozenset()
    """Empty: all."""
    first: Mapping[int, int] = field(default_factory=dict)
    """By partition, the offset of the first one."""
    end: Mapping[int, int] = field(default_factory=dict)
    """By partition, the offset behind the last one."""

    def holds(self, partition: int, offset: int, timestamp: int | None) -> bool:
        """Whether a record is one of them. One without a stamp is in no span of time."""
        if self.partitions and partition not in self.partitions:
            return False
        if not self.first.get(partition, offset) <= offset < self.end.get(partition, offset + 1):
            return False
        if self.since is None and self.until is None:
            return True
        after = timestamp is not None and (self.since is None or timestamp >= self.since)
        return after and (self.until is None or (timestamp or 0) < self.until)


def refusal(source: str, target: str, same_cluster: bool) -> str:
    """Why records of a topic may not be copied into another one; empty: they may. `source`: empty where it is not
    known."""
    if target.startswith("__"):
        return f"{target} is Kafka's own: nothing but brokers writes there"
    if not same_cluster:
        return ""
    general = general_of(target)
    if general in GENERAL:
        return "" if source == target else _other_kind(source, target)
    if target == DEAD_LETTERS.name:
        return f"{target} is written by the stages alone; sidestep dead-letters redrive sends dead letters back"
    if target in BY_NAME:
        return (
            f"{target} of this cluster is part of Sidestep's own log: what is copied there would be judged or acted on "
            f"twice, and no verdict could be proved any more. {ELSEWHERE[0].upper()}{ELSEWHERE[1:]}"
        )
    return f"its records would stand in {target} twice: {ELSEWHERE}" if source == target else ""


def judged_anew(target: str, same_cluster: bool, timestamp: int | None, now_ms: int) -> bool:
    """Whether a record that is copied into a topic of services would be judged twice: Decide may not know its id any
    more."""
    known = timestamp is not None and now_ms - timestamp < KNOWN_MS
    return same_cluster and general_of(target) in GENERAL and not known


def keeps_partition(partition: int, partitions: int, targets: int) -> bool:
    """Whether a record goes to the partition of its number: where the target has as many. 0: not known."""
    return partitions == targets and 0 <= partition < targets


def _other_kind(source: str, target: str) -> str:
    of = f"records of {source}" if source else "records of an unknown topic"
    return (
        f"{of} would be read as if services had published them to {target}: what a service has to say, it says with "
        f"sidestep publish --topic {target}"
    )
