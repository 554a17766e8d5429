"""Faust's assignor, which leaves a topic out that the leader's metadata lacks, and this one, which does not.

While a broker starts, its metadata may lack topics that exist. An assignment made from it gives their partitions to
nobody, for good: nothing changes afterwards, so there is no further rebalance.
"""

from collections.abc import Iterable
from typing import Any

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.partition_assignor import MemberAssignmentMapping, MemberMetadataMapping, PartitionAssignor


class TopicsUnknown(Exception):
    """The metadata lacks topics that members of the group subscribe to, or has them without partitions."""

    def __init__(self, topics: Iterable[str]):
        self.topics = sorted(topics)
        super().__init__(f"Kafka's metadata lacks {', '.join(self.topics)}")


class CompleteAssignor(PartitionAssignor):
    """Faust's assignor; from metadata that lacks a subscribed topic it assigns nothing: coordinator.py asks again."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._padding = b""

    def insist(self) -> None:
        """Have the member's next join differ from its last one. A broker passes over a join that brings nothing new,
        unless it is the leader's."""
        self._padding = b"" if self._padding else b" "

    def metadata(self, topics: set[str]) -> ConsumerProtocolMemberMetadata:
        """What a member tells the leader when it joins; white space behind the JSON of its data means nothing."""
        told = super().metadata(topics)
        return ConsumerProtocolMemberMetadata(told.version, told.subscription, told.user_data + self._padding)

    def assign(self, cluster: ClusterMetadata, member_metadata: MemberMetadataMapping) -> MemberAssignmentMapping:
        """The assignment of each member, by its id. Raises TopicsUnknown."""
        subscribed = {topic for member in member_metadata.values() for topic in member.subscription}
        if unknown := [topic for topic in subscribed if not cluster.partitions_for_topic(topic)]:
            raise TopicsUnknown(unknown)
        return super().assign(cluster, member_metadata)
