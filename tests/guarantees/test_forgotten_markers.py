"""A Kafka that forgets end markers, and one that does not: the same transaction, while the same broker is away."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from rocksdict import Cache

from sidestep.streams.local.embedded_config import HOST, Node, Server, quick_start
from sidestep.streams.local.embedded_jars import Lock, read_lock
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.ports import free_port
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Ends, Offsets
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.tables import Writes
from sidestep.topics.connection import Connection
from tests.fixture_types import WaitUntil
from tests.guarantees.conftest import FAULTY
from tests.guarantees.harness.records import read

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(240)]
OUTPUT, ROWS, WINDOW = Place("output", 0), Place("rows", 0), Place("window", 0)


@dataclass
class Two:
    """Two brokers: the first one has the controller, the coordinators and the ledger, the second one the output."""

    first: EmbeddedKafka
    second: EmbeddedKafka
    folder: Path

    @property
    def connection(self) -> Connection:
        """Both."""
        return Connection(f"{self.first.address},{self.second.address}")

    def output_has_leader(self) -> bool:
        """Whether the controller counts on the second broker."""
        topic = AdminClient(self.first.connection.librdkafka()).list_topics("output", timeout=10).topics["output"]
        return topic.partitions[0].leader == 2

    def open(self, folder: str, failpoint: Callable[[str], None] = lambda name: None) -> Ledger:
        """The ledger, taken over and recovered."""
        settings = LedgerSettings(
            connection=self.connection,
            group="forgotten",
            role="count",
            data=self.folder / folder,
            rows_changelog=ROWS.topic,
            window_changelog=WINDOW.topic,
            own_topics=(OUTPUT.topic,),
            shared_topics={},
            window_seconds=3600,
            cache=Cache(1024 * 1024),
        )
        return Ledger(settings, 0, failpoint, lambda done, total: None)


@pytest.fixture(params=["pinned", "4.3.1"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    """Both brokers and the topics. Kafka's own topics lie on the first one, which was alone when they were made."""
    lock = read_lock(FAULTY) if request.param == "4.3.1" else read_lock()
    with _node(1, tmp_path, lock, controller := free_port(), free_port()) as first:
        made = Two(first, _node(2, tmp_path, lock, controller, free_port()), tmp_path)
        client = AdminClient(first.connection.librdkafka())
        _create(client, {ROWS.topic: 1, WINDOW.topic: 1, OUTPUT.topic: 1})
        made.open("made-kafkas-topics").close()
        client.delete_topics([OUTPUT.topic])[OUTPUT.topic].result(10)
        with made.second:
            _create(client, {OUTPUT.topic: 2})
            yield made


def _create(client: AdminClient, nodes: dict[str, int]) -> None:
    topics = [NewTopic(name, 1, replica_assignment=[[node]]) for name, node in nodes.items()]
    for future in client.create_topics(topics).values():
        future.result(20)


def _node(number: int, folder: Path, lock: Lock, controller: int, port: int) -> EmbeddedKafka:
    properties: dict[str, object] = {
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 300,
    }
    if number == 2:
        properties |= {"process.roles": "broker", "listeners": f"PLAINTEXT://{HOST}:{port}"}
    server = Server(properties, node=Node(number, "kTwoBrokersOfOneTestAA", {1: controller, number: controller}))
    return EmbeddedKafka(folder / str(number), port=port, java=quick_start(), lock=lock, server=server)


def test_a_transaction_whose_end_marker_was_forgotten_is_adopted(
    two: Two, request: pytest.FixtureRequest, wait_until: WaitUntil
) -> None:
    """The broker of the output is away when the transaction is committed. Kafka 4.3.1 takes the partition for deleted
    and forgets its end marker; the pinned one writes it later. Either way the output is seen once, by the next owner
    at the latest."""

    def kill_second(point: str) -> None:
        if point == "before-commit":
            assert ledger._transactions._producer.flush(30) == 0
            os.kill(two.second.pid, signal.SIGKILL)
            wait_until(lambda: not two.output_has_leader(), 30)

    wait_until(two.output_has_leader, 30)
    ledger = two.open("first", kill_second)
    ledger.commit(Outgoing({(*OUTPUT,): [{"key": b"k", "value": b"1"}]}), Writes(), 1)
    two.second.stop()
    two.second.start()
    wait_until(two.output_has_leader, 30)
    faulty = request.node.callspec.params["two"] == "4.3.1"
    if faulty:
        assert Offsets(two.connection).ends([OUTPUT]) == {OUTPUT: Ends(0, 1)}
    heir = two.open("second")
    assert heir.marker == 1
    assert (heir.ended.adopted, heir.ended.rolled_back) == ((1, 0) if faulty else (0, 0))
    assert [record.value() for record in read(two.connection, OUTPUT.topic)] == [b"1"]
    heir.commit(Outgoing({(*OUTPUT,): [{"key": b"k", "value": b"2"}]}), Writes(), 2)
    assert [record.value() for record in read(two.connection, OUTPUT.topic)] == [b"1", b"2"]
    ledger.close()
    heir.close()
