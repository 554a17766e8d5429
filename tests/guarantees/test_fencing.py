"""Two owners of a partition: the older one can publish nothing any more, and ends."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from rocksdict import Cache

from sidestep.streams.decide.partition_rows import ClockRow
from sidestep.streams.decide.tables import CLOCK
from sidestep.streams.errors import Fenced
from sidestep.streams.observe.report import Report
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.ledger import Ledger, LedgerSettings
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.recovery import Progress
from sidestep.streams.runtime.stage import Stage
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.topics.catalog import APPROVED, IDS_CHANGELOG, LEDGER_CHANGELOG
from sidestep.topics.connection import Connection
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import SESSION_SECONDS, wait_for

FENCED = 3


def ledger(
    connection: Connection,
    folder: Path,
    progress: Progress = lambda *_: None,
    failpoint: Callable[[str], None] = lambda _: None,
) -> Ledger:
    """Partition 0's, as a worker opens it."""
    settings = LedgerSettings(
        connection=connection, group=folder.parent.name, role="decide", data=folder,
        rows_changelog=LEDGER_CHANGELOG.name,
        window_changelog=IDS_CHANGELOG.name, own_topics=(APPROVED.name,), shared_topics={},
        window_seconds=86_400, cache=Cache(8 * 1024 * 1024),
    )  # fmt: skip
    return Ledger(settings, 0, failpoint, progress)


def output(value: bytes) -> Outgoing:
    """One record for email-approved."""
    return Outgoing({(APPROVED.name, 0): [{"key": b"k", "value": value}]})


def test_a_ledger_that_was_taken_over_can_commit_nothing(clean_topics: Connection, tmp_path: Path) -> None:
    """Neither its output nor its rows become visible, and the error says that another worker has taken over."""
    older = ledger(clean_topics, tmp_path / "older")
    older.commit(output(b"1"), Writes(), 0)
    newer = ledger(clean_topics, tmp_path / "newer")
    assert newer.marker == 0
    writes = Writes()
    writes.of(CLOCK)[b"clock"] = ClockRow(99)
    with pytest.raises(Fenced, match="another worker has taken over"):
        older.commit(output(b"2"), writes, 1)
    newer.commit(output(b"3"), Writes(), 1)
    assert older.read(CLOCK, [b"clock"]) == {}
    assert newer.read(CLOCK, [b"clock"]) == {}
    assert [message.value() for message in read(clean_topics, APPROVED.name)] == [b"1", b"3"]
    older.close()
    newer.close()


@pytest.mark.parametrize("rows", [{b"clock": ClockRow(99)}, {}], ids=["a-batch", "a-record"])
def test_a_ledger_that_learns_of_its_heir_inside_a_transaction(
    clean_topics: Connection, tmp_path: Path, rows: dict[bytes, ClockRow | None]
) -> None:
    """Kafka refuses the first records before the next ones are handed over, which librdkafka then takes no more."""

    def refused(name: str) -> None:
        if name == "inside-transaction" and older.marker == 0:
            wait_for(lambda: not sound(older), 20, "its producer learns of it")

    older = ledger(clean_topics, tmp_path / "older", failpoint=refused)
    older.commit(output(b"1"), Writes(), 0)
    newer = ledger(clean_topics, tmp_path / "newer")
    writes = Writes()
    writes.of(CLOCK).update(rows)
    with pytest.raises(Fenced, match="another worker has taken over"):
        older.commit(output(b"2"), writes, 1)
    assert [message.value() for message in read(clean_topics, APPROVED.name)] == [b"1"]
    older.close()
    newer.close()


def test_a_ledger_that_learns_of_its_heir_between_two_transactions(clean_topics: Connection, tmp_path: Path) -> None:
    """What its producer is told while nothing is written is the same error."""
    older = ledger(clean_topics, tmp_path / "older")
    newer = ledger(clean_topics, tmp_path / "newer")
    older._transactions._producer.begin_transaction()
    older._transactions._producer.produce(APPROVED.name, b"2", b"k", 0)

    def settled() -> bool:
        older.settle()
        return False

    with pytest.raises(Fenced, match="another worker has taken over"):
        wait_for(settled, 20, "it learns of it")
    older.close()
    newer.close()


def sound(opened: Ledger) -> bool:
    """Whether its producer has not been told of an error that ends it."""
    try:
        opened._transactions._producer.poll(0)
    except KafkaException:
        return False
    return True


