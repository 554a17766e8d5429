"""What the judges of all stages share: the ledger as they see it, records that can't be read, transactions that are
rolled back. Knows nothing about email."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from sidestep.streams.runtime.dead_letters import dead_letter
from sidestep.streams.runtime.outgoing import Outgoing, Single
from sidestep.streams.runtime.readable import UNREADABLE, within
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Row, Table, Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.topics.errors import PublishFailed

log = logging.getLogger(__name__)

TRIES = 5
JudgedT = TypeVar("JudgedT")
ModelT = TypeVar("ModelT")


class PartitionLedger(Protocol):
    """What a judge asks of its partition's ledger; see runtime/ledger.py."""

    partition: int
    marker: int

    def read(self, table: Table[Row], keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of these keys that exist."""

    def rows(self, table: Table[Row]) -> Iterable[tuple[bytes, Row]]:
        """All rows of a table, in key order."""

    def between(self, table: Table[Row], start: bytes, stop: bytes | None) -> Iterable[tuple[bytes, Row]]:
        """The rows of a table whose keys are from `start` on and before `stop` (None: the end), in key order."""

    def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
        """Make a batch count, whole or not at all; seconds that it took. Raises Aborted, SidestepError."""


def fold_and_commit(
    ledger: PartitionLedger,
    records: list[Record],
    fold: Callable[[list[Record], bool], JudgedT],
    begin_anew: Callable[[], None],
) -> JudgedT | None:
    """Fold what the ledger does not have yet of `records` (in offset order); None: it has them all.

    `fold` commits. Where that was rolled back, `begin_anew` drops what is remembered of the ledger, and it is tried
    again, TRIES times in all. Where a number is too large for a row (OverflowError), it is told to look at each record
    closely, and to leave out those with such numbers. Raises SidestepError.
    """
    why, closely = "", False
    for _ in range(TRIES):
        marker = ledger.marker
        if records[0].offset() <= marker:
            records = [record for record in records if record.offset() > marker]
        if not records:
            return None
        try:
            return fold(records, closely)
        except OverflowError as error:
            if closely:
                raise
            log.warning("a record has a number that no row can keep, looking at each: %s", error)
            closely = True
            begin_anew()
        except Aborted as error:
            why = str(error)
            log.warning("transaction rolled back, folding again: %s", why)
            begin_anew()
    raise PublishFailed(
        f"partition {ledger.partition}: the transaction was rolled back {TRIES} times: {why}. Nothing of it "
        "counts; mend what Kafka complains of, and start this worker again."
    )


class Unread:
    """Makes dead letters of records that can't be read: one odd record must not stop a partition. `code`: their reason;
    `topic` and `partition`: where they go."""

    def __init__(self, code: str, topic: str, partition: int):
        self._code = code
        self._topic = topic
        self._partition = partition

    def split(
        self, records: list[Record], decode: Callable[[bytes | None], ModelT], closely: bool = False
    ) -> tuple[list[tuple[int, ModelT]], list[Single]]:
        """What `decode` can read, with its offsets, and dead letters for the rest. `closely`: also for what has a
        number beyond MOST."""
        if closely:
            return self._one_by_one(records, lambda value: within(decode(value)))
        try:
            return [(record.offset(), decode(record.value())) for record in records], []
        except UNREADABLE:
            return self._one_by_one(records, decode)

    def _one_by_one(
        self, records: list[Record], decode: Callable[[bytes | None], ModelT]
    ) -> tuple[list[tuple[int, ModelT]], list[Single]]:
        read: list[tuple[int, ModelT]] = []
        dead: list[Single] = []
        for record in records:
            place = (record.topic(), record.partition(), record.offset())
            try:
                read.append((record.offset(), decode(record.value())))
            except UNREADABLE as error:
                # what is wrong with it stands in the dead letter: the error may quote an address, and logs have none
                log.error("%s/%d/%d can't be read (%s), and is a dead letter", *place, self._code)
                dead.append(dead_letter(record, self._code, str(error), self._topic, self._partition))
        return read, dead
