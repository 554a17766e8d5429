"""The first words with a cluster: is anybody there, and what topics has it?"""

from collections.abc import Iterable
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata, TopicMetadata

from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, TopicsError

DEADLINE = 10.0
"""Seconds for which a broker may keep silent before it counts as unreachable."""
UNREACHABLE = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE}
"""Codes of errors that say that nobody answers."""
QUIET: dict[str, Any] = {"log_level": 2}
"""librdkafka repeats "connection refused" on stderr every second; our errors say it once."""


class _Client(Protocol):
    def list_topics(self, *, timeout: float) -> ClusterMetadata: ...


def admin_client(connection: Connection) -> AdminClient:
    """An AdminClient; it has not been tried yet."""
    return AdminClient(connection.librdkafka(**QUIET))


def cluster(client: _Client, connection: Connection) -> ClusterMetadata:
    """What the cluster consists of. Raises BrokerUnreachable after DEADLINE."""
    try:
        return client.list_topics(timeout=DEADLINE)
    except KafkaException as error:
        raise BrokerUnreachable(
            f"no Kafka answers at {connection} ({reason(error.args[0])}). "
            "Start one with `sidestep up`, or name another one with --broker HOST:PORT"
        ) from None


def require(client: _Client, connection: Connection, names: Iterable[str]) -> dict[str, TopicMetadata]:
    """The cluster's topics by name, `names` among them. Raises BrokerUnreachable, TopicsError."""
    found = cluster(client, connection).topics
    if missing := [name for name in names if name not in found]:
        raise TopicsError(
            f"{', '.join(missing)} not found at {connection}: sidestep topics create --broker {connection}"
        )
    return found


def reason(error: KafkaError) -> str:
    """librdkafka's own words."""
    return error.str() or error.name()
