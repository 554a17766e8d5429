"""From the call of publish() to the verdict in a reader's hands, at a steady load."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from sidestep.topics.catalog import APPROVED, REJECTED, Topic
from sidestep.topics.connection import Connection
from tests.bench.measure import percentile
from tests.bench.processes import Child, script

WARM_SHARE = 0.7
"""Of the time published, at its start: not counted. A broker that has just started compiles its code meanwhile; cold,
it needs twice the CPU, and everybody queues for the same cores."""
LAST_SECONDS = 20.0
"""The last verdicts have to arrive within this long after the last intent."""


class Latency(NamedTuple):
    """Milliseconds. `screened`: the median until Screen had the intent in hand. `rate`: intents a second.

    `late_ms`: how far the publisher was behind its schedule at the worst.
    """

    p50: float
    p99: float
    worst: float
    screened: float
    rate: float
    counted: int
    late_ms: float


class Seen(NamedTuple):
    """One verdict: when its intent was published, when Screen stamped its evidence, when it was read. Nanoseconds."""

    published: int
    stamped: int
    read: int


class _Published(Struct):
    published: int


class _Echo(Struct):
    metadata: _Published
    decided_at: float


class _Arrivals:
    """The verdicts that have arrived, with times on the machine's monotonic clock."""

    def __init__(self, connection: Connection):
        self._decode = Decoder(_Echo).decode
        self.seen: list[Seen] = []
        self._since = time.time_ns() - time.monotonic_ns()
        self._consumer = Consumer(
            {
                **connection.librdkafka(), "group.id": "latency-unused", "enable.auto.commit": False,
                "isolation.level": "read_committed", "fetch.wait.max.ms": 50,
            }
        )  # fmt: skip
        self._consumer.assign([place for topic in (APPROVED, REJECTED) for place in self._ends(topic)])

    def _ends(self, topic: Topic) -> list[TopicPartition]:
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        for place in places:
            _, place.offset = self._consumer.get_watermark_offsets(place, timeout=10)
        return places

    def take(self) -> None:
        """Whatever has arrived within a moment."""
        first = self._consumer.poll(0.05)
        if first is None:
            return
        messages = [first, *self._consumer.consume(10_000, 0)]
        now = time.monotonic_ns()
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            try:
                verdict = self._decode(message.value() or b"")
            except DecodeError:
                continue  # a verdict from before
            stamped = int(verdict.decided_at * 1e9) - self._since
            self.seen.append(Seen(verdict.metadata.published, stamped, now))

    def close(self) -> None:
        """Nothing more is wanted."""
        self._consumer.close()


def measure_latency(
    connection: Connection, rate: float, seconds: float, log: Path, told: Callable[[int], None]
) -> Latency:
    """Publish at `rate` and watch the verdicts come. `told`: called with their number. Raises RuntimeError."""
    arrivals = _Arrivals(connection)
    try:
        with Child("publisher", script("publisher", connection, rate, seconds), log) as publisher:
            deadline = time.monotonic() + seconds + LAST_SECONDS + 30
            expected = int(rate * seconds)
            while len(arrivals.seen) < expected:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"only {len(arrivals.seen)} of {expected} verdicts arrived")
                arrivals.take()
                told(len(arrivals.seen))
            said = json.loads(publisher.wait(30))
    finally:
        arrivals.close()
    return summary(arrivals.seen, seconds * WARM_SHARE, said["late_ms"])


def summary(seen: list[Seen], warm: float, late_ms: float = 0.0) -> Latency:
    """All verdicts, those of the first `warm` seconds left out -> Latency."""
    start = min(verdict.published for verdict in seen) + int(warm * 1e9)
    counted = [verdict for verdict in seen if verdict.published >= start]
    taken = [(verdict.read - verdict.published) / 1e6 for verdict in counted]
    screened = percentile([(verdict.stamped - verdict.published) / 1e6 for verdict in counted], 0.5)
    span = (max(verdict.published for verdict in counted) - start) / 1e9
    p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
    return Latency(p50, p99, max(taken), screened, len(counted) / span, len(counted), late_ms)
