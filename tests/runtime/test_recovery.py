"""Changelogs in every state that Kafka can bring them into: recovery ends, and gives the rows that count."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from rocksdict import Cache, WriteBatch

from sidestep.streams.errors import LedgerError
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime.changelog_ends import TOMBSTONE_SECONDS, begins_anew, first_offset
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.recovery import POSITION, recover
from sidestep.streams.runtime.store import Store
from tests.fixture_types import MakeTopic, WaitUntil

Rows = dict[bytes, bytes]


def put(batch: WriteBatch, records: Sequence[Record]) -> None:
    """Rows, or their ends."""
    for record in records:
        key, value = record.key(), record.value()
        assert key is not None
        batch.delete(key) if value is None else batch.put(key, value)


class Changelog:
    """One partition of a changelog, written by hand."""

    def __init__(self, kafka: EmbeddedKafka, topic: str, folder: Path):
        self.kafka, self.topic, self._folder = kafka, topic, folder
        self._admin = AdminClient(kafka.connection.librdkafka())
        self._producer = Producer(kafka.connection.librdkafka(**{"transactional.id": topic}))
        self._producer.init_transactions(30)

    def write_long_ago(self, *records: tuple[bytes, bytes | None]) -> None:
        """Records that Kafka takes for older than tombstones last; without a transaction, whose end would be of now."""
        producer = Producer(self.kafka.connection.librdkafka())
        stamp = int((time.time() - TOMBSTONE_SECONDS - 60) * 1000)
        for key, value in records:
            producer.produce(self.topic, value, key, 0, timestamp=stamp)
        assert producer.flush(30) == 0

    def write(self, *records: tuple[bytes, bytes | None], commit: bool = True) -> None:
        """One transaction."""
        self._producer.begin_transaction()
        for key, value in records:
            self._producer.produce(self.topic, value, key, 0)
        self._producer.flush(30)
        self._producer.commit_transaction(30) if commit else self._producer.abort_transaction(30)

    def recovered(self, name: str = "a", *, compacted: bool = True) -> Rows:
        """The rows in a folder after recovery."""
        store = Store(self._folder / name / "rows", Cache(1024 * 1024))
        try:
            recover(self.kafka.connection, self.topic, 0, store, put, lambda done, total: None, compacted=compacted)
            return {key: value for key, value in store.items(b"") if key != POSITION}
        finally:
            store.close()

    def delete_all(self) -> None:
        """As `kafka-delete-records` does; Kafka allows it where the topic is not, or no more, only compacted."""
        entry = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource(ConfigResource.Type.TOPIC, self.topic, incremental_configs=[entry])
        self._admin.incremental_alter_configs([topic])[topic].result(30)
        [gone] = self._admin.delete_records([TopicPartition(self.topic, 0, -1)]).values()
        gone.result(30)

    def offsets(self) -> list[int]:
        """Of the records that are left."""
        settings = {"group.id": "unused", "enable.partition.eof": True, "isolation.level": "read_committed"}
        consumer = Consumer(self.kafka.connection.librdkafka(**settings))
        found: list[int] = []
        try:
            consumer.assign([TopicPartition(self.topic, 0, OFFSET_BEGINNING)])
            while (message := consumer.poll(10)) is not None and message.error() is None:
                offset = message.offset()
                assert offset is not None
                found.append(offset)
            return found
        finally:
            consumer.close()


@pytest.fixture
def changelog(kafka: EmbeddedKafka, make_topic: MakeTopic, tmp_path: Path) -> Changelog:
    """An empty one, compacted as soon as Kafka looks at it, which keeps tombstones for no time at all."""
    topic = make_topic(
        cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.0001", delete_retention_ms="0"
    )
    return Changelog(kafka, topic, tmp_path)


def compacted(changelog: Changelog, wait_until: WaitUntil, left: Callable[[list[int]], bool]) -> None:
    """Write what is not a row until the cleaner has been at what lies before it."""

    def cleaned() -> bool:
        changelog.write((b"\0marker", b"1"))
        return left(changelog.offsets())

    wait_until(cleaned, 60, 0.3)


def test_a_tombstone_at_the_tail_is_no_obstacle(changelog: Changelog) -> None:
    """Nor the transaction's end behind it, nor a transaction that was rolled back."""
    changelog.write((b"a", b"1"), (b"b", b"2"))
    changelog.write((b"a", None))
    assert {b"b": b"2"} == changelog.recovered()
    changelog.write((b"b", b"9"), commit=False)
    assert {b"b": b"2"} == changelog.recovered() == changelog.recovered("empty")


