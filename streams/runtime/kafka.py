"""librdkafka settings that all clients of a worker share, and what its errors mean; what they fetch."""

import logging
from collections.abc import Callable
from typing import Any, Protocol, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidestep.streams.errors import Fenced, RightsError
from sidestep.streams.runtime.record import Record
from sidestep.topics.cluster import UNREACHABLE
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, PublishFailed, SidestepError

log = logging.getLogger(__name__)

FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}

REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
"""Codes by which Kafka's ACLs refuse something."""

SILENT_SECONDS = 10.0
"""A broker that has not answered a request for so long is asked anew, on another connection and, where another one
leads meanwhile, another broker. librdkafka would wait a minute for one that froze or whose network is cut. Asking
twice does no harm: producers are idempotent, and nobody else here changes anything."""

MESSAGE_MAX = 2_200_000
"""Octets of one record that we produce. Dead letters are the largest: a record as large as topics allow, and why."""

OnDelivery = Callable[[KafkaError | None, Message], None]


class Fetched(Record, Protocol):
    """What a consumer hands over: a record, or an error in its place."""

    def error(self) -> KafkaError | None:
        """None: it is a record."""


def fetched(messages: list[Message]) -> list[Fetched]:
    """The same list, typed as what a broker has delivered."""
    return cast("list[Fetched]", messages)


def behind(producer: Producer, error: KafkaException) -> KafkaException:
    """The error that ended a transactional producer, where librdkafka says no more than that one did: that of being
    fenced comes while records are handed over. Otherwise the error itself."""
    if error.args[0].code() == KafkaError._FATAL:
        try:
            producer.begin_transaction()
        except KafkaException as first:
            return first
    return error


def client(connection: Connection, name: str, **settings: Any) -> dict[str, Any]:
    """Settings of one client; `name` appears in the broker's logs and quotas."""
    shared = {
        "client.id": name,
        "logger": log,
        # the default waits 10 s at the most between tries; a broker that restarts is back sooner
        "reconnect.backoff.max.ms": 2000,
        "socket.keepalive.enable": True,
        "socket.timeout.ms": int(SILENT_SECONDS * 1000),
        "socket.nagle.disable": True,
    }
    return connection.librdkafka(**{**shared, **settings})


def explain(error: BaseException, doing: str) -> SidestepError:
    """One of our errors for one of librdkafka's."""
    if not isinstance(error, KafkaException) or not error.args:
        return PublishFailed(f"{doing}: {error}")
    cause = error.args[0]
    code = cause.code()
    if code in FENCED:
        return Fenced(f"{doing}: another worker has taken over. Nothing is lost; this worker leaves.")
    if code in UNREACHABLE:
        return BrokerUnreachable(f"{doing}: {cause.str()}. Is Kafka running, and does it answer at this address?")
    if code in REFUSED:
        return RightsError(f"{doing}: {cause.str()}; `sidestep acls check` says which right is missing")
    return PublishFailed(f"{doing}: {cause.name()}: {cause.str()}")
