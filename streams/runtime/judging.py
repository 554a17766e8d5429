"""What the judges of all stages share: the ledger as they see it, records that can't be read, transactions that are
rolled back, records for whose sake a fold fails. Knows nothing about email."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import reduce
from typing import Any, ClassVar, Protocol, TypeVar

from sidestep.streams.errors import without_text
from sidestep.streams.runtime.dead_letters import dead_letter
from sidestep.streams.runtime.outgoing import Outgoing, Single
from sidestep.streams.runtime.readable import UNREADABLE, Unfoldable, halves
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Row, Table, Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.topics.errors import PublishFailed

log = logging.getLogger(__name__)

TRIES = 5
UNFOLDABLE = "not-foldable"
"""Reason of the dead letter of a record for whose sake the fold fails."""


class Counted(Protocol):
    """A dataclass of counts: what became of a batch."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


JudgedT = TypeVar("JudgedT", bound=Counted)
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


Fold = Callable[[list[Record], BaseException | None], JudgedT]
"""Folds records and commits that; with an error all of them are dead letters for its sake, and nothing is folded.
Raises Unfoldable or OverflowError before anything counts, Aborted, SidestepError."""


def fold_and_commit(
    ledger: PartitionLedger, records: list[Record], fold: Fold[JudgedT], begin_anew: Callable[[], None]
) -> JudgedT | None:
    """Fold what the ledger does not have yet of `records` (in offset order); None: it has them all.

    Where the transaction was rolled back, `begin_anew` drops what is remembered of the ledger, and it is tried again,
    TRIES times in all. Where the fold fails for the sake of a record, that one becomes a dead letter; those before and
    behind it are folded in transactions of their own. Raises SidestepError.
    """
    judged = list(_in_lots(ledger, records, fold, begin_anew))
    return reduce(_added, judged) if judged else None


def _in_lots(
    ledger: PartitionLedger, records: list[Record], fold: Fold[JudgedT], begin_anew: Callable[[], None]
) -> Iterator[JudgedT]:
    waiting: list[Sequence[Record]] = [records]
    while waiting:
        some = list(waiting.pop())
        try:
            judged = _commit(ledger, some, lambda lot: fold(lot, None), begin_anew)
        except (Unfoldable, OverflowError) as error:
            begin_anew()
            if len(some) > 1:
                waiting += reversed(halves(some))
                continue
            judged = _refused(ledger, some, fold, begin_anew, error.__cause__ or error)
        if judged is not None:
            yield judged


def _refused(
    ledger: PartitionLedger,
    alone: list[Record],
    fold: Fold[JudgedT],
    begin_anew: Callable[[], None],
    error: BaseException,
) -> JudgedT | None:
    place = (alone[0].topic(), alone[0].partition(), alone[0].offset())
    text = "%s/%d/%d can't be folded (%s), and is a dead letter. Please report it: that is an error of ours"
    log.error(text, *place, UNFOLDABLE, exc_info=without_text(error))
    return _commit(ledger, alone, lambda lot: fold(lot, error), begin_anew)


def _added(one: JudgedT, other: JudgedT) -> JudgedT:
    """What became of two lots of a batch, together."""
    sums = {each.name: getattr(one, each.name) + getattr(other, each.name) for each in fields(one)}
    return type(one)(**sums)


def _commit(
    ledger: PartitionLedger,
    records: list[Record],
    fold: Callable[[list[Record]], JudgedT],
    begin_anew: Callable[[], None],
) -> JudgedT | None:
    why = ""
    for _ in range(TRIES):
        marker = ledger.marker
        if records[0].offset() <= marker:
            records = [record for record in records if record.offset() > marker]
        if not records:
            return None
        try:
            return fold(records)
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

    def refused(self, records: list[Record], error: BaseException) -> list[Single]:
        """Dead letters of all of them: the fold fails for their sake."""
        text = f"{type(error).__name__}: {error}"
        return [dead_letter(record, UNFOLDABLE, text, self._topic, self._partition) for record in records]

    def split(
        self, records: list[Record], decode: Callable[[bytes | None], ModelT]
    ) -> tuple[list[tuple[int, ModelT]], list[Single]]:
        """What `decode` can read, with its offsets, and dead letters for the rest."""
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
