"""A consumer group, asked about: who has which partitions, and how far it has come. All of it blocks, for
REQUEST_SECONDS at most a question. Each of coverage and lag is for one thread at a time; both may run at once.

Not by AdminClient.describe_consumer_groups and list_consumer_group_offsets: in librdkafka 2.16 either ends the process
with a segmentation fault when it times out while the group's coordinator is not known, as in a cluster that is new
(librdkafka issue 4605).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocol
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.coverage import GroupState, lags
from sidestep.topics.cluster import QUIET
from sidestep.topics.connection import Connection
from sidestep.topics.renewing import Renewing

REQUEST_SECONDS = 5.0

END, BEGIN = -1, -2
"""What Kafka's ListOffsets takes in place of a time."""
DENIED = (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


class Denied(Exception):
    """The worker may not describe its group: Kafka's ACLs deny it."""


class Group:
    """One consumer group and the topics that it reads."""

    def __init__(self, connection: Connection, admin: Renewing[AdminClient], name: str, topics: Mapping[str, int]):
        """`topics`: how many partitions each has; more of them are noticed later."""
        self._admin = admin
        self._name = name
        self._topics = dict(topics)
        self._topic = next(iter(topics), None)
        # never subscribes, so it is no member; it sees what open transactions hold back, too
        ours = {"group.id": name, "enable.auto.commit": False, "isolation.level": "read_uncommitted"}
        self._asking = Renewing(connection.renewals, lambda: Consumer(connection.librdkafka(**ours, **QUIET)))

    def partitions(self) -> frozenset[Partition]:
        """All partitions of the topics. Metadata that lacks some does not make them fewer. Raises KafkaException."""
        known = self._admin.get().list_topics(timeout=REQUEST_SECONDS).topics
        for topic, count in self._topics.items():
            seen = len(known[topic].partitions) if topic in known else 0
            self._topics[topic] = max(count, seen)
        return self._all()

    def state(self) -> GroupState:
        """The group's members and what they have. Raises KafkaException, Denied."""
        found: list[Any] = self._admin.get().list_groups(
            self._name, timeout=REQUEST_SECONDS
        )  # its types lack the members'
        group = next((each for each in found if each.id == self._name), None)
        if group is None:
            return GroupState(False, frozenset(), frozenset())
        if group.error is not None:
            if group.error.code() in DENIED:
                raise Denied(f"Kafka does not let this worker describe the group {self._name}")
            raise KafkaException(group.error)
        members = frozenset(member.id for member in group.members)
        owned = frozenset(tp for member in group.members for tp in _assigned(member))
        return GroupState(group.state == "Stable", members, owned)

    def lags(self) -> dict[Partition, int]:
        """Records that wait in each partition, owned or not. Raises KafkaException."""
        partitions = self._all()
        wanted = [TopicPartition(*tp) for tp in partitions]
        committed = _offsets(self._asking.get(self._topic).committed(wanted, timeout=REQUEST_SECONDS))
        begins = self._seek(partitions - committed.keys(), BEGIN)
        return lags(committed, begins, self._seek(partitions, END))

    def _all(self) -> frozenset[Partition]:
        return frozenset(Partition(topic, number) for topic, count in self._topics.items() for number in range(count))

    def _seek(self, partitions: Iterable[Partition], where: int) -> dict[Partition, int]:
        wanted = [TopicPartition(*tp, where) for tp in partitions]
        if not wanted:
            return {}
        return _offsets(self._asking.get(self._topic).offsets_for_times(wanted, timeout=REQUEST_SECONDS))


def _offsets(found: Iterable[TopicPartition]) -> dict[Partition, int]:
    """Without those that have none."""
    return {Partition(tp.topic, tp.partition): tp.offset for tp in found if tp.error is None and tp.offset >= 0}


def _assigned(member: Any) -> list[Partition]:
    """Nothing while its assignment is being made."""
    if not member.assignment:
        return []
    assignment = ConsumerProtocol.ASSIGNMENT.decode(member.assignment)
    return [Partition(tp.topic, tp.partition) for tp in assignment.partitions()]
