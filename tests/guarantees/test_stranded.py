"""A broker names topics and no brokers: a plain client of librdkafka never asks anybody again, and ours go on with
another one. Nothing is lost by that, and nothing comes twice."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from sidestep.schemas import EmailIntent
from sidestep.streams.local.embedded_config import Server, quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime import offsets, one_transaction
from sidestep.streams.runtime import publisher as worker_publisher
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.changes import Changes
from sidestep.streams.runtime.manifest import Place, Writer
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.reader import Reader
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.transactions import Aborted, Transactions
from sidestep.topics import Publisher, Subscription, admin, stranded
from sidestep.topics.catalog import INTENTS
from sidestep.topics.connection import Connection
from sidestep.topics.stranded import has_brokers
from tests.guarantees.harness.drive import Drive
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.nameless import Nameless
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TOPIC = INTENTS.name


@pytest.fixture(scope="module")
def proxy() -> Iterator[Nameless]:
    """Before the broker."""
    with Nameless() as made:
        yield made


@pytest.fixture(scope="module")
def own_kafka(proxy: Nameless, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker with a second listener, behind the proxy, and all topics."""
    server = Server(listeners=(proxy.listener("PROXIED"),))
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), java=quick_start(), server=server) as broker:
        yield broker


@pytest.fixture
def behind(own_kafka: EmbeddedKafka, proxy: Nameless, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """For clients behind the proxy, that look often."""
    admin.create(own_kafka.connection)
    for module, name, seconds in (
        (stranded, "LOOK_SECONDS", 0.3),
        (stranded, "AGAIN_SECONDS", 0.1),
        (stranded, "SURE_SECONDS", 1.0),
        (worker_publisher, "LOOK_SECONDS", 0.3),
        (offsets, "LOOK_SECONDS", 0.3),
        (one_transaction, "ASK_SECONDS", 0.5),
    ):
        monkeypatch.setattr(module, name, seconds)
    return proxy.connection


def test_workers_go_on(own_kafka: EmbeddedKafka, own_system: System, proxy: Nameless, tmp_path: Path) -> None:
    """All of librdkafka's clients of a worker of each role: verdicts come again, once each."""
    system, traffic = own_system, Traffic(seed=53)
    workers = [system.start(role, broker=proxy.connection).await_ready() for role in ("screen", "decide")]
    drive = Drive(system, traffic)
    drive.until_answered(60, "before")
    before = proxy.told
    proxy.lie()
    drive.during(10, "lied to")
    proxy.lie(False)
    assert proxy.told > before
    took = drive.until_answered(90, "after")
    renewed = [worker.metric("sidestep_clients_renewed_total") for worker in workers]
    print(f"\n{proxy.told - before} answers without brokers; verdicts again after {took:.1f} s; {renewed}")
    assert all(each['{reason="stranded"}'] > 0 for each in renewed)
    drive.settle(60)
    assert [0, 0] == [worker.leave() for worker in workers]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [workers[1].data])


def strand(proxy: Nameless, *clients: Any) -> None:
    """They let go of all brokers for good. Whoever else asks meanwhile may do so as well."""
    while not all(map(_is_alone, clients)):
        proxy.lie()
        wait_for(lambda: not any(has_brokers(client, TOPIC) for client in clients), 20, "all brokers are let go")
        proxy.lie(False)


def _is_alone(client: Any) -> bool:
    """Not for the moment that it takes to connect again."""
    try:
        client.list_topics(TOPIC, timeout=1)
    except KafkaException as error:
        return bool(error.args[0].code() == KafkaError._TRANSPORT)
    return False


def test_a_plain_client_never_asks_again(behind: Connection, proxy: Nameless) -> None:
    """While others are answered: what all of this is for. Once librdkafka mends it, this test says so."""
    client = Producer(behind.librdkafka(log_level=0))
    client.list_topics(timeout=10)
    strand(proxy, client)
    client.produce(TOPIC, b"x", partition=0)
    assert 1 == client.flush(2)
    assert _is_alone(client)
    assert Producer(behind.librdkafka(log_level=0)).list_topics(timeout=10).brokers


def _intents(first: int, count: int = 20) -> list[EmailIntent]:
    return [EmailIntent(id=f"s{n}", to=f"u{n}@d.example", service="shop") for n in range(first, first + count)]


