"""Single records of a partition, by their offsets; committed ones alone. Blocks."""

import time
from collections.abc import Collection, Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from sidestep.streams.runtime.kafka import client, fetched
from sidestep.streams.runtime.manifest import Place
from sidestep.topics.cluster import EAGER
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable

NEAR = 500
"""Offsets between two records for which reading on is cheaper than beginning anew."""
MANY = 500
SILENT_SECONDS = 30.0


def read_at(connection: Connection, place: Place, offsets: Collection[int], name: str) -> Mapping[int, bytes | None]:
    """The values at these offsets; what is there no more is left out. `name` is the client's. Raises
    BrokerUnreachable."""
    settings = EAGER | {"group.id": f"{name}-unused", "enable.auto.commit": False, "enable.partition.eof": True}
    settings |= {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 20}
    consumer = Consumer(client(connection, name, **settings))
    found: dict[int, bytes | None] = {}
    try:
        for first, last in stretches(offsets):
            consumer.assign([TopicPartition(place.topic, place.partition, first)])
            found.update(_until(consumer, place, last))
    finally:
        consumer.close()
    return {offset: found[offset] for offset in offsets if offset in found}


def _until(consumer: Consumer, place: Place, last: int) -> Iterator[tuple[int, bytes | None]]:
    """Offsets and values of what comes, up to the last one, or the partition's end."""
    answered = time.monotonic()
    while time.monotonic() - answered <= SILENT_SECONDS:
        for message in fetched(consumer.consume(MANY, 0.1)):
            answered, error = time.monotonic(), message.error()
            if error is None and message.offset() <= last:
                yield message.offset(), message.value()
            ended = error is not None and error.code() == KafkaError._PARTITION_EOF
            if ended or (error is None and message.offset() >= last):
                return
    raise BrokerUnreachable(f"{place}: no answer within {SILENT_SECONDS:.0f} s. Is Kafka up?")


def stretches(offsets: Collection[int]) -> list[tuple[int, int]]:
    """First and last offset of those that are near to each other, in order."""
    found: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if found and offset - found[-1][1] <= NEAR:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((offset, offset))
    return found
