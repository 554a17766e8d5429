"""The publisher against a real Kafka: everything acknowledged, in order, and every refusal heard of."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime import publisher as module
from sidestep.streams.runtime.kafka import fetched
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Single
from sidestep.streams.runtime.publisher import Publisher
from sidestep.streams.runtime.record import Record
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, PublishFailed
from tests.fixture_types import MakeTopic


def _read(connection: Connection, topic: str, partition: int = 0) -> list[Record]:
    """All records of a partition."""
    consumer = Consumer(connection.librdkafka(**{"group.id": "unused", "enable.partition.eof": True}))
    records: list[Record] = []
    try:
        consumer.assign([TopicPartition(topic, partition, 0)])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for record in fetched(consumer.consume(1, 1)):
                error = record.error()
                if error is None:
                    records.append(record)
                elif error.code() == KafkaError._PARTITION_EOF:
                    return records
    finally:
        consumer.close()
    pytest.fail(f"{topic}/{partition} does not end")


def _run(connection: Connection, scenario: Callable[[Publisher], Any]) -> Any:
    async def main() -> Any:
        publisher = Publisher(connection, "test")
        try:
            return await scenario(publisher)
        finally:
            await publisher.close()

    return asyncio.run(asyncio.wait_for(main(), 60))


def _numbers(count: int, first: int = 0) -> list[Keyed]:
    return [{"key": b"k", "value": b"%d" % number} for number in range(first, first + count)]


def test_what_was_sent_is_there_when_send_returns(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """Batches in their partitions and order, singles with their headers."""
    topic = make_topic(2)
    single: Single = {"topic": topic, "partition": 1, "key": b"d", "value": None, "headers": [("reason", b"\xff")]}

    async def scenario(publisher: Publisher) -> Any:
        await publisher.send(Outgoing({(topic, 0): _numbers(3000)}, [single]))
        return await asyncio.to_thread(_read, kafka.connection, topic), await asyncio.to_thread(
            _read, kafka.connection, topic, 1
        )

    many, one = _run(kafka.connection, scenario)
    assert [b"%d" % number for number in range(3000)] == [record.value() for record in many]
    assert (b"d", None, [("reason", b"\xff")]) == (one[0].key(), one[0].value(), one[0].headers())


def test_what_is_handed_in_meanwhile_follows_in_order(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """One round at a time: no two of them can overtake each other."""
    topic = make_topic()

    async def scenario(publisher: Publisher) -> None:
        sends = []
        for number in range(200):
            sends.append(asyncio.ensure_future(publisher.send(Outgoing({(topic, 0): _numbers(5, number * 5)}))))
            if number % 20 == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*sends)

    _run(kafka.connection, scenario)
    assert [b"%d" % number for number in range(1000)] == [record.value() for record in _read(kafka.connection, topic)]


def test_what_finds_no_room_in_the_queue_follows_in_order(
    kafka: EmbeddedKafka, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as much as the queue takes, of several sizes: a small record must not overtake a large one."""
    monkeypatch.setitem(module._SETTINGS, "queue.buffering.max.kbytes", 256)
    topic = make_topic()
    values = [b"%d" % number + bytes(4_000 if number % 3 == 0 else 10) for number in range(2_000)]
    many: list[Keyed] = [{"key": b"k", "value": value} for value in values]
    last: list[Single] = [{"topic": topic, "partition": 0, "key": None, "value": value} for value in values[:100]]

    async def scenario(publisher: Publisher) -> None:
        await publisher.send(Outgoing({(topic, 0): many}, last))
        assert 0 == publisher.on_its_way

    _run(kafka.connection, scenario)
    assert [*values, *values[:100]] == [record.value() for record in _read(kafka.connection, topic)]


def test_nothing_to_send_is_sent_at_once(kafka: EmbeddedKafka) -> None:
    """A batch of known ids only."""
    _run(kafka.connection, lambda publisher: publisher.send(Outgoing()))


def test_a_record_that_kafka_refuses_is_heard_of(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """The topic takes 1,000 octets, compressed; the next send works again."""
    topic = make_topic(max_message_bytes="1000")
    large: list[Keyed] = [{"key": b"k", "value": os.urandom(5000)}]

    async def scenario(publisher: Publisher) -> None:
        with pytest.raises(PublishFailed, match=topic):
            await publisher.send(Outgoing({(topic, 0): large}))
        await publisher.send(Outgoing({(topic, 0): _numbers(1)}))

    _run(kafka.connection, scenario)
    assert [b"0"] == [record.value() for record in _read(kafka.connection, topic)]


def test_a_record_that_the_client_refuses_is_heard_of(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """It never leaves this machine, and does not count as sent."""
    topic = make_topic()
    huge = bytes(3_000_000)

    async def scenario(publisher: Publisher) -> None:
        with pytest.raises(PublishFailed):
            await publisher.send(Outgoing({(topic, 0): [{"key": b"k", "value": huge}]}))
        with pytest.raises(PublishFailed):
            await publisher.send(Outgoing(singles=[{"topic": topic, "partition": 0, "value": huge}]))

    _run(kafka.connection, scenario)


def test_a_partition_that_is_missing_is_heard_of(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """Everyone whose records went out in the same round is told."""
    topic = make_topic()

    async def scenario(publisher: Publisher) -> list[Any]:
        sends = [publisher.send(Outgoing({(topic, partition): _numbers(1)})) for partition in (0, 7)]
        return await asyncio.gather(*sends, return_exceptions=True)

    results = _run(kafka.connection, scenario)
    assert isinstance(results[1], PublishFailed)


def test_a_kafka_that_does_not_answer_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the flush has waited long enough; nothing is said to be sent."""
    monkeypatch.setattr(module, "FLUSH_SECONDS", 1.0)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))

        async def scenario(publisher: Publisher) -> None:
            with pytest.raises((PublishFailed, BrokerUnreachable)):
                await publisher.send(Outgoing({("t", 0): _numbers(2)}))

        _run(Connection(f"127.0.0.1:{nobody.getsockname()[1]}"), scenario)
