"""What a commit that fails says of the transaction, and what follows; the producer is one that fails on demand."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from sidestep.streams.errors import Fenced, RightsError
from sidestep.streams.runtime import transactions as module
from sidestep.streams.runtime.changes import Changes
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.manifest import Place, Writer
from sidestep.streams.runtime.offsets import Ends, Offsets
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.transactions import Aborted, Transactions
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed, SidestepError

ROWS, WINDOW = Place("rows", 0), Place("window", 0)
WRITER = Writer("id", ROWS, own=(ROWS, WINDOW), shared=())
NOWHERE = Connection("127.0.0.1:1")


def fault(code: int, **traits: bool) -> KafkaException:
    """An error of the client's."""
    return KafkaException(KafkaError(code, "on demand", **traits))


AGAIN = fault(KafkaError._TIMED_OUT, retriable=True)
ROLL_BACK = fault(KafkaError._MSG_TIMED_OUT, txn_requires_abort=True)
FENCED = fault(KafkaError._FENCED, fatal=True)
REFUSED = fault(KafkaError.TOPIC_AUTHORIZATION_FAILED)
ODD = fault(KafkaError.INVALID_TXN_STATE)


class Failing:
    """A producer whose commits, and whose roll-backs, fail with these one after the other, and then succeed."""

    def __init__(self, commits: list[KafkaException], aborts: list[KafkaException]):
        self.commits, self.aborts, self.asked = commits, aborts, 0

    def begin_transaction(self) -> None:
        """Always."""

    def produce(self, *record: Any, **more: Any) -> None:
        """Takes everything."""

    def produce_batch(self, topic: str, records: list[Any], **more: Any) -> int:
        """Takes everything."""
        return len(records)

    def poll(self, timeout: float) -> int:
        """Nothing to tell."""
        return 0

    def commit_transaction(self, timeout: float) -> None:
        """Or the next fault."""
        self.asked += 1
        if self.commits:
            raise self.commits.pop(0)

    def abort_transaction(self, timeout: float) -> None:
        """Or the next fault."""
        if self.aborts:
            raise self.aborts.pop(0)


Make = Callable[..., tuple[Transactions, list[Failing]]]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """make(commits, aborts): transactions, and the producers that take-overs have made."""

    def made(
        *commits: KafkaException, aborts: list[KafkaException] | None = None
    ) -> tuple[Transactions, list[Failing]]:
        producers: list[Failing] = []

        def take_over(*_: Any) -> tuple[Failing, Ended]:
            producers.append(Failing(list(commits) if not producers else [], aborts or []))
            return producers[-1], Ended()

        monkeypatch.setattr(module, "take_over", take_over)
        return Transactions(NOWHERE, WRITER, WINDOW, lambda point: None, Offsets(NOWHERE)), producers

    return made


def write(transactions: Transactions) -> None:
    """A transaction with nothing but its marker record."""
    transactions.write(Outgoing(), Changes(), b"1")


def test_whether_it_was_committed_is_asked_until_it_is_known(make: Make) -> None:
    """An error that passes is no answer of the coordinator's: after its decision the transaction counts."""
    transactions, producers = make(AGAIN, AGAIN)
    write(transactions)
    assert [3] == [producer.asked for producer in producers]
    assert not transactions.settle()


def test_after_a_roll_back_the_partition_is_taken_over_anew(make: Make) -> None:
    """How many records of it Kafka has seen is not known, and the next manifest has to be right."""
    transactions, producers = make(ROLL_BACK)
    with pytest.raises(Aborted, match="on demand"):
        write(transactions)
    assert transactions.settle()
    assert len(producers) == 2
    write(transactions)
    assert not transactions.settle()


@pytest.mark.parametrize("error, expected", [(FENCED, Fenced), (REFUSED, RightsError), (ODD, PublishFailed)])
def test_an_error_that_is_neither_stops_the_worker(
    make: Make, error: KafkaException, expected: type[SidestepError]
) -> None:
    """The next owner finds out what became of it."""
    transactions, _ = make(error)
    with pytest.raises(expected, match="committing rows/0"):
        write(transactions)


def test_a_roll_back_that_fails_stops_the_worker(make: Make) -> None:
    """The same."""
    transactions, _ = make(ROLL_BACK, aborts=[FENCED])
    with pytest.raises(Fenced, match="rolling back rows/0"):
        write(transactions)


def test_offsets_are_asked_for_until_partitions_have_leaders(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not pass is one of our errors at once."""
    codes = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError._NOENT)
    faults = [fault(code) for code in codes]

    def ask(offsets: Offsets, admins: object, places: list[Place], *_: Any) -> dict[Place, int]:
        if faults:
            raise faults.pop(0)
        return dict.fromkeys(places, 7)

    monkeypatch.setattr(Offsets, "_ask_once", ask)
    assert {ROWS: Ends(7, 7)} == Offsets(NOWHERE).ends([ROWS])
    faults.append(REFUSED)
    with pytest.raises(RightsError, match="asking for the offsets of 1 partitions"):
        Offsets(NOWHERE).ends([ROWS])
