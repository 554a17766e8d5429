"""Take-overs that find a hanging transaction, on a real Kafka: adopted, rolled back, or left alone with an error."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from msgspec import Struct
from rocksdict import Cache

from sidestep.streams.errors import Hanging
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime import takeover
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.manifest import HEADER, MARKER, Manifest, Place, Writer, Wrote
from sidestep.streams.runtime.offsets import Ends, Offsets
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.tables import Table, Writes, pack_pairs
from sidestep.streams.runtime.takeover import take_over
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable
from tests.fixture_types import MakeTopic
from tests.guarantees.harness.records import read
from tests.runtime.raw_transactions import Part, Raw, values, without_verification, write_transaction


class Row(Struct, array_like=True):
    """A number."""

    number: int


PLACE = Place("rows", 0)
WRITER = Writer("id", PLACE, own=(PLACE,), shared=())
NOWHERE = Connection("127.0.0.1:1")
COUNTS = Table("counts", b"c", Row)
SEEN = Table("seen", b"s", Row, windowed=True)


class World:
    """A ledger's topics. Its first transaction is an ordinary one, with marker 1."""

    def __init__(self, connection: Connection, make_topic: MakeTopic, folder: Path):
        self.connection, self.folder = connection, folder
        self.output, self.rows = Place(make_topic(), 0), Place(make_topic(cleanup_policy="compact"), 0)
        self.window, self.shared = Place(make_topic(), 0), Place(make_topic(2), 1)
        self.settings = LedgerSettings(
            connection=connection,
            group=self.output.topic,
            role="count",
            data=folder,
            rows_changelog=self.rows.topic,
            window_changelog=self.window.topic,
            own_topics=(self.output.topic,),
            shared_topics={self.shared.topic: 2},
            window_seconds=3600,
            cache=Cache(1024 * 1024),
        )
        self.opened: list[Ledger] = []
        ledger = self.open()
        self.commit(ledger, 1)
        self.opened.pop().close()

    @property
    def id(self) -> str:
        """The ledger's transactional id."""
        return self.settings.writer(0).transactional_id

    @property
    def places(self) -> tuple[Place, ...]:
        """All that it writes to."""
        return self.output, self.shared, self.window, self.rows

    def open(self) -> Ledger:
        """Taken over and recovered."""
        ledger = Ledger(self.settings, 0, lambda name: None, lambda done, total: None)
        self.opened.append(ledger)
        return ledger

    def commit(self, ledger: Ledger, marker: int) -> None:
        """An ordinary transaction: something in each place."""
        writes = Writes()
        writes.of(COUNTS)[b"n"] = Row(marker)
        writes.of(SEEN)[b"id-%d" % marker] = Row(marker)
        value = [{"key": b"v", "value": b"%d" % marker}]
        ledger.commit(Outgoing({(*self.output,): value[:], (*self.shared,): value[:]}), writes, marker)  # type: ignore[dict-item]

    def records(self, *, marker: bool = True, manifest: bool = True) -> dict[Place, list[Raw]]:
        """What the transaction with marker 2 writes."""
        counts = {self.output: 3, self.shared: 1, self.window: 1, self.rows: 2}
        told = Manifest({place: Wrote(0, count) for place, count in counts.items()}).encode()
        headers = [(HEADER, told)] if manifest else []
        row: Raw = (b"cn", COUNTS.encode(Row(2)), [])
        end: Raw = (MARKER, b"2", headers)
        return {
            self.output: values([b"2"] * 3),
            self.shared: values([b"2"]),
            self.window: values([pack_pairs([(b"sid-2", SEEN.encode(Row(2)))])]),
            self.rows: [row, end] if marker else [row],
        }

    def seen(self, place: Place) -> int:
        """Records of the transaction with marker 2 that readers of a place see."""
        return sum(record.value() == b"2" for record in read(self.connection, place.topic))

    def unsettled(self) -> list[Place]:
        """Where committed records end before the others do."""
        return [place for place, ends in Offsets(self.connection).ends(self.places).items() if ends.stable < ends.high]


@pytest.fixture
def world(kafka: EmbeddedKafka, make_topic: MakeTopic, tmp_path: Path) -> Iterator[World]:
    """Topics of one ledger, on a Kafka that takes what its coordinator was not told of."""
    with without_verification(kafka.connection):
        made = World(kafka.connection, make_topic, tmp_path / "ledger")
        yield made
        for ledger in made.opened:
            ledger.close()


@dataclass(frozen=True)
class Case:
    """How the predecessor's last transaction was left. Places by their names in World."""

    ended: tuple[str, ...]
    """Where its end marker came."""
    commit: bool
    adopted: bool
    missing: tuple[str, ...] = ()
    marker: bool = True


