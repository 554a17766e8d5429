"""A system for each test: empty topics, a name server, and workers that end with the test; brokers of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.embedded_jars import read_lock
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.nameserver import NameServer
from sidestep.topics.connection import Connection
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import ZONES

FAULTY = Path(__file__).parent / "harness" / "kafka-4.3.1.lock"


@pytest.fixture
def system(clean_topics: Connection, tmp_path: Path) -> Iterator[System]:
    """Empty topics, a name server that knows the traffic's domains, no workers yet."""
    with NameServer(ZONES) as names:
        made = System(clean_topics, names, tmp_path)
        try:
            yield made
        finally:
            made.close()


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
