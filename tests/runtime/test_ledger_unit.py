"""The ledger against a real Kafka and a real RocksDB: state, outputs and progress move together or not at all."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from msgspec import Struct
from rocksdict import Cache

from sidestep.streams.errors import Fenced, LedgerError
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime import transactions
from sidestep.streams.runtime.kafka import fetched
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.outgoing import Batches, Keyed, Outgoing, Single
from sidestep.streams.runtime.store import Store, new_batch
from sidestep.streams.runtime.tables import Table, Writes
from sidestep.topics.errors import PublishFailed, SidestepError
from tests.fixture_types import MakeTopic


class Row(Struct, array_like=True):
    """A number."""

    number: int


COUNTS = Table("counts", b"c", Row)
OTHERS = Table("others", b"o", Row)
SEEN = Table("seen", b"s", Row, windowed=True)


class Place:
    """Topics and folders of one ledger, which may be opened again and again."""

    def __init__(self, kafka: EmbeddedKafka, make_topic: MakeTopic, folder: Path):
        self.kafka, self.folder = kafka, folder
        self.output = make_topic()
        self.rows = make_topic(cleanup_policy="compact")
        self.window = make_topic()
        self.opened: list[Ledger] = []

    def open(
        self, folder: str = "a", failpoint: Callable[[str], None] = lambda name: None, role: str = "count"
    ) -> Ledger:
        """The ledger, recovered; in another folder as if on another machine."""
        settings = LedgerSettings(
            connection=self.kafka.connection,
            group=self.output,
            role=role,
            data=self.folder / folder,
            rows_changelog=self.rows,
            window_changelog=self.window,
            own_topics=(self.output,),
            shared_topics={},
            window_seconds=3600,
            cache=Cache(1024 * 1024),
        )
        ledger = Ledger(settings, 0, failpoint, lambda done, total: None)
        self.opened.append(ledger)
        return ledger

    def commit(self, ledger: Ledger, marker: int, **rows: int) -> None:
        """One batch: a verdict, rows in both kinds of tables, the marker."""
        writes = Writes()
        writes.of(COUNTS).update({name.encode(): Row(number) for name, number in rows.items()})
        writes.of(SEEN).update({b"id-%d" % marker: Row(marker)})
        ledger.commit(Outgoing({(self.output, 0): [{"key": "v", "value": b"%d" % marker}]}), writes, marker)

    def outputs(self) -> list[int]:
        """Markers of the batches whose verdicts can be read."""
        settings = {"isolation.level": "read_committed", "group.id": "unused", "enable.partition.eof": True}
        consumer = Consumer(self.kafka.connection.librdkafka(**settings))
        found: list[int] = []
        try:
            consumer.assign([TopicPartition(self.output, 0, 0)])
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                for record in fetched(consumer.consume(1, 1)):
                    error = record.error()
                    if error is None:
                        found.append(int(record.value() or b"-1"))
                    elif error.code() == KafkaError._PARTITION_EOF:
                        return found
        finally:
            consumer.close()
        pytest.fail("the output does not end")


@pytest.fixture
def place(kafka: EmbeddedKafka, make_topic: MakeTopic, tmp_path: Path) -> Iterator[Place]:
    """New topics, new folders."""
    place = Place(kafka, make_topic, tmp_path)
    yield place
    for ledger in place.opened:
        try:
            ledger.close()
        except Exception:  # noqa: S110, BLE001 - closed by the test already
            pass


def test_a_ledger_that_nobody_else_had_reads_nothing_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken over anew, as with renewed certificates: the ends of its changelogs say that there is nothing."""
    ledger = place.open()
    for marker in range(2):
        ledger._transactions._anew = True
        with monkeypatch.context() as nothing_is_read:
            nothing_is_read.setattr(ledger, "_recover", lambda _: pytest.fail("the changelogs are read"))
            assert not ledger.settle()
        place.commit(ledger, marker, a=marker)
    assert place.outputs() == [0, 1]


class Died(BaseException):
    """The process ends here."""


def _dying_at(point: str) -> Callable[[str], None]:
    def failpoint(name: str) -> None:
        if name == point:
            raise Died

    return failpoint


def test_a_new_ledger_knows_nothing(place: Place) -> None:
    """Not even where to begin."""
    ledger = place.open()
    assert (-1, 0, {}, []) == (ledger.marker, ledger.recovered, ledger.read(COUNTS, [b"a"]), list(ledger.rows(COUNTS)))


def test_what_was_committed_is_read_back(place: Place) -> None:
    """Rows of both kinds, in the batch's own tables; offset 0 is an offset."""
    ledger = place.open()
    place.commit(ledger, 0, a=1, b=2)
    assert {b"a": Row(1), b"b": Row(2)} == ledger.read(COUNTS, [b"a", b"b", b"c"])
    assert {b"id-0": Row(0)} == ledger.read(SEEN, [b"id-0", b"id-1"])
    assert ({}, 0) == (ledger.read(OTHERS, [b"a"]), ledger.marker)
    assert [0] == place.outputs()


