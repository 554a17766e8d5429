"""Changelogs that compaction has been at, or that somebody has emptied: the same ledgers, or an error that says so."""

import shutil
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.record import Record
from sidestep.topics.catalog import LEDGER_CHANGELOG
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def configure(client: AdminClient, **config: str) -> None:
    """Settings of the ledger's changelog, with underscores for dots."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in config.items()
    ]
    topic = ConfigResource(ConfigResource.Type.TOPIC, LEDGER_CHANGELOG.name, incremental_configs=entries)
    client.incremental_alter_configs([topic])[topic].result(30)


def delete_all(client: AdminClient, partitions: int) -> None:
    """Take every record from the ledger's changelog."""
    configure(client, cleanup_policy="delete")
    gone = [TopicPartition(LEDGER_CHANGELOG.name, number, -1) for number in range(partitions)]
    for future in client.delete_records(gone).values():
        future.result(30)


def markers(system: System) -> list[Record]:
    """What is left of the record with which each transaction ends."""
    return [record for record in read(system.connection, LEDGER_CHANGELOG.name) if record.key() == MARKER]


def judged(system: System, traffic: Traffic, data: Path, label: str) -> Path:
    """Traffic of all kinds, judged to the log's end by workers that then leave; Decide's data folder."""
    screen, decide = system.start("screen").await_ready(), system.start("decide", data).await_ready()
    system.feed.send(traffic.some(400, label))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 40)
    assert screen.leave() == 0
    decide.await_nothing_waits()
    assert decide.leave() == 0, decide.said[-2000:]
    return data


@pytest.mark.usefixtures("keen_cleaner")
def test_a_changelog_that_was_compacted_and_then_emptied(system: System) -> None:
    """Compacted: an empty folder and an old copy recover to the same ledger. Emptied: a folder that has everything goes
    on, one that has not stops its worker and says what to do."""
    traffic = Traffic(seed=22)
    client = AdminClient(system.connection.librdkafka())
    configure(client, segment_ms="50", min_cleanable_dirty_ratio="0.0001", delete_retention_ms="0")
    whole = judged(system, traffic, system.folder / "whole", "first")
    old = Path(shutil.copytree(whole, system.folder / "old"))
    older = Path(shutil.copytree(whole, system.folder / "older"))
    judged(system, traffic, whole, "second")
    partitions = len(list((whole / "ledger" / "decide").iterdir()))
    # each transaction has one: those before the last two or three are gone when the cleaner has been there
    wait_for(lambda: len(markers(system)) <= 3 * partitions, 40, "compaction", every=0.5)
    for folder in (old, system.folder / "empty"):
        assert system.start("decide", folder).await_ready().leave() == 0
        assert_guarantees(system.connection, traffic.expected, system.feed.origins, [folder])

    delete_all(client, partitions)
    refused = system.start("decide", older)
    assert refused.ended(40) == 3
    assert "LedgerError" in refused.said and "were deleted from the changelog" in refused.said
    judged(system, traffic, whole, "emptied")
    assert system.verdicts.repeated() == []