@pytest.mark.usefixtures("keen_cleaner")
def test_a_compacted_changelog_gives_the_same_rows(changelog: Changelog, wait_until: WaitUntil) -> None:
    """To an empty folder, to one that was closed before, and to one from long ago whose tombstones are gone.

    Without more the last of these would keep a row that has ended: the second's open tally would come out twice.
    """
    changelog.write_long_ago((b"ended", b"1"), (b"kept", b"1"))
    assert {b"ended": b"1", b"kept": b"1"} == changelog.recovered("long ago")
    changelog.write_long_ago((b"ended", None), (b"kept", b"2"))
    young = changelog.recovered("closed")
    last = changelog.offsets()[-1]
    compacted(changelog, wait_until, lambda left: all(offset > last - 1 for offset in left) and len(left) < 20)
    rows = {b"kept": b"2", b"\0marker": b"1"}
    assert {b"kept": b"2"} == young
    assert [rows, rows, rows] == [changelog.recovered(name) for name in ("empty", "closed", "long ago")]


@pytest.mark.usefixtures("keen_cleaner")
def test_a_changelog_that_compaction_has_emptied_ends_at_once(changelog: Changelog, wait_until: WaitUntil) -> None:
    """Every key has ended, and so have the tombstones: there are offsets and no records."""
    changelog.write((b"a", b"1"), (b"b", b"2"))
    old = changelog.recovered("old")
    changelog.write((b"a", None), (b"b", None))

    def emptied() -> bool:
        changelog.write((b"\0marker", None))
        return not [offset for offset in changelog.offsets()[:-1] if offset < 6]

    wait_until(emptied, 60, 0.3)
    assert {b"a": b"1", b"b": b"2"} == old
    assert [{}, {}] == [changelog.recovered(name) for name in ("empty", "another")]
    assert {} == changelog.recovered("empty"), "and again, with nothing to read"


def test_a_changelog_whose_records_were_deleted_is_enough_for_whoever_has_them(changelog: Changelog) -> None:
    """A ledger on disk that has all of it goes on; an empty or an older one must not judge with half a memory."""
    changelog.write((b"a", b"1"))
    changelog.recovered("older")
    changelog.write((b"b", b"2"))
    changelog.recovered("whole")
    changelog.delete_all()
    assert {b"a": b"1", b"b": b"2"} == changelog.recovered("whole")
    for name in ("older", "empty"):
        with pytest.raises(LedgerError, match="records before 4 were deleted from the changelog"):
            changelog.recovered(name)
    assert {} == changelog.recovered("kept by time", compacted=False)
    changelog.write((b"c", b"3"))
    assert {b"a": b"1", b"b": b"2", b"c": b"3"} == changelog.recovered("whole")


@pytest.mark.parametrize(
    ("applied", "low", "high", "start"),
    [(-1, 0, 0, 0), (-1, 0, 9, 0), (7, 0, 9, 8), (7, 9, 9, 9), (8, 0, 9, 9)],
    ids=["new", "all", "up to date", "deleted up to the end of its transaction", "no transactions"],
)
def test_where_reading_begins(applied: int, low: int, high: int, start: int) -> None:
    """Nothing is missing in any of these."""
    assert start == first_offset("t/0", applied, low, high, compacted=True)


@pytest.mark.parametrize(("applied", "low", "high"), [(9, 0, 9), (-1, 1, 9), (6, 9, 9)])
def test_where_something_is_missing_it_says_so(applied: int, low: int, high: int) -> None:
    """Behind the end, or between what is on disk and what is left."""
    with pytest.raises(LedgerError, match="t/0"):
        first_offset("t/0", applied, low, high, compacted=True)


@pytest.mark.parametrize(
    ("start", "recent", "anew"),
    [(0, -1, False), (8, -1, False), (5, -1, True), (5, 6, True), (5, 5, False), (5, 0, False)],
)
def test_how_old_is_too_old(start: int, recent: int, anew: bool) -> None:
    """Something follows, and what follows at once is older than tombstones last."""
    assert anew == begins_anew(start - 1, start, recent, 9)