@pytest.mark.parametrize("folder", ["a", "b"])
def test_a_clean_restart_goes_on_where_it_was(place: Place, folder: str) -> None:
    """On the same folder nothing has to be read again; on an empty one everything is."""
    ledger = place.open()
    for marker in range(5):
        place.commit(ledger, marker, a=marker, **{f"k{marker}": 1})
    ledger.close()
    again = place.open(folder)
    assert 4 == again.marker
    assert Row(4) == again.read(COUNTS, [b"a"])[b"a"]
    assert {b"id-0", b"id-4"} == again.read(SEEN, [b"id-0", b"id-4"]).keys()
    assert (0 if folder == "a" else 5 * 3 + 5) == again.recovered


POINTS = ("before-transaction", "inside-transaction", "before-commit", "after-commit", "after-local")


@pytest.mark.parametrize("point", POINTS)
def test_wherever_it_dies_the_next_owner_finds_all_or_nothing(place: Place, point: str) -> None:
    """Verdict, rows and marker agree, on the same folder and on an empty one; the batch is judged once more or not."""
    place.commit(place.open(), 7, a=7)
    place.opened[-1].close()
    dying = place.open(failpoint=_dying_at(point))
    with pytest.raises(Died):
        place.commit(dying, 8, a=8)
    dying.close()
    done = point in ("after-commit", "after-local")
    for folder in ("a", "b"):
        again = place.open(folder)
        assert (8 if done else 7) == again.marker == again.read(COUNTS, [b"a"])[b"a"].number
        assert done == (b"id-8" in again.read(SEEN, [b"id-8"]))
        again.close()
    assert ([7, 8] if done else [7]) == place.outputs()


def test_an_old_copy_of_the_folder_is_brought_up_to_date(place: Place) -> None:
    """Restored from last night's backup."""
    ledger = place.open()
    place.commit(ledger, 0, a=0)
    ledger.close()
    shutil.copytree(place.folder / "a", place.folder / "old")
    ledger = place.open()
    for marker in (1, 2):
        place.commit(ledger, marker, a=marker)
    ledger.close()
    old = place.open("old")
    assert (2, Row(2)) == (old.marker, old.read(COUNTS, [b"a"])[b"a"])
    assert 2 * 3 == old.recovered, "of each batch a row, the marker and the record of the window"


def test_a_new_owner_fences_the_old_one(place: Place) -> None:
    """Whoever was taken over from can commit nothing any more, and is told so."""
    old = place.open("a")
    place.commit(old, 0, a=0)
    new = place.open("b")
    with pytest.raises(Fenced):
        place.commit(old, 1, a=100)
    place.commit(new, 1, a=1)
    assert [0, 1] == place.outputs()
    assert Row(1) == new.read(COUNTS, [b"a"])[b"a"]


def test_ledgers_of_two_roles_live_side_by_side(place: Place, make_topic: MakeTopic) -> None:
    """In one group, on one partition number, in one data folder: neither fences the other nor sees its rows."""
    first = place.open(role="count")
    place.rows, place.window = make_topic(cleanup_policy="compact"), make_topic()
    second = place.open(role="sum")
    place.commit(first, 0, a=1)
    place.commit(second, 0, b=2)
    place.commit(first, 1, a=3)
    assert [0, 0, 1] == place.outputs()
    assert {b"a": Row(3)} == first.read(COUNTS, [b"a", b"b"])
    assert {b"b": Row(2)} == second.read(COUNTS, [b"a", b"b"])


def test_a_folder_of_another_cluster_is_refused(place: Place, make_topic: MakeTopic) -> None:
    """It has applied more than its changelog holds: two histories must not be mixed."""
    ledger = place.open()
    for marker in range(3):
        place.commit(ledger, marker, a=marker)
    ledger.close()
    place.rows = make_topic(cleanup_policy="compact")
    with pytest.raises(LedgerError, match="belongs to another cluster"):
        place.open()


def test_a_record_that_kafka_does_not_take_undoes_the_batch(place: Place) -> None:
    """Nothing of it can be read, nothing is in the store."""
    ledger = place.open()
    writes = Writes()
    writes.of(COUNTS)[b"a"] = Row(1)
    with pytest.raises(SidestepError) as raised:
        ledger.commit(Outgoing({(place.output, 0): [{"key": "v", "value": bytes(9_000_000)}]}), writes, 0)
    assert isinstance(raised.value, PublishFailed)
    assert (-1, {}) == (ledger.marker, ledger.read(COUNTS, [b"a"]))
    ledger.close()
    assert -1 == place.open("b").marker
    assert [] == place.outputs()


def test_records_with_headers_go_out_too(place: Place) -> None:
    """Dead letters have some; they share the transaction."""
    ledger = place.open()
    letter: Single = {
        "topic": place.output,
        "partition": 0,
        "key": b"k",
        "value": b"5",
        "headers": [("reason", b"x")],
    }
    ledger.commit(Outgoing(singles=[letter]), Writes(), 0)
    assert [5] == place.outputs()