def test_what_services_use_goes_on(behind: Connection, proxy: Nameless) -> None:
    """What was handed over is published by the next client, and the next reader, of a group or not, begins behind what
    was handled; or where it began, if nothing had come."""
    groups = ("readers/stranded", None)
    with Publisher(behind) as publisher, ExitStack() as stack:
        readers = [stack.enter_context(Subscription(behind, [TOPIC], group, "latest")) for group in groups]
        wait_for(lambda: _take(readers[0]) == [] and readers[0]._consumer.assignment(), 30, "assigned")
        seen: list[list[bytes]] = [[], []]

        def all_have(count: int) -> bool:
            for reader, keys in zip(readers, seen, strict=True):
                keys.extend(_take(reader))
            return all(len(keys) >= count for keys in seen)

        for intent in _intents(0, 4):
            publisher.intent(intent)
        publisher.flush()
        wait_for(lambda: all_have(4), 30, "the first have come")
        old = [publisher._producers.client, *(reader._consumer for reader in readers)]
        strand(proxy, *old)
        for intent in _intents(4):
            publisher.intent(intent)
        publisher.flush()
        wait_for(lambda: all_have(24), 40, "all have come")
        new = [publisher._producers.client, *(reader._consumer for reader in readers)]
        assert not any(one is other for one, other in zip(old, new, strict=True))
    assert [24, 24] == [len(keys) for keys in seen] == [len(set(keys)) for keys in seen]


def _take(reader: Subscription) -> list[bytes]:
    return [record.key or b"" for record in reader.batch(5, 0.1)]


def test_a_workers_reader_goes_on(behind: Connection, proxy: Nameless) -> None:
    """Behind the last record that was handed over."""
    seen: list[tuple[int, int]] = []

    def deliver(_: int, records: Mapping[Partition, list[Record]]) -> None:
        seen.extend((tp.partition, each.offset()) for tp, batch in records.items() for each in batch)

    async def until(condition: Callable[[], object]) -> None:
        while not condition():
            await asyncio.sleep(0.05)

    async def scenario() -> None:
        reader = Reader(behind, "test", "read_committed", asyncio.get_running_loop(), deliver, lambda *_: None)
        reader.start()
        for number in range(4):
            reader.add(Partition(TOPIC, number), None)
        known = len(await asyncio.to_thread(read, behind, TOPIC))
        await until(lambda: len(seen) == known)
        old = reader._consumers.client
        while reader._consumers.client is old:  # it may have connected again
            proxy.lie()
            await until(lambda: not has_brokers(old, TOPIC))
            proxy.lie(False)
            with suppress(TimeoutError):
                await asyncio.wait_for(until(lambda: reader._consumers.client is not old), 5)
        await asyncio.to_thread(_publish, behind, 40)
        await until(lambda: len(seen) == known + 20)
        await asyncio.to_thread(reader.stop)

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert len(seen) == len(set(seen))


def _publish(connection: Connection, first: int) -> None:
    with Publisher(connection) as publisher:
        for intent in _intents(first):
            publisher.intent(intent)


def test_a_workers_publisher_sends_its_round_by_another_producer(behind: Connection, proxy: Nameless) -> None:
    """And whoever waits for it hears nothing of that."""
    before = len(read(behind, TOPIC))

    async def scenario() -> None:
        publisher = worker_publisher.Publisher(behind, "test")
        await publisher.send(_outgoing())
        await asyncio.to_thread(strand, proxy, publisher._producers.client)
        await publisher.send(_outgoing())
        await publisher.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert before + 2 == len(read(behind, TOPIC))


def _outgoing() -> Outgoing:
    return Outgoing({(TOPIC, 0): [{"key": b"k", "value": b"v"}]})


def test_a_transaction_that_cannot_end_is_made_again_by_the_next_producer(behind: Connection, proxy: Nameless) -> None:
    """Between two transactions, and inside of one: it is as if it had never been."""
    place = Place(TOPIC, 1)
    shared, before = Offsets(behind), len(_values(behind, place))
    reached: list[str] = []

    def failpoint(name: str) -> None:
        if name == "before-commit" and not reached:
            reached.append(name)
            strand(proxy, transactions._producer)

    transactions = Transactions(behind, Writer("stranded", place, (place,), ()), place, failpoint, shared)
    with pytest.raises(Aborted, match="let go of all its brokers"):
        transactions.write(Outgoing(), Changes(), b"1")
    assert transactions.settle()
    transactions.write(Outgoing(), Changes(), b"2")
    strand(proxy, transactions._producer)
    wait_for(transactions.settle, 30, "taken over anew")
    transactions.write(Outgoing(), Changes(), b"3")
    assert [b"2", b"3"] == _values(behind, place)[before:]


def _values(connection: Connection, place: Place) -> list[bytes | None]:
    return [record.value() for record in read(connection, place.topic) if record.partition() == place.partition]


def test_a_question_for_offsets_is_asked_again_by_another_client(behind: Connection, proxy: Nameless) -> None:
    """Who waits for the answer has it."""
    asked, place = Offsets(behind), Place(TOPIC, 0)
    known = asked.ends([place])
    strand(proxy, asked._admins.client)
    began = time.monotonic()
    assert known == asked.ends([place])
    assert time.monotonic() - began < offsets.ANSWER_SECONDS
