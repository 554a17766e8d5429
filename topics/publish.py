"""Publishing intents and feedback: what a service written in Python imports.

    with Publisher("127.0.0.1:9092") as publisher:
        publisher.intent(EmailIntent(id="order-17", to="ada@example.org", service="shop"))

Leaving the block waits until Kafka has taken every record, and raises PublishFailed if it has not.
"""

import time
from collections import Counter
from types import TracebackType
from typing import Any, Self, overload

from confluent_kafka import KafkaError, Message, Producer

from sidestep.schemas.feedback import Bounce, Engagement
from sidestep.schemas.intents import EmailIntent
from sidestep.schemas.reading import octets_of_intent, octets_of_own_feedback
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT, INTENTS
from sidestep.topics.cluster import QUIET, reason
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed
from sidestep.topics.headers import readable_headers
from sidestep.topics.keys import record_key
from sidestep.topics.renewing import Renewing
from sidestep.topics.signer import Signer

DELIVERY_DEADLINE = 30.0
"""Seconds after which a record that Kafka has not taken is given up."""
CONFIG: dict[str, Any] = {
    "enable.idempotence": True,
    "linger.ms": 5,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Java clients do, so that a key has one partition whoever publishes
    "delivery.timeout.ms": int(DELIVERY_DEADLINE * 1000),
    "queue.buffering.max.messages": 500_000,
    # only failures are reported: silence and an empty queue are the proof of delivery
    "delivery.report.only.error": True,
    **QUIET,
}

PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
"""What is said of records that a client gives back."""

Key = bytes | str | None
Headers = dict[str, str | bytes | None]


class Publisher:
    """Publishes to email-intents, email-bounces and email-engagement. Not for several threads at once.

    A text for the connection is bootstrap servers in plain text. `kafka_config` are more of librdkafka's settings, such
    as compression.type; they win over those here. With a `signer` every record is signed (docs/signing.md). `own`: the
    NAME of a service whose topics are its own, email-intents.NAME and so on; "": the general ones.
    """

    @overload
    def __init__(
        self, connection: Connection | str, *, signer: Signer | None = None, own: str = "", **kafka_config: Any
    ) -> None: ...

    @overload  # a dict of settings that is unpacked names no signer
    def __init__(self, connection: Connection | str, **kafka_config: Any) -> None: ...

    def __init__(
        self, connection: Connection | str, *, signer: Signer | None = None, own: str = "", **kafka_config: Any
    ):
        self._connection = Connection.of(connection)
        self._behind = f".{own}" if own else ""
        self._signer = signer
        self._failures: Counter[str] = Counter()
        self._trouble = ""
        self._topic: str | None = None
        self._again: list[Message] | None = None
        """What an old client has not sent, while it is emptied."""
        settings = {**CONFIG, "error_cb": self._on_error, **kafka_config}
        self._producers = Renewing(self._connection.renewals, lambda: Producer(self._connection.librdkafka(**settings)))

    def intent(self, intent: EmailIntent) -> None:
        """Hands one intent to Kafka. Raises ContractError where Screen would refuse it; nothing is sent then."""
        self._send(INTENTS.name, octets_of_intent(intent, time.time()), record_key(intent))

    def bounce(self, bounce: Bounce) -> None:
        """Hands one bounce or complaint to Kafka. Raises ContractError."""
        self._send(BOUNCES.name, octets_of_own_feedback(bounce, time.time()), record_key(bounce))

    def engagement(self, engagement: Engagement) -> None:
        """Hands one sign of life to Kafka. Raises ContractError."""
        self._send(ENGAGEMENT.name, octets_of_own_feedback(engagement, time.time()), record_key(engagement))

    def publish_bytes(self, topic: str, value: bytes, key: Key = None, headers: Headers | None = None) -> None:
        """Hands octets to Kafka as they are: the fast path for JSON that has been checked, or must not be.

        A header `content-type` helps to read feedback that is not in our schema.
        """
        self._topic = topic
        self._renew()
        sent = list(headers.items()) if headers else []
        if self._signer is not None:
            sent = self._signer.sign(topic, value, sent)
        self._produce(topic, value, key, sent)

    def _produce(self, topic: str, value: bytes | None, key: Key, headers: Any) -> None:
        while True:
            try:
                self._producers.client.produce(topic, value, key, on_delivery=self._on_failure, headers=headers)
                break
            except BufferError:  # bounded: records leave the queue or fail within DELIVERY_DEADLINE
                self._producers.client.poll(0.1)
                self._renew()
        self._producers.client.poll(0)

    def flush(self) -> None:
        """Returns when Kafka has taken everything. Raises PublishFailed, which says how many it did not take and why.

        What failed is reported once: a publisher may go on after it.
        """
        self._empty(self._producers.client)
        failures, self._failures = self._failures, Counter()
        if failures:
            raise PublishFailed(self._describe(failures))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        except PublishFailed as failure:
            if error is None:
                raise
            error.add_note(str(failure))  # the caller's own error matters more

    def _empty(self, producer: Producer) -> None:
        """Wait until everything has been taken or given up."""
        deadline = time.monotonic() + DELIVERY_DEADLINE + 5
        while (left := producer.flush(1.0)) and time.monotonic() < deadline:
            if producer is self._producers.client and self._renew():
                return self._empty(self._producers.client)
        if left:
            self._failures["no answer in time"] += left

    def _renew(self) -> bool:
        """Go over to another client where there has to be one; True: done."""
        return self._producers.renew(self._empty, self._hand_again, self._topic)

    def _hand_again(self, old: Producer) -> None:
        """Hand to the client of now what one that has let go of all brokers still has. Some of it Kafka may have taken
        without being heard: it is there twice then, as after a restart, and counts once."""
        again = self._again = []
        old.purge()
        old.flush(1.0)
        self._again = None
        for message in again:
            self._produce(message.topic() or "", message.value(), message.key(), list(readable_headers(message) or ()))

    def _send(self, topic: str, value: bytes, key: Key) -> None:
        self.publish_bytes(topic + self._behind, value, key)

    def _on_failure(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        if self._again is not None and error.code() in PURGED:
            self._again.append(message)
        else:
            self._failures[reason(error)] += 1

    def _on_error(self, error: KafkaError) -> None:
        self._trouble = reason(error)

    def _describe(self, failures: "Counter[str]") -> str:
        causes = ", ".join(f"{cause}: {count}" for cause, count in failures.most_common(5))
        trouble = f" Last trouble with the connection: {self._trouble}." if self._trouble else ""
        return f"Kafka at {self._connection} did not take {failures.total()} records ({causes}).{trouble}"
