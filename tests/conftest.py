"""What all tests share: one real Kafka for the suite, started when the first test asks for it."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic
from hypothesis import settings
from prometheus_client.core import Metric

from sidestep.streams.local.embedded_config import quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.observe.credentials import read_credentials
from sidestep.streams.observe.disk import read_disk
from sidestep.streams.observe.report import Report
from sidestep.streams.roles import ROLES, load_role
from sidestep.streams.roles.role import Context
from sidestep.streams.settings import Settings
from sidestep.topics import admin
from sidestep.topics.catalog import CATALOG
from sidestep.topics.connection import Connection
from tests.fixture_types import Found, MakeTopic, WaitUntil
from tests.leaks import LogWatch, in_folder

BROKERS = {"kafka", "own_kafka", "faulty_kafka", "cluster", "secure_kafka"}
"""The fixtures that start one."""

# how long one example may take says more of the machine than of us; pytest-timeout ends what hangs
settings.register_profile("sidestep", deadline=None)
settings.load_profile("sidestep")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the broker is marked so: `-m "not broker"` leaves it out."""
    for item in items:
        if not BROKERS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.broker)


_LOG_WATCH = LogWatch()


def pytest_configure() -> None:
    """Hears what is logged in the tests' own process."""
    logging.getLogger().addHandler(_LOG_WATCH)


@pytest.fixture(autouse=True)
def _no_address_is_told(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no address in the logs, scrapes and ledgers that it leaves."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    _LOG_WATCH.taken()
    yield
    found = _LOG_WATCH.taken() + (in_folder(folder) if folder is not None else [])
    assert not found, "addresses in plain form:\n" + "\n".join(found[:20])


def _wait_until(condition: Callable[[], Found | None], seconds: float = 10.0, every: float = 0.02) -> Found:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {getattr(condition, '__name__', condition)}")
        time.sleep(every)
    return found


@pytest.fixture(scope="session")
def wait_until() -> WaitUntil:
    """wait_until(condition, seconds=10): the condition's first true value, or a failed test."""
    return _wait_until


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A running broker; `kafka.connection` for clients. Topics in it belong to single tests, see clean_topics."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), java=quick_start()) as broker:
        yield broker


@pytest.fixture
def clean_topics(kafka: EmbeddedKafka) -> Connection:
    """All topics of the catalog, new and empty; gives the connection to their broker."""
    client = AdminClient(kafka.connection.librdkafka())
    names = [topic.name for topic in CATALOG]
    existing = [name for name in names if name in client.list_topics(timeout=10).topics]
    for future in client.delete_topics(existing, operation_timeout=30).values() if existing else ():
        future.result(30)
    _wait_until(lambda: not set(names) & set(client.list_topics(timeout=10).topics), 20)
    admin.create(kafka.connection)
    _wait_until(lambda: _all_led(client, names), 20)
    return kafka.connection


@pytest.fixture
def make_topic(kafka: EmbeddedKafka) -> MakeTopic:
    """make_topic(partitions=1, **config): the name of a new topic that nobody else uses."""
    client = AdminClient(kafka.connection.librdkafka())

    def make(partitions: int = 1, **config: str) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        client.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result(30)
        _wait_until(lambda: _all_led(client, [name]), 20)
        return name

    return make


@pytest.fixture
def keen_cleaner(kafka: EmbeddedKafka) -> Iterator[None]:
    """Kafka looks for something to compact five times a second, not every quarter of a minute."""
    client = AdminClient(kafka.connection.librdkafka())

    def alter(operation: AlterConfigOpType) -> None:
        entry = ConfigEntry("log.cleaner.backoff.ms", "200", incremental_operation=operation)
        resource = ConfigResource(ConfigResource.Type.BROKER, "1", incremental_configs=[entry])
        client.incremental_alter_configs([resource])[resource].result(30)

    alter(AlterConfigOpType.SET)
    yield
    alter(AlterConfigOpType.DELETE)


@pytest.fixture(scope="session")
def metric_families(tmp_path_factory: pytest.TempPathFactory) -> list[Metric]:
    """Every metric of a worker that plays every role of the table; it is made and not started."""
    return asyncio.run(_metric_families(tmp_path_factory.mktemp("roles")))


async def _metric_families(folder: Path) -> list[Metric]:
    report = Report()
    partitions = {topic.name: topic.partitions for topic in CATALOG}
    settings = Settings(data_dir=str(folder))
    read_credentials(report.metrics, settings)
    read_disk(report.metrics, settings.data)
    context = Context(settings, partitions, report, print, print)
    roles = [load_role(name)(context) for name in ROLES]
    families = report.metrics.families()
    for role in roles:
        await role.close()
    return families


def _all_led(client: AdminClient, names: list[str]) -> bool:
    """A new topic exists a moment before its partitions have leaders."""
    try:
        topics = client.list_topics(timeout=10).topics
    except KafkaException:
        return False
    return all(
        name in topics and topics[name].partitions and all(p.leader >= 0 for p in topics[name].partitions.values())
        for name in names
    )


@pytest.fixture
def logs_as_they_were() -> Iterator[None]:
    """Around a command that sends the logs of its process to its own standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