class Reopened:
    """A stage over partition 0 whose first opening is late, as when the broker takes its time. Its judge's one verdict
    is committed by whatever ledger the stage has in the end."""

    def __init__(self, connection: Connection, folder: Path):
        self._connection, self._folder = connection, folder
        self._late = 1.0
        self._ledgers: list[Ledger] = []
        self.tp = Partition("log", 0)
        self.stage: Stage[Ledger, None] = Stage(
            "decide",
            "log",
            open_ledger=self._open,
            new_judge=self._judge,
            done=lambda *_: None,
            recoveries=Report(),
            fail=lambda error: pytest.fail(str(error)),
        )

    def _open(self, _: int, progress: Progress) -> Ledger:
        late, self._late = self._late, 0.0
        time.sleep(late)
        return ledger(self._connection, self._folder, progress)

    def _judge(self, opened: Ledger) -> "Reopened":
        self._ledgers.append(opened)
        return self

    def judge(self, records: list[Record]) -> None:
        """One verdict."""
        self._ledgers[-1].commit(output(b"1"), Writes(), 0)

    async def run(self) -> None:
        """Assigned, revoked at once, assigned, and on with the work."""
        revoked = asyncio.create_task(self.stage.open_partition(self.tp))
        await asyncio.sleep(0.2)
        revoked.cancel()
        await asyncio.wait({revoked})
        await self.stage.open_partition(self.tp)
        await asyncio.sleep(1)
        await asyncio.to_thread(self.judge, [])
        await self.stage.close()


def test_a_partition_that_comes_back_while_it_is_opened_is_not_fenced_by_its_own_worker(
    clean_topics: Connection, tmp_path: Path
) -> None:
    """The opening that was given up goes on in its thread. It takes nothing over behind its heir's back."""
    asyncio.run(Reopened(clean_topics, tmp_path / "decide").run())
    assert [message.value() for message in read(clean_topics, APPROVED.name)] == [b"1"]


def test_a_ledger_that_others_had_meanwhile_catches_up(clean_topics: Connection, tmp_path: Path) -> None:
    """It has to take the partition over anew, and another worker has committed since. Before anything else it must know
    what the other one did, or it would do it again."""
    cut_off = ledger(clean_topics, tmp_path / "cut-off")
    cut_off.commit(output(b"1"), Writes(), 0)
    other = ledger(clean_topics, tmp_path / "other")
    writes = Writes()
    writes.of(CLOCK)[b"clock"] = ClockRow(99)
    other.commit(output(b"2"), writes, 1)
    cut_off._transactions._anew = True  # as a transaction that was rolled back makes it
    with pytest.raises(Aborted):
        cut_off.commit(output(b"2"), Writes(), 1)
    assert (1, {b"clock": ClockRow(99)}) == (cut_off.marker, cut_off.read(CLOCK, [b"clock"]))
    cut_off.commit(output(b"3"), Writes(), 2)
    with pytest.raises(Fenced):
        other.commit(output(b"3"), Writes(), 2)
    assert [message.value() for message in read(clean_topics, APPROVED.name)] == [b"1", b"2", b"3"]
    cut_off.close()
    other.close()


def test_a_ledger_whose_connection_broke_takes_nothing_from_its_heir(clean_topics: Connection, tmp_path: Path) -> None:
    """It looks whether something hangs, and learns from its next transaction that it was replaced."""
    cut_off = ledger(clean_topics, tmp_path / "cut-off")
    cut_off.commit(output(b"1"), Writes(), 0)
    heir = ledger(clean_topics, tmp_path / "heir")
    cut_off._transactions._unsure = True  # as librdkafka's report of a lost connection makes it
    assert not cut_off.settle()
    heir.commit(output(b"2"), Writes(), 1)
    with pytest.raises(Fenced, match="another worker has taken over"):
        cut_off.commit(output(b"2"), Writes(), 1)
    assert [message.value() for message in read(clean_topics, APPROVED.name)] == [b"1", b"2"]
    cut_off.close()
    heir.close()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_frozen_worker_that_comes_back_is_fenced(system: System) -> None:
    """Frozen for longer than its session, then awake: it exits with 3, names fencing, repeats nothing."""
    traffic = Traffic(seed=5)
    screen = system.start("screen").await_ready()
    frozen = system.start("decide").await_ready()
    system.feed.send(traffic.some(300, "before"))

    def fifty_verdicts() -> bool:
        traffic.answered(system.verdicts.poll())
        return len(system.verdicts.seen) > 50

    wait_for(fifty_verdicts, 20, "verdicts")
    frozen.signal(signal.SIGSTOP)
    system.feed.send(traffic.some(300, "frozen"))
    heir = system.start("decide").await_ready()
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, SESSION_SECONDS + 30)
    frozen.signal(signal.SIGCONT)

    def keep_busy() -> bool:
        system.feed.send(traffic.some(20, "awake"))
        traffic.answered(system.verdicts.poll())
        return not frozen.alive

    wait_for(keep_busy, 30, "the frozen worker notices that it was replaced")
    assert frozen.process.returncode == FENCED, frozen.said[-2000:]
    assert "Fenced" in frozen.said and "another worker has taken over" in frozen.said
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 40)
    # Screen first: a tick that came after the heir has left would be judged by nobody
    assert [screen.leave(), heir.leave()] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [heir.data])
