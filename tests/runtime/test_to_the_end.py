"""A topic read to its end: all that is committed, however long whoever reads takes in between."""

import time

import pytest
from confluent_kafka import Producer

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime import to_the_end
from sidestep.streams.runtime.to_the_end import batches_to_end, read_to_end
from sidestep.topics.connection import Connection
from tests.fixture_types import MakeTopic

RECORDS = 2_500
SILENT = 1.0


@pytest.fixture
def topic(kafka: EmbeddedKafka, make_topic: MakeTopic) -> str:
    """A topic with some thousand records."""
    name = make_topic()
    producer = Producer(kafka.connection.librdkafka())
    for number in range(RECORDS):
        producer.produce(name, b"%d" % number)
    assert 0 == producer.flush(20)
    return name


def values(connection: Connection, topic: str, offset: int = 0) -> list[bytes | None]:
    return [record.value() for record in read_to_end(connection, topic, [0], "test", offset)]


def test_all_records_from_an_offset_on_are_read(kafka: EmbeddedKafka, topic: str) -> None:
    """In order, and then it ends."""
    assert [b"%d" % number for number in range(RECORDS)] == values(kafka.connection, topic)
    assert [b"2499"] == values(kafka.connection, topic, RECORDS - 1)


def test_who_takes_long_with_what_was_read_is_not_told_that_kafka_is_silent(
    kafka: EmbeddedKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit has one topic wait while it goes through another one."""
    monkeypatch.setattr(to_the_end, "SILENT_SECONDS", SILENT)
    count = 0
    for records in batches_to_end(kafka.connection, topic, [0], "test"):
        if not count:
            time.sleep(SILENT * 1.2)  # longer than Kafka may be silent
        count += len(records)
    assert RECORDS == count