def test_a_batch_that_writes_nothing_still_moves_the_marker(place: Place) -> None:
    """Known ids only."""
    ledger = place.open()
    ledger.commit(Outgoing(), Writes(), 41)
    ledger.close()
    assert 41 == place.open("b").marker


def test_a_tables_rows_are_read_in_key_order_and_no_others(place: Place) -> None:
    """Neighbouring prefixes and the ledger's own keys are not among them."""
    ledger = place.open()
    writes = Writes()
    writes.of(COUNTS).update({b"b": Row(2), b"a": Row(1), b"": Row(0), b"\xff": Row(3)})
    writes.of(OTHERS)[b"x"] = Row(9)
    ledger.commit(Outgoing(), writes, 0)
    assert [(b"", Row(0)), (b"a", Row(1)), (b"b", Row(2)), (b"\xff", Row(3))] == list(ledger.rows(COUNTS))
    assert [(b"x", Row(9))] == list(ledger.rows(OTHERS))


def test_a_store_that_is_in_use_says_what_to_do(tmp_path: Path) -> None:
    """RocksDB locks its folder; two workers in one folder are a mistake in a setting."""
    store = Store(tmp_path / "db", Cache(1024 * 1024))
    with pytest.raises(LedgerError, match="give this one its own data folder"):
        Store(tmp_path / "db", Cache(1024 * 1024))
    store.close()


def test_a_store_reads_what_it_wrote(tmp_path: Path) -> None:
    """Many keys in their order, prefixes, and after it was closed."""
    store = Store(tmp_path / "db", Cache(1024 * 1024))
    batch = new_batch()
    for key in (b"ab", b"a", b"b", b"\0x"):
        batch.put(key, b"=" + key)
    store.write(batch)
    assert [b"=b", None, b"=a"] == store.get_many([b"b", b"c", b"a"])
    assert [] == store.get_many([])
    store.close()
    store = Store(tmp_path / "db", Cache(1024 * 1024))
    assert [(b"a", b"=a"), (b"ab", b"=ab")] == list(store.items(b"a"))
    assert ([], b"=\0x") == (list(store.items(b"c")), store.get(b"\0x"))
    store.close()


@pytest.mark.parametrize("ttl_seconds", [None, 60])
def test_a_store_that_is_opened_again_is_set_up_as_it_is_now(tmp_path: Path, ttl_seconds: int | None) -> None:
    """Not as its folder says that it once was: else it has a cache of its own and no filters, and all ledgers together
    are bounded by nothing."""
    for octets in (1024 * 1024, 2 * 1024 * 1024):
        store = Store(tmp_path / "db", Cache(octets), ttl_seconds)
        assert octets == store._db.property_int_value("rocksdb.block-cache-capacity")
        store.close()


@pytest.mark.parametrize("folder", ["a", "b"])
def test_a_row_that_is_gone_is_gone_everywhere(place: Place, folder: str) -> None:
    """From the store, and by a tombstone from the changelog, whoever recovers from it."""
    ledger = place.open()
    place.commit(ledger, 0, a=1, b=2)
    writes = Writes()
    writes.of(COUNTS)[b"a"] = None
    ledger.commit(Outgoing(), writes, 1)
    assert {b"b": Row(2)} == ledger.read(COUNTS, [b"a", b"b"])
    ledger.close()
    assert {b"b": Row(2)} == place.open(folder).read(COUNTS, [b"a", b"b"])


def test_outputs_go_to_the_partition_that_they_name(place: Place, make_topic: MakeTopic) -> None:
    """Any partition of any topic, in the one transaction."""
    wide = make_topic(partitions=3)
    ledger = place.open()
    records: Batches = {(wide, number): [{"key": "k", "value": b"%d" % number}] for number in (0, 2)}
    ledger.commit(Outgoing(records), Writes(), 0)
    consumer = Consumer({"bootstrap.servers": place.kafka.address, "group.id": "unused"})
    try:
        consumer.assign([TopicPartition(wide, number, 0) for number in range(3)])
        found = [message for _ in range(2) if (message := consumer.poll(10)) is not None]
        assert {(0, b"0"), (2, b"2")} == {(message.partition(), message.value()) for message in found}
    finally:
        consumer.close()


def test_a_transaction_that_is_larger_than_the_queue_is_committed_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as large: outputs and rows in their order, and nothing is on its way afterwards."""
    monkeypatch.setitem(transactions._SETTINGS, "queue.buffering.max.kbytes", 64)
    ledger = place.open()
    writes = Writes()
    writes.of(COUNTS).update({b"%04d" % number + bytes(200): Row(number) for number in range(1_000)})
    verdicts: list[Keyed] = [{"key": "v" * (number % 7 * 100), "value": b"%d" % number} for number in range(1_000)]
    ledger.commit(Outgoing({(place.output, 0): verdicts}), writes, 7)
    assert list(range(1_000)) == place.outputs()
    assert 0 == ledger.on_its_way
    ledger.close()
    again = place.open("b")
    assert 7 == again.marker
    assert list(range(1_000)) == [row.number for _, row in again.rows(COUNTS)]
