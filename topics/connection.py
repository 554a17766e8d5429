"""The first words with a cluster: is anybody there, and what topics has it?"""

from collections.abc import Mapping
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from sidestep.streams.errors import BrokerUnreachable

DEADLINE = 10.0
"""Seconds for which a broker may keep silent before it counts as unreachable."""
QUIET = {"log_level": 2}
"""librdkafka repeats "connection refused" on stderr every second; our errors say it once."""


class _Client(Protocol):
    def list_topics(self, *, timeout: float) -> ClusterMetadata: ...


def admin_client(broker: str, kafka_config: Mapping[str, Any] | None = None) -> AdminClient:
    """An AdminClient for HOST:PORT[,…]; it has not been tried yet."""
    return AdminClient({"bootstrap.servers": broker, **QUIET, **(kafka_config or {})})


def cluster(client: _Client, broker: str) -> ClusterMetadata:
    """What the cluster consists of. Raises BrokerUnreachable after DEADLINE."""
    try:
        return client.list_topics(timeout=DEADLINE)
    except KafkaException as error:
        raise BrokerUnreachable(
            f"no Kafka answers at {broker} ({reason(error.args[0])}). "
            "Start one with `sidestep up`, or name another one with --broker HOST:PORT"
        ) from None


def reason(error: KafkaError) -> str:
    """librdkafka's own words."""
    return error.str() or error.name()
