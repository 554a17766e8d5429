"""Reads email-approved and email-rejected: as the verdicts come, and once more from beginning to end to count them; and
email-anomalies."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from sidestep.schemas import Anomaly
from sidestep.schemas.codec import decode
from sidestep.streams.demo.parties import DASHBOARD, OPERATOR
from sidestep.streams.demo.planning import IntentKey
from sidestep.streams.demo.seen import Seen, decode_key, decode_seen
from sidestep.topics.catalog import ANOMALIES, APPROVED, DEAD_LETTERS, REJECTED
from sidestep.topics.cluster import QUIET, reason, require
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable
from sidestep.topics.read_errors import NO_LEADER
from sidestep.topics.verdict_keys import VerdictKeys
from sidestep.topics.verdicts import Verdicts

MOST = 5_000
"""Records taken at once."""
SILENCE = 30.0
"""Seconds without a record or an end of a partition, after which reading to the end is given up."""


class TopicReader:
    """Committed records of whole topics, from their beginning, in one thread. `principal`: whose connection it is."""

    def __init__(self, connection: Connection, *topics: str, principal: str = DASHBOARD):
        self._connection = connection
        settings = {
            "group.id": f"{principal}/demo",  # named, never joined
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "auto.offset.reset": "earliest",
            **QUIET,
        }
        self._consumer = Consumer(connection.librdkafka(**settings))
        found = require(self._consumer, connection, topics)
        partitions = [(name, number) for name in topics for number in found[name].partitions]
        self._consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for name, number in partitions])
        self._count = len(partitions)

    def batch(self, timeout: float) -> list[bytes]:
        """Values that have arrived; waits up to `timeout` seconds for the first."""
        return [value for value in self._take(timeout, set()) if value is not None]

    def to_the_end(self) -> Iterator[bytes]:
        """Every value up to what is the end of each partition now. Raises BrokerUnreachable when Kafka falls silent."""
        ended: set[tuple[str, int]] = set()
        heard = time.monotonic()
        while len(ended) < self._count:
            values = self._take(0.5, ended)
            if values:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE:
                raise BrokerUnreachable(f"Kafka at {self._connection} has sent nothing for {SILENCE:.0f} s")
            yield from (value for value in values if value is not None)

    def _take(self, timeout: float, ended: set[tuple[str, int]]) -> list[bytes | None]:
        """Values, None for the end of a partition, which is noted in `ended`."""
        first = self._consumer.poll(timeout)
        if first is None:
            return []
        values: list[bytes | None] = []
        for message in (first, *self._consumer.consume(MOST, 0)):
            error = message.error()
            if error is None:
                values.append(message.value())
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add((message.topic() or "", message.partition() or 0))
                values.append(None)
            elif error.code() not in NO_LEADER:
                raise BrokerUnreachable(f"{message.topic()} can't be read: {reason(error)}")
        return values

    def close(self) -> None:
        """Ends reading."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class VerdictReader(TopicReader):
    """Verdicts as they come."""

    def __init__(self, connection: Connection):
        super().__init__(connection, APPROVED.name, REJECTED.name)

    def verdicts(self, timeout: float) -> list[Seen]:
        """The verdicts that have arrived; waits up to `timeout` seconds for the first."""
        return [decode_seen(value) for value in self.batch(timeout)]


class AnomalyReader(TopicReader):
    """Anomalies as they come."""

    def __init__(self, connection: Connection):
        super().__init__(connection, ANOMALIES.name)

    def anomalies(self) -> list[Anomaly]:
        """Anomalies that have arrived since the last look; waits for none."""
        return [decode(Anomaly, value) for value in self.batch(0)]


def all_keys(connection: Connection) -> list[IntentKey]:
    """What every committed verdict answers. Nobody may write meanwhile."""
    with TopicReader(connection, APPROVED.name, REJECTED.name) as reader:
        return [decode_key(value) for value in reader.to_the_end()]


def unproved(connection: Connection, keys: VerdictKeys, verdicts: int) -> int:
    """How many of so many verdicts Decide's key has not signed, so that nobody may act on them; those that don't come
    count."""
    good, heard = 0, time.monotonic()
    with Verdicts(connection, start="earliest", verify=keys) as read:
        while good < verdicts and time.monotonic() - heard < SILENCE:
            batch = read.batch(MOST, 1.0)
            good += len(batch)
            heard = time.monotonic() if batch else heard
    return verdicts - good


def dead_letters(connection: Connection) -> int:
    """How many records could not be read."""
    with TopicReader(connection, DEAD_LETTERS.name, principal=OPERATOR) as reader:
        return sum(1 for _ in reader.to_the_end())
