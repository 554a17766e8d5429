"""A third stage is one class and one line in the table: here one that counts tallies, beside Decide in one process."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from msgspec import Struct

from sidestep.streams.app import Worker
from sidestep.streams.observe.metrics import Count, Done
from sidestep.streams.roles import ROLES
from sidestep.streams.roles.role import Context
from sidestep.streams.roles.stage_role import StageRole
from sidestep.streams.runtime.kafka import fetched
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.outgoing import Keyed, Outgoing
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Table, Writes
from sidestep.streams.settings import Settings
from sidestep.topics.catalog import DEFAULT_PARTITIONS, TALLIES
from sidestep.topics.connection import Connection

GROUP = "third"


class Row(Struct, array_like=True):
    """How many there were."""

    number: int


COUNTS = Table("counts", b"c", Row)
SERVICES = Count("sidestep_test_services_total", "Records by service.", ("service",))
TOPICS = {"output": "", "rows": "", "window": ""}


class Counting:
    """Counts records by key, and says each new count."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def judge(self, records: list[Record]) -> tuple[Counter[str], float]:
        """One transaction."""
        new = Counter(record.key() or b"" for record in records if record.offset() > self._ledger.marker)
        known, writes = self._ledger.read(COUNTS, new), Writes()
        into = (TOPICS["output"], self._ledger.partition)
        outputs: list[Keyed] = []
        for key, number in new.items():
            row = Row(number + (known[key].number if key in known else 0))
            writes.of(COUNTS)[key] = row
            outputs.append({"key": key, "value": b"%d" % row.number})
        took = self._ledger.commit(Outgoing({into: outputs}), writes, records[-1].offset())
        return Counter({key.decode(): number for key, number in new.items()}), took


class CountRole(StageRole[tuple[Counter[str], float]]):
    """Everything that a stage needs to say of itself."""

    name = "count"
    pace = 0.01

    def __init__(self, context: Context):
        settings = context.settings
        ledger = LedgerSettings(
            connection=settings.connection,
            group=settings.group,
            role=self.name,
            data=settings.data / "ledger",
            rows_changelog=TOPICS["rows"],
            window_changelog=TOPICS["window"],
            own_topics=(TOPICS["output"],),
            shared_topics={},
            window_seconds=3600,
            cache=context.block_cache,
        )
        super().__init__(context, TALLIES.name, ledger, Counting, _measured)
        context.report.metrics.declare(SERVICES)


def _measured(judged: tuple[Counter[str], float]) -> Done:
    counts, took = judged
    return Done(counts.total(), took, took, counts={SERVICES: counts})


def test_a_third_stage_works_beside_decide(
    clean_topics: Connection, make_topic: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly once over a restart; the group and the folder bear its name; health and metrics show it."""
    monkeypatch.setitem(ROLES, "count", f"{__name__}:CountRole")
    made = {name: make_topic(DEFAULT_PARTITIONS) for name in ("output", "window")}
    for name, topic in {**made, "rows": make_topic(DEFAULT_PARTITIONS, cleanup_policy="compact")}.items():
        monkeypatch.setitem(TOPICS, name, topic)
    settings = Settings(
        broker=clean_topics.bootstrap, data_dir=str(tmp_path), group=GROUP, web_port=0, session_timeout=6
    )
    for _ in range(2):
        _publish(clean_topics, {"shop": 100, "news": 50})
        shown = asyncio.run(_work(settings, 150))
        assert 'sidestep_ledger_keys{role="count",table="rows"}' in shown
        assert 'sidestep_partitions_assigned{role="decide"} 4.0' in shown
    assert {b"shop": 200, b"news": 100} == _counts(clean_topics, made["output"])
    assert 300 == _committed(clean_topics, f"{GROUP}-count")
    assert {"count", "decide"} == {folder.name for folder in (tmp_path / "ledger").iterdir()}


async def _work(settings: Settings, records: int) -> str:
    """A worker of both roles, until it is ready and has counted so many; what a scrape showed then."""
    worker = Worker(settings, ["decide", "count"])
    work = asyncio.create_task(worker.run())
    async with asyncio.timeout(60):
        while worker.report.health.readyz()[1]["status"] != "ok" or _counted(worker) < records:
            if work.done():
                work.result()  # what it failed of
            await asyncio.sleep(0.1)
    shown = worker.report.metrics.render()[0].decode()
    worker.stop()
    await work
    return shown


def _counted(worker: Worker) -> float:
    samples = [sample for family in worker.report.metrics.families() for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == SERVICES.name)


def _publish(connection: Connection, services: dict[str, int]) -> None:
    producer = Producer(connection.librdkafka())
    for service, number in services.items():
        for _ in range(number):
            producer.produce(TALLIES.name, b"{}", service)
    assert producer.flush(10) == 0


def _committed(connection: Connection, group: str) -> int:
    """Records that the group has done with."""
    admin = AdminClient(connection.librdkafka())
    done = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(10)
    return sum(position.offset for position in done.topic_partitions if position.offset > 0)


def _counts(connection: Connection, topic: str) -> dict[bytes, int]:
    """The last committed count of each service: one that was counted twice, or lost, shows in it."""
    settings = {"isolation.level": "read_committed", "group.id": "unused", "enable.partition.eof": True}
    consumer = Consumer(connection.librdkafka(**settings))
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(DEFAULT_PARTITIONS)])
    found: dict[bytes, int] = {}
    ended: set[int] = set()
    while len(ended) < DEFAULT_PARTITIONS:
        (record,) = fetched(consumer.consume(1, 30))
        if error := record.error():
            assert error.code() == KafkaError._PARTITION_EOF
            ended.add(record.partition())
        else:
            found[record.key() or b""] = int(record.value() or b"0")
    consumer.close()
    return found
