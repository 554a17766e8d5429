"""What Kafka is asked while partitions grow: more partitions of topics, who is left in groups, replicas. Blocks."""

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions

from sidestep.topics.catalog import (
    APPROVED,
    BOUNCES,
    DEAD_LETTERS,
    ENGAGEMENT,
    IDS_CHANGELOG,
    INTENTS,
    LEDGER_CHANGELOG,
    REJECTED,
    RELEASE_CHANGELOG,
)
from sidestep.topics.cluster import admin_client, cluster, reason
from sidestep.topics.connection import Connection
from sidestep.topics.errors import TopicsError

FIRST = (
    INTENTS, BOUNCES, ENGAGEMENT, APPROVED, REJECTED, DEAD_LETTERS, LEDGER_CHANGELOG, IDS_CHANGELOG, RELEASE_CHANGELOG
)  # fmt: skip
"""Topics that may have more partitions than the log while workers work."""
SECONDS = 30.0


class Cluster:
    """A cluster, as who grows its topics sees it."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._admin: AdminClient = admin_client(connection)

    def partitions(self) -> dict[str, int]:
        """Of each topic. Raises BrokerUnreachable."""
        found = cluster(self._admin, self._connection).topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def grow(self, names: Iterable[str], partitions: int) -> None:
        """Topics that have fewer get so many. Returns when each of theirs has a leader. Raises TopicsError."""
        here = self.partitions()
        wanted = [name for name in names if here.get(name, partitions) < partitions]
        futures: Mapping[str, Any] = (
            self._admin.create_partitions([NewPartitions(name, partitions) for name in wanted]) if wanted else {}
        )
        for name, future in futures.items():
            try:
                future.result(SECONDS)
            except KafkaException as error:
                raise TopicsError(f"{name} got no more partitions: {reason(error.args[0])}") from None

    def are_led(self, names: Iterable[str], partitions: int) -> bool:
        """Whether all of these topics have so many partitions, each with a leader. Raises BrokerUnreachable."""
        found = cluster(self._admin, self._connection).topics
        led = [p for name in names if name in found for p in found[name].partitions.values()]
        return all(len(found[name].partitions) >= partitions for name in names if name in found) and all(
            partition.leader >= 0 for partition in led
        )

    def knows(self, group: str) -> bool:
        """Whether there is a consumer group of this name. Raises KafkaException."""
        found: list[Any] = self._admin.list_groups(group, timeout=SECONDS)
        return any(each.id == group and each.state not in ("", "Dead") for each in found)

    def members(self, group: str) -> int:
        """Who is in a consumer group. Raises KafkaException."""
        found: list[Any] = self._admin.list_groups(group, timeout=SECONDS)  # its types lack the members'
        return sum(len(each.members) for each in found if each.id == group)
