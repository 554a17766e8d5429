"""A topic read once, from its beginning to the end that it has now; nothing is remembered of that."""

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, TopicPartition

from sidestep.streams.runtime.kafka import client, fetched
from sidestep.streams.runtime.record import Record
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, NotLetIn

SILENT_SECONDS = 30.0
MANY = 1_000
REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)


def read_to_end(
    connection: Connection, topic: str, partitions: Sequence[int], name: str, offset: int = 0
) -> Iterator[Record]:
    """All committed records from an offset on, in order within a partition. `name` is the client's. Blocks.

    Raises BrokerUnreachable, NotLetIn at once where it may not be read.
    """
    settings = {"group.id": f"{name}-unused", "enable.auto.commit": False, "enable.partition.eof": True}
    settings["fetch.wait.max.ms"] = 20  # the end is told when Kafka has waited that long for more
    consumer = Consumer(client(connection, name, **settings, **{"auto.offset.reset": "earliest"}))
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition in partitions])
        yield from _records(consumer, topic, len(partitions))
    finally:
        consumer.close()


def _records(consumer: Consumer, topic: str, missing: int) -> Iterator[Record]:
    answered = time.monotonic()
    while missing:
        for record in fetched(consumer.consume(MANY, 0.05)):
            answered = time.monotonic()
            error = record.error()
            if error is None:
                yield record
            elif error.code() == KafkaError._PARTITION_EOF:
                missing -= 1
            elif error.code() in REFUSED:
                raise NotLetIn(f"{topic} can't be read: {error.str()}. It takes a principal with READ on it")
        if time.monotonic() - answered > SILENT_SECONDS:
            raise BrokerUnreachable(
                f"{topic}: no answer within {SILENT_SECONDS:.0f} s. Is Kafka up, and has `sidestep topics "
                "create` been run?"
            )
