"""A topic read once, from its beginning to the end that it has now; nothing is remembered of that."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from confluent_kafka import Consumer, KafkaError, TopicPartition

from sidestep.streams.runtime.kafka import Fetched, client, fetched
from sidestep.streams.runtime.record import Record
from sidestep.topics.cluster import EAGER
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, NotLetIn

SILENT_SECONDS = 30.0
MANY = 1_000
REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)


def read_to_end(
    connection: Connection,
    topic: str,
    partitions: Sequence[int],
    name: str,
    offset: int = 0,
    patience: float = SILENT_SECONDS,
) -> Iterator[Record]:
    """All committed records from an offset on, in order within a partition. `name` is the client's. Blocks, at the most
    for `patience` seconds without an answer.

    Raises BrokerUnreachable, NotLetIn at once where it may not be read.
    """
    return chain.from_iterable(batches_to_end(connection, topic, partitions, name, offset, patience))


def batches_to_end(
    connection: Connection,
    topic: str,
    partitions: Sequence[int],
    name: str,
    offset: int = 0,
    patience: float = SILENT_SECONDS,
) -> Iterator[list[Record]]:
    """The same, as they come. Whoever reads may take any time between two of them."""
    settings = EAGER | {"group.id": f"{name}-unused", "enable.auto.commit": False, "enable.partition.eof": True}
    settings["fetch.wait.max.ms"] = 20  # the end is told when Kafka has waited that long for more
    consumer = Consumer(client(connection, name, **settings, **{"auto.offset.reset": "earliest"}))
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition in partitions])
        yield from _batches(consumer, topic, len(partitions), patience)
    finally:
        consumer.close()


def _batches(consumer: Consumer, topic: str, missing: int, patience: float) -> Iterator[list[Record]]:
    answered = time.monotonic()
    while missing:
        taken = fetched(consumer.consume(MANY, 0.05))
        records: list[Record] = [message for message in taken if message.error() is None]
        if len(records) < len(taken):
            missing -= _ends(topic, taken)
        if records:
            yield records
        if taken:
            answered = time.monotonic()  # not before: whoever reads may have taken long
        elif time.monotonic() - answered > patience:
            raise BrokerUnreachable(
                f"{topic}: no answer within {patience:.0f} s. Is Kafka up, and has `sidestep topics create` been run?"
            )


def _ends(topic: str, taken: Iterable[Fetched]) -> int:
    """How many partitions have come to their ends. Raises NotLetIn."""
    errors = [error for message in taken if (error := message.error()) is not None]
    for error in errors:
        if error.code() in REFUSED:
            raise NotLetIn(f"{topic} can't be read: {error.str()}. It takes a principal with READ on it")
    return sum(error.code() == KafkaError._PARTITION_EOF for error in errors)
