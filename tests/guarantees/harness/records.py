"""Plain clients: publishing octets and reading topics, without anything of the product in between."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import TopicMetadata

from sidestep.schemas import Verdict
from sidestep.streams.runtime.kafka import fetched
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.record import Record
from sidestep.topics.catalog import APPROVED, REJECTED
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError
from tests.guarantees.harness.workers import wait_for

READ_SECONDS = 60.0
SETTLE_SECONDS = 2.0
SILENT_SECONDS = 20.0
"""After which a reader asks with another client. A broker that has just started may answer with topics and no brokers;
librdkafka since 2.10 takes its word, lets go of all brokers and never asks again (confluentinc/librdkafka#5301)."""

Key = tuple[str, str, int, str]
"""service, id, attempt, recipient: one verdict each."""
Input = tuple[str, str | None, bytes]
"""Topic, key, value of what is published."""


class Feed:
    """Publishes octets. `origins` are topic/partition/offset of all that Kafka has taken."""

    def __init__(self, connection: Connection):
        self.origins: list[str] = []
        self._failed: list[str] = []
        self._producer = Producer(
            {
                **connection.librdkafka(), "enable.idempotence": True, "linger.ms": 2, "log_level": 0,
                "socket.timeout.ms": 10_000, "reconnect.backoff.max.ms": 1000,
                "partitioner": "murmur2_random", "message.max.bytes": 10_000_000, "compression.type": "lz4",
            }
        )  # fmt: skip

    def send(self, records: Iterable[Input]) -> None:
        """Hand over, without waiting."""
        for topic, key, value in records:
            self.produce(topic, key=key, value=value)
        self._producer.poll(0)

    def produce(self, topic: str, **record: Any) -> None:
        """One record, with arguments as produce() takes them."""
        self._producer.produce(topic, on_delivery=self._delivered, **record)

    def flush(self) -> None:
        """Returns when Kafka has taken all of it."""
        assert self._producer.flush(30) == 0
        assert self._failed == []

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(error.str())
        else:
            self.origins.append(f"{message.topic()}/{message.partition()}/{message.offset()}")


class TopicReader:
    """Topics from their beginnings, all partitions or the one given, committed records only. One thread at a time."""

    def __init__(self, connection: Connection, *topics: str, partition: int | None = None):
        self._connection = connection
        self._consumer = _consumer(connection)
        self._heard = time.monotonic()
        found = _known(self._consumer, topics)
        places = [(name, n) for name in topics for n in found[name].partitions if partition in (None, n)]
        self.partitions = [TopicPartition(*place, OFFSET_BEGINNING) for place in places]
        self._from = dict.fromkeys(places, OFFSET_BEGINNING)
        """Where a client begins."""
        self._at_end: set[tuple[str, int]] = set()
        self._consumer.assign(self.partitions)

    def take(self, seconds: float) -> list[Record]:
        """What arrives within so many seconds, at the latest; at once when there is something."""
        records: list[Record] = []
        if time.monotonic() - self._heard > SILENT_SECONDS:
            self._ask_anew()
        for message in fetched(self._consumer.consume(5000, seconds)):
            self._heard = time.monotonic()
            place = (message.topic(), message.partition())
            error = message.error()
            if error is None:
                self._at_end.discard(place)
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add(place)
        return records

    def _ask_anew(self) -> None:
        for each in self._consumer.position(self.partitions):
            if each.offset >= 0:  # it has heard of it
                self._from[each.topic, each.partition] = each.offset
        self._consumer.close()
        self._consumer, self._heard = _consumer(self._connection), time.monotonic()
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._from.items()])

    @property
    def ended(self) -> bool:
        """It stands at the ends of all its partitions."""
        return len(self._at_end) == len(self.partitions)

    def everything(self) -> list[Record]:
        """From where it stands to the ends of all partitions."""
        records: list[Record] = []
        deadline = time.monotonic() + READ_SECONDS
        while not self.ended:
            assert time.monotonic() < deadline, "the topics could not be read to their ends"
            records += self.take(0.1)
        return records

    def standing(self) -> str:
        """Where it stands, and where its partitions end: for whoever asks why something has not come."""
        at = {Place(each.topic, each.partition): each.offset for each in self._consumer.position(self.partitions)}
        try:
            ends = Offsets(self._connection).ends(at)
        except SidestepError as error:
            return f"where its topics end is not known: {error}"
        return "; ".join(
            f"{place}: read to {at[place]} of {end.stable}, {end.high} written" for place, end in ends.items()
        )

    def close(self) -> None:
        """End the consumer."""
        self._consumer.close()


