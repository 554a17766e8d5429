"""The first words with a cluster: is anybody there, and what topics has it?"""

import time
from collections.abc import Iterable
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata, TopicMetadata

from sidestep.topics.connection import Connection
from sidestep.topics.diagnosis import why_not
from sidestep.topics.errors import BrokerUnreachable, TopicsError

DEADLINE = 10.0
"""Seconds for which a broker may keep silent before it counts as unreachable."""
FIRST_SECONDS = 1.0
"""After which it is looked into why there is no answer: bad credentials are told at once."""
UNREACHABLE = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE}
"""Codes of errors that say that nobody answers."""
QUIET: dict[str, Any] = {"log_level": 2}
"""librdkafka repeats "connection refused" on stderr every second; our errors say it once."""
EAGER: dict[str, Any] = {"fetch.queue.backoff.ms": 5}
"""Of whoever reads much: where librdkafka holds enough it asks for no more for a second, by default, in which all of it
is read. What it holds is bounded as ever."""


class _Client(Protocol):
    def list_topics(self, *, timeout: float) -> ClusterMetadata: ...


def admin_client(connection: Connection) -> AdminClient:
    """An AdminClient; it has not been tried yet."""
    return AdminClient(connection.librdkafka(**QUIET))


def cluster(client: _Client, connection: Connection) -> ClusterMetadata:
    """What the cluster consists of. Raises BrokerUnreachable after DEADLINE, NotLetIn as soon as that is known."""
    deadline = time.monotonic() + DEADLINE
    timeout = FIRST_SECONDS
    while True:
        try:
            return client.list_topics(timeout=timeout)
        except KafkaException as error:
            if refusal := why_not(connection):
                raise refusal from None
            timeout = deadline - time.monotonic()
            if timeout <= 0:
                raise BrokerUnreachable(
                    f"no Kafka answers at {connection} ({reason(error.args[0])}). "
                    "Start one with `sidestep up`, or name another one with --broker HOST:PORT"
                ) from None


def require(client: _Client, connection: Connection, names: Iterable[str]) -> dict[str, TopicMetadata]:
    """The cluster's topics by name, `names` among them. Raises BrokerUnreachable, TopicsError."""
    found = cluster(client, connection).topics
    if missing := [name for name in names if name not in found]:
        raise TopicsError(
            f"{', '.join(missing)} not found at {connection}: sidestep topics create --broker {connection}. "
            "Where Kafka has ACLs, topics are hidden from whoever has no right to them: sidestep acls check"
        )
    return found


def reason(error: KafkaError) -> str:
    """librdkafka's own words."""
    return error.str() or error.name()
