"""A consumer group, asked about by Kafka's admin protocol: who has which partitions, and how far it has come. All of it
blocks, for REQUEST_SECONDS at most a question."""

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.coverage import GroupState, lags

REQUEST_SECONDS = 5.0

DENIED = (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


class Denied(Exception):
    """The worker may not describe its group: Kafka's ACLs deny it."""


class Group:
    """One consumer group and the topics that it reads."""

    def __init__(self, admin: AdminClient, name: str, topics: Mapping[str, int]):
        """`topics`: how many partitions each has; more of them are noticed later."""
        self._admin = admin
        self._name = name
        self._topics = dict(topics)

    def partitions(self) -> frozenset[Partition]:
        """All partitions of the topics. Metadata that lacks some does not make them fewer. Raises KafkaException."""
        known = self._admin.list_topics(timeout=REQUEST_SECONDS).topics
        for topic, count in self._topics.items():
            seen = len(known[topic].partitions) if topic in known else 0
            self._topics[topic] = max(count, seen)
        return self._all()

    def state(self) -> GroupState:
        """The group's members and what they have. Raises KafkaException, Denied."""
        asked = self._admin.describe_consumer_groups([self._name], request_timeout=REQUEST_SECONDS)
        try:
            described = asked[self._name].result()
        except KafkaException as error:
            if error.args[0].code() in DENIED:
                raise Denied(f"Kafka does not let this worker describe the group {self._name}") from None
            raise
        owned = {Partition(tp.topic, tp.partition) for m in described.members for tp in m.assignment.topic_partitions}
        members = frozenset(member.member_id for member in described.members)
        return GroupState(described.state == ConsumerGroupState.STABLE, members, frozenset(owned))

    def lags(self) -> dict[Partition, int]:
        """Records that wait in each partition, owned or not; without those whose leader does not answer. Raises
        KafkaException."""
        partitions = self._all()
        committed = self._committed(partitions)
        begins = self._offsets(partitions - committed.keys(), OffsetSpec.earliest())
        return lags(committed, begins, self._offsets(partitions, OffsetSpec.latest()))

    def _all(self) -> frozenset[Partition]:
        return frozenset(Partition(topic, number) for topic, count in self._topics.items() for number in range(count))

    def _committed(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        request = ConsumerGroupTopicPartitions(self._name, [TopicPartition(*tp) for tp in partitions])
        asked = self._admin.list_consumer_group_offsets([request], request_timeout=REQUEST_SECONDS)
        found = asked[self._name].result().topic_partitions
        return {Partition(tp.topic, tp.partition): tp.offset for tp in found if not tp.error and tp.offset >= 0}

    def _offsets(self, partitions: Iterable[Partition], which: Any) -> dict[Partition, int]:
        wanted = {TopicPartition(*tp): which for tp in partitions}
        asked = self._admin.list_offsets(wanted, request_timeout=REQUEST_SECONDS) if wanted else {}
        found = {}
        for tp, future in asked.items():
            try:
                found[Partition(tp.topic, tp.partition)] = future.result().offset
            except KafkaException:  # its leader is away: the last number known of it stands
                continue
        return found