def _consumer(connection: Connection) -> Consumer:
    return Consumer(
        {
            **connection.librdkafka(), "group.id": "guarantees-unused", "enable.auto.commit": False,
            "isolation.level": "read_committed", "enable.partition.eof": True, "log_level": 2,
            "socket.timeout.ms": 10_000, "reconnect.backoff.max.ms": 1000,
            "fetch.wait.max.ms": 20, "fetch.message.max.bytes": 10_000_000,
        }
    )  # fmt: skip


def _known(consumer: Consumer, topics: Iterable[str]) -> dict[str, TopicMetadata]:
    """What the broker knows of topics; one that was just created it may not know for a moment."""
    known: dict[str, TopicMetadata] = {}

    def look() -> bool:
        known.update(consumer.list_topics(timeout=10).topics)
        return known.keys() >= set(topics)

    wait_for(look, 10, f"the broker knows {', '.join(topics)}")
    return known


def read(connection: Connection, *topics: str) -> list[Record]:
    """Everything committed in some topics; in offset order within a partition. A commit is answered before its end
    stands in all partitions, so what is open is waited for a moment."""
    reader = TopicReader(connection, *topics)
    try:
        _settle(connection, [Place(each.topic, each.partition) for each in reader.partitions])
        return reader.everything()
    finally:
        reader.close()


def _settle(connection: Connection, places: list[Place]) -> None:
    offsets, deadline = Offsets(connection), time.monotonic() + SETTLE_SECONDS
    while any(ends.stable < ends.high for ends in offsets.ends(places).values()) and time.monotonic() < deadline:
        time.sleep(0.02)  # until the ends are there, or what hangs has been given its time


def is_unreadable(verdict: Verdict) -> bool:
    """Whether it tells a service that its intent breaks the contract."""
    return [rule.id for rule in verdict.rules] == ["unreadable"]


class VerdictLog:
    """What a mailer or a service sees: the verdicts so far, and how often each key had one."""

    def __init__(self, connection: Connection):
        self._reader = TopicReader(connection, APPROVED.name, REJECTED.name)
        self._decode = msgspec.json.Decoder(Verdict).decode
        self.seen: Counter[Key] = Counter()
        self.verdicts: dict[Key, Verdict] = {}
        self.unreadable: list[Verdict] = []
        """Those that say that an intent can't be read: of one id there may be several, and that of the mended one."""

    def poll(self, seconds: float = 0.05) -> list[Verdict]:
        """The new ones."""
        new = [self._decode(message.value() or b"") for message in self._reader.take(seconds)]
        for verdict in new:
            if is_unreadable(verdict):
                self.unreadable.append(verdict)
                continue
            key = (verdict.service, verdict.id, verdict.attempt, verdict.to)
            self.seen[key] += 1
            self.verdicts[key] = verdict
        return new

    def repeated(self) -> list[Key]:
        """Keys with more than one verdict: there must never be any."""
        return [key for key, count in self.seen.items() if count > 1]

    def await_all(self, wanted: Iterable[Key], seconds: float, check: Callable[[], object] = bool) -> None:
        """Returns when all of `wanted` have their verdict, each exactly one. `check` is called meanwhile."""
        missing = set(wanted)
        deadline = time.monotonic() + seconds
        while missing := missing - self.seen.keys():
            assert time.monotonic() < deadline, (
                f"{len(missing)} without a verdict, such as {sorted(missing)[:5]}; {self._reader.standing()}"
            )
            self.poll()
            check()
        assert self.repeated() == []

    def close(self) -> None:
        """End the reader."""
        self._reader.close()