CASES = {
    "hangs everywhere, complete": Case((), True, True),
    "hangs everywhere, without its marker record": Case((), False, False, marker=False),
    "hangs everywhere, a part of the output is missing": Case((), False, False, ("output",)),
    "hangs everywhere, the part in a shared topic is missing": Case((), False, False, ("shared",)),
    "committed in the output": Case(("output",), True, True),
    "committed in a shared topic only": Case(("shared",), True, True),
    "committed in the changelog": Case(("rows",), True, True),
    "committed everywhere but in a shared topic": Case(("rows", "window", "output"), True, True),
    "aborted in the output": Case(("output",), False, False),
    "aborted in a shared topic only": Case(("shared",), False, False),
    "aborted in the changelog": Case(("rows",), False, False),
    "aborted in the changelog, without its marker record": Case(("rows",), False, False, marker=False),
    "aborted everywhere but in a shared topic": Case(("rows", "window", "output"), False, False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hanging_transaction_is_ended_as_it_was_decided(world: World, name: str) -> None:
    """In all places alike, the ledger knows it, nothing is left open, and what follows is an ordinary transaction."""
    case = CASES[name]
    missing = {getattr(world, place) for place in case.missing}
    ended = {getattr(world, place) for place in case.ended}
    written = {place: of for place, of in world.records(marker=case.marker).items() if place not in missing}
    parts = {place: Part(of, place in ended) for place, of in written.items()}
    write_transaction(world.connection, world.id, parts, commit=case.commit)
    assert set(world.unsettled()) == set(written) - ended
    heir = world.open()
    assert heir.marker == (2 if case.adopted else 1)
    assert heir.read(COUNTS, [b"n"]) == {b"n": Row(heir.marker)}
    assert set(heir.read(SEEN, [b"id-1", b"id-2"])) == ({b"id-1", b"id-2"} if case.adopted else {b"id-1"})
    assert (world.seen(world.output), world.seen(world.shared)) == ((3, 1) if case.adopted else (0, 0))
    hung = len(written) - len(ended)
    assert (heir.ended.adopted, heir.ended.rolled_back) == ((hung, 0) if case.adopted else (0, hung))
    assert world.unsettled() == []
    world.commit(heir, heir.marker + 1)


def refused(world: World) -> str:
    """Why the partition can't be taken over; nothing of it was changed."""
    before = Offsets(world.connection).ends(world.places)
    with pytest.raises(Hanging) as error:
        world.open()
    assert Offsets(world.connection).ends(world.places) == before
    assert "find-hanging" in str(error.value)
    return str(error.value)


def test_records_that_contradict_each_other_are_left_alone(world: World) -> None:
    """Committed in one place and not whole in another: something else was at work."""
    parts = {place: Part(of, place == world.output) for place, of in world.records().items() if place != world.window}
    write_transaction(world.connection, world.id, parts, commit=True)
    assert f"committed in {world.output}, but not whole in {world.window}" in refused(world)


def test_a_transaction_of_an_earlier_version_is_left_alone(world: World) -> None:
    """Its marker record does not say what belongs to it."""
    parts = {place: Part(of, place == world.output) for place, of in world.records(manifest=False).items()}
    write_transaction(world.connection, world.id, parts, commit=True)
    assert "marker records do not say" in refused(world)


def test_what_another_id_left_hanging_is_left_alone(world: World) -> None:
    """In a place that only this ledger writes to."""
    write_transaction(world.connection, "somebody", {world.output: Part(values([b"2"]), False)}, commit=False)
    assert "another id" in refused(world)


def test_open_transactions_of_others_in_a_shared_topic_do_not_matter(world: World) -> None:
    """Neither are they touched nor does the partition wait for them."""
    other = Producer(world.connection.librdkafka(**{"transactional.id": "other"}))
    other.init_transactions(30)
    other.begin_transaction()
    other.produce(world.shared.topic, b"2", partition=world.shared.partition)
    assert other.flush(30) == 0
    heir = world.open()
    assert not heir.ended.any
    world.commit(heir, 2)
    other.commit_transaction(30)
    assert world.seen(world.shared) == 2


def test_a_ledger_that_lost_its_connection_looks_again(world: World) -> None:
    """Where its own last transaction hung it is adopted before the next one, and the batch folded anew."""
    ledger = world.open()
    assert not ledger.settle()
    parts = {place: Part(of, place == world.output) for place, of in world.records().items()}
    write_transaction(world.connection, world.id, parts, commit=True)
    ledger._transactions._unsure = True
    assert ledger.settle()
    assert ledger.marker == 2
    assert world.unsettled() == []
    world.commit(ledger, 3)


def test_what_hangs_as_often_as_it_is_ended_is_left_to_an_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rounds, then the partition rests."""
    rounds = iter(range(9))
    monkeypatch.setattr(takeover, "_initialised", lambda *_: object())
    monkeypatch.setattr(takeover, "unsettled", lambda *_: {PLACE: Ends(0, 1)})
    monkeypatch.setattr(takeover, "_end_all", lambda *_: next(rounds) >= 0)
    with pytest.raises(Hanging, match="hang again as often as they are ended"):
        take_over(NOWHERE, WRITER, {})
    assert next(rounds) == takeover.ROUNDS


def test_readers_that_are_held_up_by_nothing_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last stable offset may lag for a while; one that goes on lagging is left to an operator."""
    answers = [Ends(0, 1), Ends(0, 1), Ends(1, 1)]
    offsets = Offsets(NOWHERE)
    monkeypatch.setattr(offsets, "ends", lambda _: {PLACE: answers.pop(0)})
    takeover._await_settled(offsets, WRITER)
    assert answers == []
    answers.append(Ends(0, 1))
    monkeypatch.setattr(takeover, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(Hanging, match="rows/0: the last stable offset stays below the end"):
        takeover._await_settled(offsets, WRITER)


def test_a_kafka_that_goes_away_while_it_is_looked_into_is_said_so() -> None:
    """One of our errors, which says what was being done."""
    with pytest.raises(BrokerUnreachable, match="looking into what hangs of id"):
        takeover._end_all(NOWHERE, WRITER, {PLACE: Ends(0, 1)}, Ended())
