"""The reader against a real Kafka: which records of transactions it hands over, and how far it has read."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from confluent_kafka import Producer

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime.batch_head import batch_head, head_of
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.cut_record import PackedBatch
from sidestep.streams.runtime.fetching import Isolation
from sidestep.streams.runtime.reader import Reader
from sidestep.streams.runtime.record import Record
from sidestep.topics.connection import Connection
from tests.fixture_types import MakeTopic


@pytest.fixture
def writer(kafka: EmbeddedKafka, make_topic: Callable[..., str]) -> Iterator[tuple[str, Producer]]:
    """A topic and a transactional producer."""
    topic = make_topic()
    producer = Producer(kafka.connection.librdkafka(**{"transactional.id": topic, "transaction.timeout.ms": 10_000}))
    producer.init_transactions(30)
    yield topic, producer


def write(topic: str, producer: Producer, *values: bytes, commit: bool = True) -> None:
    """One transaction; all of it has reached the broker, also when it is aborted."""
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, partition=0)
    assert 0 == producer.flush(10)
    if commit:
        producer.commit_transaction(10)
    else:
        producer.abort_transaction(10)


def read_all(kafka: EmbeddedKafka, topic: str, isolation: Isolation) -> tuple[list[bytes], int, int]:
    """The values from the beginning to the end; what the reader says it has read to, and where the end is."""
    tp = Partition(topic, 0)
    values: list[bytes] = []

    async def scenario() -> tuple[int, int]:
        def deliver(_: int, records: Any) -> None:
            values.extend(record.value() for record in records[tp])

        reader = Reader(
            kafka.connection,
            "test-reader",
            isolation,
            asyncio.get_running_loop(),
            deliver,
            lambda _, error: pytest.fail(error.str()),
        )
        reader.start()
        try:
            reader.add(tp, 0)
            while reader.end_offset(tp) < 0 or reader.read_to(tp) < 0:
                await asyncio.sleep(0.02)
            return reader.read_to(tp), reader.end_offset(tp)
        finally:
            await asyncio.to_thread(reader.stop)

    read_to, end = asyncio.run(asyncio.wait_for(scenario(), 30))
    return values, read_to, end


def test_what_was_aborted_is_not_read_by_who_reads_committed_records(
    kafka: EmbeddedKafka, writer: tuple[str, Producer]
) -> None:
    """Decide must not fold half a hold. Screen reads everything, so that nobody's open transaction holds it up."""
    write(*writer, b"1", b"2")
    write(*writer, b"3", commit=False)
    write(*writer, b"4")
    assert [b"1", b"2", b"4"] == read_all(kafka, writer[0], "read_committed")[0]
    assert [b"1", b"2", b"3", b"4"] == read_all(kafka, writer[0], "read_uncommitted")[0]


@pytest.mark.parametrize("isolation", ["read_committed", "read_uncommitted"])
def test_the_end_of_a_transaction_is_no_record_that_waits(
    kafka: EmbeddedKafka, writer: tuple[str, Producer], isolation: Isolation
) -> None:
    """It takes an offset behind the last record: without knowing that, a partition would lag by one for ever."""
    write(*writer, b"1", b"2")
    assert ([b"1", b"2"], 3, 3) == read_all(kafka, writer[0], isolation)


