"""Thirty months of a log on a real ledger: rows end after 24, those of a flood of made-up names after 100 days, their
tombstones are in the changelog, the disk is given back."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Cache

from sidestep.schemas import Evidence, TickRecord
from sidestep.schemas.codec import encode
from sidestep.streams.decide.expiry import HOUR_MS, KEPT_SECONDS, NAMED_SECONDS, PARTS
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.streams.decide.judge import Judge
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, SERVICES, SOURCES
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Table
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
DAY_MS = 86_400_000
JUNK = 10_000
HONEST = 50
AGING: tuple[Table[Any], ...] = (BOUNCE_HISTORY, DOMAIN_RATES, SERVICES, SOURCES)

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
    """Keys of rows that end, with their tables' prefixes, that are there according to the changelog; and how many
    tombstones it has for such keys."""
    there: set[bytes] = set()
    tombstones = 0
    reader = TopicReader(connection, LEDGER_CHANGELOG.name, partition=0)
    for record in reader.everything():
        key = record.key() or b""
        if key.startswith(tuple(table.prefix for table in AGING)):
            if record.value() is None:
                there.discard(key)
                tombstones += 1
            else:
                there.add(key)
    reader.close()
    return there, tombstones


def held(ledger: Ledger) -> set[bytes]:
    """Keys of rows that end, likewise."""
    found: set[bytes] = set()
    for table in AGING:
        found.update(table.prefix + key for key, _ in ledger.rows(table))
    return found


def judged(ledger: Ledger, records: Iterator[Record]) -> None:
    """All of them, batch by batch."""
    judge = Judge(ledger, TALLIES.partitions)
    while batch := list(islice(records, BATCH)):
        judge.judge(batch)


def test_a_ledger_of_thirty_months_holds_twenty_four(
    settings: LedgerSettings, new_world: type[World], wait_until: WaitUntil
) -> None:
    """And what its parts have not been gone through for yet: 43 days' worth at the most."""
    log = thirty_months(new_world)
    sizes: list[int] = []
    rows: set[bytes] = set()
    recipients = 0
    for part in ((KEPT_HOURS + PARTS) * STRANGERS, None):
        ledger = open_ledger(settings)
        judged(ledger, islice(log, part))
        rows = held(ledger)
        ledger.close()
        sizes.append(octets(settings))
        recipients = sum(key.startswith(BOUNCE_HISTORY.prefix) for key in rows)
        assert KEPT_HOURS * STRANGERS <= recipients <= (KEPT_HOURS + PARTS) * STRANGERS
    there, tombstones = changelog(settings.connection)
    assert rows == there
    assert HOURS * STRANGERS - recipients == tombstones > 9 * 365 * 24 * STRANGERS // 24
    print(f"\n{recipients} of {HOURS * STRANGERS} recipients held, {tombstones} tombstones, octets on disk {sizes}")
    ledger = open_ledger(settings)
    wait_until(lambda: octets(settings) < 1.05 * sizes[0], seconds=30)  # RocksDB compacts behind our back
    ledger.close()


def flood(world: type[World]) -> Iterator[Record]:
    """A few that are mailed, made-up names, and then nothing but days."""
    values: list[Evidence] = [world.policy_record(world.policy_text(domain="1/h"))]
    for number in range(HONEST):
        values.append(world.intent_record(f"honest-{number}", f"tom@known{number}.example", source="form"))
    for number in range(JUNK):
        # half of them there isn't, the others find the limit of a busy domain used up
        domain, mx = ("known0.example", "yes") if number % 2 else (f"d{number}.example", "no")
        to, service = f"u{number}@{domain}", f"made-up-{number}"
        at = world.start + number // 20
        values.append(world.intent_record(f"junk-{number}", to, service, mx, source=f"s{number}", at=at))
    begin = NAMED_SECONDS * 1000 // DAY_MS
    values += [TickRecord(at=world.start + day * DAY_MS) for day in range(begin, begin + PARTS // 24 + 2)]
    return (delivered(offset, encode(value), tp=LOG) for offset, value in enumerate(values))


def test_a_flood_of_made_up_names_is_gone_in_the_end(
    settings: LedgerSettings, new_world: type[World], wait_until: WaitUntil
) -> None:
    """From the ledger, from what its changelog comes to, and from the disk; whoever was mailed is known."""
    log = flood(new_world)
    rows: list[set[bytes]] = []
    sizes: list[int] = []
    for part in (1 + HONEST, JUNK, None):
        ledger = open_ledger(settings)
        judged(ledger, islice(log, part))
        rows.append(held(ledger))
        ledger.close()
        sizes.append(octets(settings))
    honest, flooded, left = rows
    assert len(flooded) >= len(honest) + 4 * JUNK
    assert honest == left
    there, tombstones = changelog(settings.connection)
    assert (honest, len(flooded - honest)) == (there, tombstones)
    print(f"\n{len(flooded):,} rows, then {len(left):,}; octets on disk {sizes}")
    ledger = open_ledger(settings)
    wait_until(lambda: octets(settings) < sizes[1] // 4, seconds=60)  # RocksDB compacts behind our back
    ledger.close()
