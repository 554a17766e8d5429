"""A system for each test: empty topics, a name server, and workers that end with the test; brokers of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.embedded_jars import read_lock
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.nameserver import NameServer
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG
from sidestep.topics.connection import Connection
from tests.guarantees.harness.cluster import Cluster
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import ZONES
from tests.guarantees.harness.workers import wait_for

FAULTY = Path(__file__).parent / "harness" / "kafka-4.3.1.lock"


@pytest.fixture
def system(clean_topics: Connection, tmp_path: Path) -> Iterator[System]:
    """Empty topics, a name server that knows the traffic's domains, no workers yet."""
    yield from _system(clean_topics, tmp_path)


@pytest.fixture
def own_system(own_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[System]:
    """The same, on a broker that this test may kill."""
    _make_topics(own_kafka.connection)
    yield from _system(own_kafka.connection, tmp_path)


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker that this test may kill: the pinned Kafka."""
    with EmbeddedKafka(tmp_path / "kafka", java=quick_start()) as broker:
        yield broker


@pytest.fixture
def faulty_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker that this test may kill: Kafka 4.3.1, which forgets transactions when it is (KAFKA-20734)."""
    with EmbeddedKafka(tmp_path / "kafka-4.3.1", java=quick_start(), lock=read_lock(FAULTY)) as broker:
        yield broker


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes with the catalog's topics, three replicas each."""
    with Cluster(tmp_path / "cluster") as nodes:
        _make_topics(nodes.connection, replication=len(nodes.nodes))
        nodes.await_whole()
        yield nodes


@pytest.fixture
def cluster_system(cluster: Cluster, tmp_path: Path) -> Iterator[System]:
    """A system on these three nodes."""
    yield from _system(cluster.connection, tmp_path)


def _make_topics(connection: Connection, replication: int = 1) -> None:
    """A new topic exists a moment before Kafka tells of it, and of its partitions' leaders."""
    admin.create(connection, replication=replication)
    client = AdminClient(connection.librdkafka(log_level=0))

    def all_led() -> bool:
        known = client.list_topics(timeout=10).topics
        return all(t.name in known and all(p.leader >= 0 for p in known[t.name].partitions.values()) for t in CATALOG)

    wait_for(all_led, 30, "all topics of the catalog have leaders")


def _system(connection: Connection, folder: Path) -> Iterator[System]:
    with NameServer(ZONES) as names:
        made = System(connection, names, folder)
        try:
            yield made
        finally:
            made.close()
