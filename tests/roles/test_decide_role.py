"""The role decide takes partitions over from workers from before 0.1.0, whose ids and folders did not name the role."""

import asyncio
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from rocksdict import Cache

from sidestep.streams.observe.report import Report
from sidestep.streams.roles.decide import DecideRole
from sidestep.streams.roles.role import Context
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.store import Store, new_batch
from sidestep.streams.settings import Settings
from sidestep.topics.catalog import APPROVED, CATALOG, EVIDENCE, LEDGER_CHANGELOG
from sidestep.topics.connection import Connection

GROUP = "upgraded"


def _frozen_worker_of_old(connection: Connection, partition: int) -> Producer:
    """A batch committed, the next one under way: its verdict and marker are in Kafka, its commit is not."""
    settings = {"transactional.id": f"{GROUP}-{partition}"}
    producer = Producer(connection.librdkafka(**settings))
    producer.init_transactions(30)
    for marker in (b"7", b"8"):
        producer.begin_transaction()
        producer.produce(APPROVED.name, b"verdict " + marker, partition=partition)
        producer.produce(LEDGER_CHANGELOG.name, marker, MARKER, partition)
        producer.flush(10)
        if marker == b"7":
            producer.commit_transaction(30)
    return producer


def _folder_of_old(path: Path) -> None:
    for name in ("rows", "window"):
        store = Store(path / name, Cache(1024 * 1024), 3600 if name == "window" else None)
        batch = new_batch()
        batch.put(b"known", b"since long ago")
        store.write(batch)
        store.close()


async def _open(connection: Connection, data: Path, partition: int) -> int | None:
    settings = Settings(broker=str(connection), group=GROUP, data_dir=str(data))
    partitions = {topic.name: topic.partitions for topic in CATALOG}
    role = DecideRole(Context(settings, partitions, Report(), print, print))
    began = await role.open_partition(Partition(EVIDENCE.name, partition))
    await role.close()
    return began


def test_a_worker_of_old_that_only_seems_gone_can_commit_nothing_any_more(
    clean_topics: Connection, tmp_path: Path
) -> None:
    """Its heir begins behind what it has committed, on its folder; what it had under way is judged by the heir."""
    old = _frozen_worker_of_old(clean_topics, 2)
    _folder_of_old(tmp_path / "ledger" / "2")
    assert 8 == asyncio.run(_open(clean_topics, tmp_path, 2))
    with pytest.raises(KafkaException):
        old.commit_transaction(30)
    assert 8 == asyncio.run(_open(clean_topics, tmp_path, 2))
    assert ["decide"] == [folder.name for folder in (tmp_path / "ledger").iterdir()]
    kept = Store(tmp_path / "ledger" / "decide" / "2" / "rows", Cache(1024 * 1024))
    assert (b"since long ago", b"7") == (kept.get(b"known"), kept.get(MARKER))
    kept.close()
