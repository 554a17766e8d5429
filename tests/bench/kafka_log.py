"""The broker's side of the benchmark: topics made anew, filled at full speed, and how far they have come."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from sidestep.topics.catalog import BY_NAME

PARTITIONS = 4
CHUNK = 4_000
DEADLINE = 60.0

T = TypeVar("T")
Record = dict[str, Any]


class KafkaLog:
    """All topics of one broker."""

    def __init__(self, broker: str):
        self.broker = broker
        self._admin = AdminClient({"bootstrap.servers": broker})

    def renew(self, *names: str) -> None:
        """Topics with nothing in them; those of the catalog with its settings."""
        existing = [name for name in names if name in self._topics()]
        if existing:
            _results(self._admin.delete_topics(existing, operation_timeout=DEADLINE))
            self._until(lambda topics: not set(names) & set(topics))
        new = [NewTopic(name, _partitions(name), 1, config=BY_NAME[name].config() if name in BY_NAME else {}) for name in names]
        _results(self._admin.create_topics(new, operation_timeout=DEADLINE))
        self._until(lambda topics: all(name in topics and _is_led(topics[name]) for name in names))

    def records(self, *names: str) -> int:
        """Offsets that readers of committed records may read up to, of all partitions of these topics together."""
        wanted = {TopicPartition(name, number): OffsetSpec.latest() for name in names for number in range(_partitions(name))}
        found = self._admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10)
        return sum(int(offset.result().offset) for offset in found.values())

    def fill(self, topic: str, records: Iterable[Record]) -> int:
        """Write records (key, value), whole chunks of them to the partitions in turn. Returns their number."""
        producer = Producer(
            {
                "bootstrap.servers": self.broker, "linger.ms": 20, "batch.size": 1_000_000, "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000, "delivery.report.only.error": True,
            }
        )  # fmt: skip
        written = 0
        for turn, chunk in enumerate(_chunks(records, CHUNK if topic in BY_NAME else 1)):
            if producer.produce_batch(topic, chunk, partition=turn % _partitions(topic)) != len(chunk):
                raise RuntimeError(f"{topic}: the producer's queue is full")
            written += len(chunk)
            while len(producer) > CHUNK * 50:
                producer.poll(0.01)
        if producer.flush(DEADLINE):
            raise RuntimeError(f"{topic}: not all records could be written")
        return written

    def _topics(self) -> dict[str, Any]:
        return dict(self._admin.list_topics(timeout=10).topics)

    def _until(self, holds: Any) -> None:
        deadline = time.monotonic() + DEADLINE
        while not holds(self._topics()):
            if time.monotonic() > deadline:
                raise RuntimeError("the broker takes too long to make topics anew")
            time.sleep(0.05)  # until it holds, or the deadline


def _partitions(name: str) -> int:
    return BY_NAME[name].partitions if name in BY_NAME else PARTITIONS


def _is_led(topic: Any) -> bool:
    return bool(topic.partitions) and all(partition.leader >= 0 for partition in topic.partitions.values())


def _results(futures: Any) -> None:
    for name, future in futures.items():
        try:
            future.result(DEADLINE)
        except KafkaException as error:
            raise RuntimeError(f"{name}: {error}") from error


def _chunks(records: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(records)
    while chunk := list(islice(rest, size)):
        yield chunk
