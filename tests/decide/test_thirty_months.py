"""Thirty months of a log on a real ledger: rows end after 24, their tombstones are in the changelog, the disk is given
back."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from rocksdict import Cache

from sidestep.schemas.codec import encode
from sidestep.streams.decide.expiry import HOUR_MS, KEPT_SECONDS, PARTS
from sidestep.streams.decide.judge import Judge
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DEDUPLICATION_SECONDS
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.record import Record
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED, TALLIES
from sidestep.topics.connection import Connection
from tests.decide.world import LOG, World
from tests.fixture_types import WaitUntil
from tests.guarantees.harness.records import TopicReader
from tests.kafka_records import delivered

HOURS = 30 * 730
STRANGERS = 3
"""New recipients an hour; nothing happens to them ever after."""
KEPT_HOURS = KEPT_SECONDS // 3600
BATCH = 2000

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(300)]


def thirty_months(world: type[World]) -> Iterator[Record]:
    """The log, record by record."""
    yield delivered(0, encode(world.policy_record()), tp=LOG)
    for hour in range(HOURS):
        for number in range(STRANGERS):
            to = f"u{hour}-{number}@d{hour % 500}.example"
            record = world.intent_record(f"{hour}-{number}", to, at=world.start + hour * HOUR_MS)
            yield delivered(1 + hour * STRANGERS + number, encode(record), tp=LOG)


@pytest.fixture
def settings(clean_topics: Connection, tmp_path: Path) -> LedgerSettings:
    """As the role decide has them."""
    return LedgerSettings(
        connection=clean_topics,
        group="thirty-months",
        role="decide",
        data=tmp_path,
        rows_changelog=LEDGER_CHANGELOG.name,
        window_changelog=IDS_CHANGELOG.name,
        own_topics=(APPROVED.name, REJECTED.name),
        shared_topics={TALLIES.name: TALLIES.partitions, DEAD_LETTERS.name: DEAD_LETTERS.partitions},
        window_seconds=DEDUPLICATION_SECONDS,
        cache=Cache(8 * 1024 * 1024),
    )


def open_ledger(settings: LedgerSettings) -> Ledger:
    """Partition 0, recovered."""
    return Ledger(settings, 0, lambda _: None, lambda done, total: None)


def octets(settings: LedgerSettings) -> int:
    """What the rows take on disk."""
    return sum(path.stat().st_size for path in (settings.folder(0) / "rows").glob("*.sst"))


def changelog(connection: Connection) -> tuple[set[bytes], int]:
    """Keys of recipients that are there according to the changelog, and how many tombstones it has for such keys."""
    there: set[bytes] = set()
    tombstones = 0
    reader = TopicReader(connection, LEDGER_CHANGELOG.name, partition=0)
    for record in reader.everything():
        key = record.key() or b""
        if key.startswith(BOUNCE_HISTORY.prefix):
            if record.value() is None:
                there.discard(key[1:])
                tombstones += 1
            else:
                there.add(key[1:])
    reader.close()
    return there, tombstones


def test_a_ledger_of_thirty_months_holds_twenty_four(
    settings: LedgerSettings, new_world: type[World], wait_until: WaitUntil
) -> None:
    """And what its parts have not been gone through for yet: 43 days' worth at the most."""
    log = thirty_months(new_world)
    sizes: list[int] = []
    held: set[bytes] = set()
    for part in ((KEPT_HOURS + PARTS) * STRANGERS, None):
        ledger = open_ledger(settings)
        judge = Judge(ledger, TALLIES.partitions)
        records = islice(log, part)
        while batch := list(islice(records, BATCH)):
            judge.judge(batch)
        held = {key for key, _ in ledger.rows(BOUNCE_HISTORY)}
        ledger.close()
        sizes.append(octets(settings))
        assert KEPT_HOURS * STRANGERS <= len(held) <= (KEPT_HOURS + PARTS) * STRANGERS
    there, tombstones = changelog(settings.connection)
    assert held == there
    assert HOURS * STRANGERS - len(held) == tombstones > 9 * 365 * 24 * STRANGERS // 24
    print(f"\n{len(held)} of {HOURS * STRANGERS} recipients held, {tombstones} tombstones, octets on disk {sizes}")
    ledger = open_ledger(settings)
    wait_until(lambda: octets(settings) < 1.05 * sizes[0], seconds=30)  # RocksDB compacts behind our back
    ledger.close()
