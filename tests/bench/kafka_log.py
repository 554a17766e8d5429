"""The broker's side of the benchmark: topics made anew, filled at full speed, and how far they have come."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from sidestep.topics.catalog import BY_NAME
from sidestep.topics.connection import Connection

PARTITIONS = 4
CHUNK = 4_000
DEADLINE = 60.0
UNCOMPRESSED = {"compression.type": "uncompressed"}
"""aiokafka, and so plain Faust, can't read lz4 without another package. The broker sees to it, for all."""

T = TypeVar("T")
Record = dict[str, Any]


class KafkaLog:
    """All topics of one broker."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._admin = _admin(connection)

    def renew(self, *names: str) -> None:
        """Topics with nothing in them; those of the catalog with its settings."""
        existing = [name for name in names if name in self._topics()]
        if existing:
            _results(self._admin.delete_topics(existing, operation_timeout=DEADLINE))
            self._until(lambda: not set(names) & set(self._topics()))
        new = [NewTopic(name, _partitions(name), 1, config=_config(name)) for name in names]
        _results(self._admin.create_topics(new, operation_timeout=DEADLINE))
        self._until(lambda: self._answers(names))

    def records(self, *names: str) -> int:
        """Offsets that readers of committed records may read up to, of all partitions of these topics together."""
        places = [TopicPartition(name, number) for name in names for number in range(_partitions(name))]
        latest = {place: OffsetSpec.latest() for place in places}
        found = self._admin.list_offsets(latest, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10)
        return sum(int(offset.result().offset) for offset in found.values())

    def fill(self, topic: str, records: Iterable[Record], chunk_size: int = CHUNK) -> int:
        """Write records (key, value), a chunk of them to each partition in turn. Returns their number."""
        producer = Producer(
            {
                **self._connection.librdkafka(), "linger.ms": 20, "batch.size": 1_000_000, "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000, "delivery.report.only.error": True,
            }
        )  # fmt: skip
        written = 0
        for turn, chunk in enumerate(_chunks(records, chunk_size)):
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

    def _answers(self, names: Iterable[str]) -> bool:
        """A new topic exists a moment before its partitions have leaders, and clients remember that it was unknown."""
        self._admin = _admin(self._connection)
        try:
            return self.records(*names) == 0
        except KafkaException:
            return False

    def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not holds():
            if time.monotonic() > deadline:
                raise RuntimeError("the broker takes too long to make topics anew")
            time.sleep(0.05)  # until it holds, or the deadline


def _admin(connection: Connection) -> AdminClient:
    # at the end of the benchmark the broker goes first: no news
    return AdminClient(connection.librdkafka(log_level=0))


def _partitions(name: str) -> int:
    return BY_NAME[name].partitions if name in BY_NAME else PARTITIONS


def _config(name: str) -> dict[str, str]:
    if name in BY_NAME:
        return {**BY_NAME[name].config(), **UNCOMPRESSED}
    return {**UNCOMPRESSED, "cleanup.policy": "compact" if name.endswith("-changelog") else "delete"}


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
