"""One partition's releaser: verdicts in, and when their time has come, intents out; each in one transaction with what
it remembers. Blocks; the stage calls it from a thread."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from sidestep.schemas import Verdict
from sidestep.schemas.codec import ContractError, decode
from sidestep.streams.release.fold import Offering, fold
from sidestep.streams.release.offers import ReleaseOffer, offer_of
from sidestep.streams.release.pace import ReleasePace
from sidestep.streams.release.tables import DUE, WAITING, DueRow, due_key, due_of, intent_key
from sidestep.streams.runtime.judging import PartitionLedger, fold_and_commit
from sidestep.streams.runtime.outgoing import Headers, Outgoing, Single
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.topics.catalog import INTENTS
from sidestep.topics.keys import record_key

MOST = 500
"""Intents of one transaction."""
OVERDUE_MS = 300_000
"""After its time: the rate has kept it back so long, or nobody was at work."""
OVERDUE_MOST = 10_000
"""Overdue ones that are counted each time; there may be more."""

log = logging.getLogger(__name__)

ReadAt = Callable[[Collection[int]], Mapping[int, bytes | None]]
"""Offsets of the partition -> the values that stand there; what is there no more is left out. Raises SidestepError."""
Sign = Callable[[bytes], Headers]
"""An intent's octets -> the headers by which it is believed."""


class ReleasePolicy(Offering, Protocol):
    """What the policy says of it."""

    @property
    def interval_us(self) -> int:
        """Microseconds between two intents of all partitions together."""


@dataclass
class ReleasedBatch:
    """What became of a batch of verdicts, or of what was due."""

    records: int = 0
    seconds: float = 0.0
    transaction_seconds: float = 0.0
    taken: Counter[str] = field(default_factory=Counter)
    """Deferrals that wait from now on, by service."""
    offered: Counter[str] = field(default_factory=Counter)
    """Intents that were published, by service."""
    ended: int = 0
    """That had another verdict before their time."""
    let_go: Counter[str] = field(default_factory=Counter)
    """By reason."""


class Releaser:
    """Of one partition of email-rejected, over its ledger.

    `policy` gives that of now; `partitions`: of email-intents; `shares`: partitions that the rate is for. `sign` None:
    nothing can be signed.
    """

    def __init__(
        self,
        ledger: PartitionLedger,
        read_at: ReadAt,
        policy: Callable[[], ReleasePolicy],
        sign: Sign | None,
        partitions: int,
        shares: int,
    ):
        self._ledger = ledger
        self._read_at = read_at
        self._policy = policy
        self._sign = sign
        self._partitions = partitions
        self._shares = shares
        self._pace = ReleasePace()
        self._begin_anew()

    def judge(self, records: list[Record]) -> ReleasedBatch:
        """Note what is deferred in `records` (Kafka messages, in offset order). Raises SidestepError."""
        return fold_and_commit(self._ledger, records, self._fold, self._begin_anew) or ReleasedBatch()

    def release(self, now_ms: int) -> ReleasedBatch:
        """Offer again what is due, as far as the rate has room. Raises SidestepError."""
        began, policy = time.monotonic(), self._policy()
        interval, now_us = policy.interval_us * self._shares, now_ms * 1000
        room = min(self._pace.room(interval, now_us), MOST)
        due = dict(islice(self._ledger.between(DUE, b"", due_key(now_ms + 1, 0)), room)) if room else {}
        batch = ReleasedBatch()
        if due:
            try:
                batch = self._offer(due, policy, now_ms)
            except Aborted as error:
                log.warning("transaction rolled back, offering again: %s", error)
                self._begin_anew()
            self._pace.spend(batch.offered.total(), interval, now_us)
        batch.seconds = time.monotonic() - began
        self._look(now_ms)
        return batch

    def _begin_anew(self) -> None:
        self.waiting = Counter(row.service for _, row in self._ledger.rows(DUE))
        """Intents that wait, by service."""
        self.overdue = 0
        """Of these, those that are late, OVERDUE_MOST at most."""
        self.oldest: int | None = None
        """When the first one that waits is due, milliseconds since 1970; None: none waits."""

    def _look(self, now_ms: int) -> None:
        first = next(iter(self._ledger.between(DUE, b"", None)), None)
        self.oldest = due_of(first[0])[0] if first is not None else None
        late = self._ledger.between(DUE, b"", due_key(max(0, now_ms - OVERDUE_MS), 0))
        self.overdue = sum(1 for _ in islice(late, OVERDUE_MOST))

    def _fold(self, records: list[Record], error: BaseException | None) -> ReleasedBatch:
        """With an error they are passed over: they stand in email-rejected as before."""
        began = time.monotonic()
        readable = records if error is None else []
        verdicts = [(record.offset(), verdict) for record in readable if (verdict := _read(record)) is not None]
        known = self._ledger.read(WAITING, {intent_key(verdict) for _, verdict in verdicts})
        folded = fold(verdicts, known, self._policy(), self._sign is not None)
        took = self._ledger.commit(Outgoing(), folded.writes, records[-1].offset())
        self._count(folded.change)
        return ReleasedBatch(
            len(records), time.monotonic() - began, took, folded.taken, ended=folded.ended, let_go=folded.left
        )

    def _offer(self, due: Mapping[bytes, DueRow], policy: ReleasePolicy, now_ms: int) -> ReleasedBatch:
        batch, writes, singles = ReleasedBatch(), Writes(), list[Single]()
        values = self._read_at([due_of(key)[1] for key in due])
        rows = self._ledger.read(WAITING, [row.intent for row in due.values()])
        for key, row in rows.items():
            offer = offer_of(key, row, values.get(row.offset), policy, now_ms)
            if offer.intent is None:
                batch.let_go[offer.let_go] += 1
            elif offer.signed and self._sign is None:
                batch.let_go["no-key"] += 1
            else:
                singles.append(self._single(offer))
                batch.offered[row.service] += 1
        writes.of(WAITING).update(dict.fromkeys(rows))
        writes.of(DUE).update(dict.fromkeys(due))
        batch.transaction_seconds = self._ledger.commit(Outgoing(singles=singles), writes, self._ledger.marker)
        gone = Counter(row.service for row in due.values())
        self._count({service: -count for service, count in gone.items()})
        return batch

    def _single(self, offer: ReleaseOffer) -> Single:
        assert offer.intent is not None, "what is let go is not published"
        key = record_key(offer.intent) or ""
        single: Single = {
            "topic": INTENTS.name,
            "partition": partition_of(key, self._partitions),
            "key": key,
            "value": offer.value,
        }
        if offer.signed and self._sign is not None:
            single["headers"] = self._sign(offer.value)
        return single

    def _count(self, change: Mapping[str, int]) -> None:
        self.waiting.update(change)
        self.waiting = Counter({service: count for service, count in self.waiting.items() if count > 0})


def _read(record: Record) -> Verdict | None:
    """None: it is no verdict, and is passed over, as readers of verdicts do."""
    try:
        return decode(Verdict, record.value())
    except ContractError:
        return None
