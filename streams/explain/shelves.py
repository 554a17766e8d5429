"""Partitions of topics, to be looked into at any offset: a record here and there, without reading what lies between.
Reads committed records alone, writes nothing, joins no group. Blocks."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from sidestep.streams.explain.shelf import Lying
from sidestep.streams.runtime.kafka import client, fetched
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.to_the_end import REFUSED
from sidestep.topics.cluster import EAGER
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, NotLetIn

NAME = "sidestep-reader-explain"
"""Of the client; who may read at all may name a group of this name, which is never joined (topics/acls.py)."""
SILENT_SECONDS = 30.0
MANY = 2_000
PEEK_OCTETS = 16_384
"""Fetched at a time where one record is wanted: Kafka gives the whole of it anyway."""


Told = Callable[[int], None]
"""Hears how many records have been read."""


class KafkaShelf:
    """In Kafka."""

    def __init__(self, shelves: "KafkaShelves", place: Place, start: int, end: int):
        self._shelves, self.place, self.start, self.end = shelves, place, start, end

    def peek(self, offset: int) -> Lying | None:
        """As Shelf has it."""
        offset = max(offset, self.start)
        return self._shelves.peek(self.place, offset) if offset < self.end else None

    def between(self, start: int, stop: int) -> Iterator[Lying]:
        """As Shelf has it."""
        start, stop = max(start, self.start), min(stop, self.end)
        return self._shelves.read(self.place, start, stop) if start < stop else iter(())


class KafkaShelves:
    """All that is looked into for one explanation. Raises BrokerUnreachable, NotLetIn, as it is asked."""

    def __init__(self, connection: Connection, told: Told = lambda _: None):
        self._connection, self.told = connection, told
        self._offsets = Offsets(connection)
        self._peeking = self._consumer(
            {"fetch.message.max.bytes": PEEK_OCTETS, "queued.min.messages": 1, "fetch.queue.backoff.ms": 1}
        )
        self._reading = self._consumer(EAGER)

    def close(self) -> None:
        """Ends its clients."""
        self._peeking.close()
        self._reading.close()

    def shelves(self, topic: str, partitions: list[int]) -> list[KafkaShelf]:
        """Partitions of a topic, as they are now."""
        places = [Place(topic, number) for number in partitions]
        starts, ends = self._offsets.starts(places), self._offsets.ends(places)
        return [KafkaShelf(self, place, starts[place], ends[place].stable) for place in places]

    def peek(self, place: Place, offset: int) -> Lying | None:
        """The first record at or behind an offset."""
        return next(self._records(self._peeking, place, offset, 1), None)

    def read(self, place: Place, start: int, stop: int) -> Iterator[Lying]:
        """Records in a row."""
        for record in self._records(self._reading, place, start, MANY):
            if record.offset >= stop:
                return
            yield record

    def _records(self, consumer: Consumer, place: Place, offset: int, many: int) -> Iterator[Lying]:
        consumer.assign([TopicPartition(*place, offset)])
        answered = time.monotonic()
        while True:
            taken = fetched(consumer.consume(many, 0.05))
            records = 0
            for message in taken:
                if (error := message.error()) is None:
                    records += 1
                    yield Lying(message.offset(), message.key(), message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    self.told(records)
                    return
                elif error.code() in REFUSED:
                    raise NotLetIn(f"{place} can't be read: {error.str()}. It takes a principal with READ on it")
            self.told(records)
            if taken:
                answered = time.monotonic()
            elif time.monotonic() - answered > SILENT_SECONDS:
                raise BrokerUnreachable(f"{place}: no answer within {SILENT_SECONDS:.0f} s. Is Kafka up?")

    def _consumer(self, more: Mapping[str, Any]) -> Consumer:
        settings = {"group.id": f"{NAME}-unused", "enable.auto.commit": False, "enable.partition.eof": True}
        settings |= {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 20, **more}
        consumer = Consumer(client(self._connection, NAME, **settings))
        # else the first look into each topic waits a second, until librdkafka asks who leads its partitions
        consumer.list_topics(timeout=SILENT_SECONDS)
        return consumer