def test_the_lag_of_a_partition_that_is_read_anew_is_not_known_yet(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """How far it was read by an earlier assignment says nothing."""
    tp = Partition(make_topic(), 0)

    async def scenario() -> None:
        reader = Reader(
            kafka.connection,
            "test-reader",
            "read_committed",
            asyncio.get_running_loop(),
            lambda *_: None,
            lambda _, error: None,
        )
        reader.start()
        try:
            reader.add(tp, 0)
            while reader.read_to(tp) < 0:
                await asyncio.sleep(0.02)
            reader.add(tp, 0)
            assert -1 == reader.read_to(tp)
        finally:
            await asyncio.to_thread(reader.stop)

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_paused_partition_that_comes_back_is_read(kafka: EmbeddedKafka, writer: tuple[str, Producer]) -> None:
    """It was full when it was taken away. Whoever gets it again in the same worker begins with nothing in hand, knows
    of no pause and would never end one."""
    write(*writer, b"1", b"2")
    tp = Partition(writer[0], 0)
    values: list[bytes] = []

    async def until(count: int) -> None:
        while len(values) < count:
            await asyncio.sleep(0.02)

    async def scenario() -> None:
        def deliver(_: int, records: Any) -> None:
            values.extend(record.value() for record in records[tp])

        reader = Reader(
            kafka.connection,
            "test-reader",
            "read_committed",
            asyncio.get_running_loop(),
            deliver,
            lambda _, error: pytest.fail(error.str()),
        )
        reader.start()
        try:
            reader.add(tp, 0)
            await until(2)
            reader.pause(tp)
            reader.clear()
            reader.add(tp, 1)
            await until(3)
        finally:
            await asyncio.to_thread(reader.stop)

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert [b"1", b"2", b"2"] == values


def test_what_can_not_be_unpacked_holds_nobody_up(kafka: EmbeddedKafka, make_topic: MakeTopic) -> None:
    """Batches of which zstd has made some kilobytes, of one record and of two: librdkafka would stand before them for
    ever. One record stands for each, and says what was passed over; what is behind is read."""
    topic = make_topic()
    options = {"message.max.bytes": 200_000_000, "batch.size": 200_000_000, "compression.type": "zstd"}
    producer = Producer(kafka.connection.librdkafka(**options, **{"linger.ms": 1_000}))
    for values in ((b"1",), (bytes(101_000_000),), (b"2",), (bytes(51_000_000), bytes(51_000_000)), (b"3", b"4")):
        for value in values:
            producer.produce(topic, value, partition=0)
        assert 0 == producer.flush(60)

    found: dict[int, Record] = {}

    async def scenario() -> None:
        def deliver(_: int, records: Mapping[Partition, list[Record]]) -> None:
            found.update((record.offset(), record) for record in records[Partition(topic, 0)])

        loop = asyncio.get_running_loop()
        reader = Reader(kafka.connection, "test-reader", "read_uncommitted", loop, deliver, lambda *_: None, True)
        reader.start()
        try:
            reader.add(Partition(topic, 0), 0)
            while 6 not in found:
                await asyncio.sleep(0.02)
        finally:
            await asyncio.to_thread(reader.stop)

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert {0: b"1", 1: None, 2: b"2", 4: None, 5: b"3", 6: b"4"} == {at: found[at].value() for at in sorted(found)}
    packed = [record for record in found.values() if isinstance(record, PackedBatch)]
    assert ["the record at offset 1", "the 2 records from offset 3 on"] == [
        record.fault.partition(" would")[0] for record in packed
    ]


def test_whatever_keeps_the_broker_from_being_asked_does_not_end_the_reader(kafka: EmbeddedKafka) -> None:
    """It is told of again, and asked for again."""
    assert batch_head(kafka.connection, Partition("no-such-topic", 7), 0) is None
    assert batch_head(Connection("127.0.0.1:1"), Partition("email-intents", 0), 0) is None


def test_the_batch_with_an_offset_is_found_among_others() -> None:
    """By its head alone; what is cut short, and what is none, has none."""
    octets = b""
    for first, count in ((5, 3), (8, 1), (9, 10)):
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 10_000)
        for number in range(count):
            builder.append(number, 0, None, b"x", [])
        octets += first.to_bytes(8, "big") + bytes(builder.build())[8:]
    heads = [head_of(octets, offset) for offset in (4, 5, 7, 8, 18, 19)]
    assert [None, (5, 7), (5, 7), (8, 8), (9, 18), None] == [head and head[:2] for head in heads]
    assert len(octets) == sum(head.octets for head in (head_of(octets, at) for at in (5, 8, 9)) if head)
    assert head_of(octets[:-100], 9) is not None and head_of(octets[:61], 9) is None and head_of(b"", 0) is None


def test_what_lies_in_a_partition_is_looked_through_before_it_is_read(
    kafka: EmbeddedKafka, make_topic: MakeTopic
) -> None:
    """Up to behind the last heavy batch records are handed over as there is room, once each and in their order, and
    librdkafka goes on behind it. A reader that is told to begin in the middle begins there."""
    topic = make_topic()
    tp = Partition(topic, 0)
    producer = Producer(kafka.connection.librdkafka(**{"message.max.bytes": 90_000_000, "compression.type": "gzip"}))
    for value in (b"0", b" " * 80_000_000, b"2", b" " * 80_000_000, b"4", b"5"):
        producer.produce(topic, value, partition=0)
        assert 0 == producer.flush(60)

    def read(start: int | None, rest_at: int) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []

        async def scenario() -> None:
            def deliver(_: int, records: Mapping[Partition, list[Record]]) -> None:
                found.extend((record.offset(), type(record).__name__) for record in records[tp])
                if found[-1][0] == rest_at:
                    reader.pause(tp)

            loop = asyncio.get_running_loop()
            reader = Reader(kafka.connection, "test-reader", "read_uncommitted", loop, deliver, lambda *_: None, True)
            reader.start()
            try:
                reader.add(tp, start)
                while not any(offset == rest_at for offset, _ in found):
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.2)
                assert found[-1][0] == rest_at
                reader.resume(tp)
                while (5, "Message") not in found:
                    await asyncio.sleep(0.02)
            finally:
                await asyncio.to_thread(reader.stop)

        asyncio.run(asyncio.wait_for(scenario(), 60))
        return found

    behind = [(4, "Message"), (5, "Message")]
    taken = [(0, "RawRecord"), (1, "CutRecord"), (2, "RawRecord"), (3, "CutRecord")]
    assert taken + behind == read(None, 0)
    assert taken[2:] + behind == read(2, 3)
    assert behind == read(4, 5)
