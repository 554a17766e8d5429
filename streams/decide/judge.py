"""One partition's judge: a batch of records in, one transaction out. Blocks; the stage calls it from a thread."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from sidestep.schemas import Evidence, Verdict
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.decide.batch import Decided, decide, load, load_controls
from sidestep.streams.runtime.dead_letters import dead_letter
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Single
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Row, Table, Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, EVIDENCE, REJECTED, TALLIES
from sidestep.topics.errors import PublishFailed

log = logging.getLogger(__name__)

TRIES = 5


@dataclass
class Judged:
    """What became of a batch."""

    records: int = 0
    seconds: float = 0.0
    transaction_seconds: float = 0.0
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Verdicts by (decision, action)."""
    rules: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0


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


class Judge:
    """Folds the evidence of one partition into its ledger.

    `tally_partitions`: how many partitions email-tallies has; a tally lies in that of its service.
    """

    def __init__(self, ledger: PartitionLedger, tally_partitions: int, topic: str = EVIDENCE.name):
        self._ledger = ledger
        self._tally_partitions = tally_partitions
        self._topic = topic
        self._controls = load_controls(ledger.read, ledger.rows)

    def judge(self, records: list[Record]) -> Judged:
        """Fold what is new of `records` (Kafka messages, in offset order) and commit it. Raises SidestepError."""
        why = ""
        for _ in range(TRIES):
            marker = self._ledger.marker
            if records[0].offset() <= marker:
                records = [record for record in records if record.offset() > marker]
            if not records:
                return Judged()
            try:
                return self._try(records)
            except Aborted as error:
                why = str(error)
                log.warning("transaction rolled back, folding again: %s", why)
                self._controls = load_controls(self._ledger.read, self._ledger.rows)
        raise PublishFailed(
            f"partition {self._ledger.partition}: the transaction was rolled back {TRIES} times: {why}. Nothing of it "
            "counts; mend what Kafka complains of, and start this worker again."
        )

    @property
    def policy_version(self) -> str:
        """Version of the policy in force; empty: none stands in the log yet."""
        return self._controls.versions.policy

    def _try(self, records: list[Record]) -> Judged:
        began = time.monotonic()
        ledger = self._ledger
        evidence, dead = self._decode(records)
        state = load(evidence, self._controls, ledger.read, ledger.between)
        decided = decide(evidence, state, self._topic, ledger.partition)
        writes = Writes()
        writes.rows.update(state.writes())
        took = ledger.commit(self._outgoing(decided, dead), writes, records[-1].offset())
        verdicts = decided.verdicts
        return Judged(
            records=len(records),
            seconds=time.monotonic() - began,
            transaction_seconds=took,
            decisions=_decisions(verdicts),
            rules=Counter([rule.id for verdict in verdicts if verdict.rules for rule in verdict.rules]),
            dead_letters=len(dead),
        )

    def _decode(self, records: list[Record]) -> tuple[list[tuple[int, Evidence]], list[Single]]:
        """What can be read, and dead letters for the rest: only Screen may write here, but one odd record must not
        stop a partition."""
        try:
            return [(record.offset(), decode_evidence(record.value())) for record in records], []
        except (ValueError, RecursionError, TypeError):
            return self._decode_one_by_one(records)

    def _decode_one_by_one(self, records: list[Record]) -> tuple[list[tuple[int, Evidence]], list[Single]]:
        evidence: list[tuple[int, Evidence]] = []
        dead: list[Single] = []
        for record in records:
            try:
                evidence.append((record.offset(), decode_evidence(record.value())))
            except (ValueError, RecursionError, TypeError) as error:
                log.error("%s/%d@%d is not evidence: %s", self._topic, self._ledger.partition, record.offset(), error)
                dead.append(dead_letter(record, "not-evidence", str(error), DEAD_LETTERS.name, self._ledger.partition))
        return evidence, dead

    def _outgoing(self, decided: Decided, dead: list[Single]) -> Outgoing:
        """Verdicts and dead letters lie in the partition of their evidence, tallies in that of their service."""
        partition = self._ledger.partition
        approved: list[Keyed] = []
        rejected: list[Keyed] = []
        for verdict in decided.verdicts:
            into = approved if verdict.decision == "approved" else rejected
            into.append({"key": verdict.id, "value": encode(verdict)})
        batches: dict[tuple[str, int], list[Keyed]] = defaultdict(
            list, {(APPROVED.name, partition): approved, (REJECTED.name, partition): rejected}
        )
        for tally in decided.tallies:
            record: Keyed = {"key": tally.service, "value": encode(tally)}
            batches[TALLIES.name, partition_of(tally.service, self._tally_partitions)].append(record)
        return Outgoing(batches, dead)


def _decisions(verdicts: list[Verdict]) -> Counter[tuple[str, str]]:
    """The action says the decision."""
    by_action = Counter([verdict.action for verdict in verdicts])
    return Counter(
        {("approved" if action == "send" else "rejected", action): count for action, count in by_action.items()}
    )
