"""One partition of the log: folded, and compared with all that Decide has made of it. Pure: reading.py reads Kafka."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sidestep.schemas import IntentEvidence
from sidestep.schemas.codec import encode
from sidestep.streams.audit.findings import PartitionAudit, row_text
from sidestep.streams.audit.folds import FOLDS, Folds, engines_kept, stretches
from sidestep.streams.audit.kept import KeptLog
from sidestep.streams.audit.key_values import InMemory, KeyValues
from sidestep.streams.audit.match_ledger import RowsKept, Told, compare_rows, put_by_ids, put_by_rows
from sidestep.streams.audit.match_tallies import TallyMatch
from sidestep.streams.audit.match_verdicts import VerdictMatch
from sidestep.streams.audit.replay import LogRecord, Replayer
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.errors import NoPolicy, SnapshotNeeded

NEVER, FOR_EVER = float("-inf"), float("inf")

NewStore = Callable[[str], KeyValues]
"""A name -> an empty store."""


@dataclass(frozen=True)
class Span:
    """Of which log time verdicts are looked at, seconds since 1970; `until` is not in it. All are folded."""

    since: float = NEVER
    until: float = FOR_EVER

    @property
    def whole(self) -> bool:
        """Nothing is left out."""
        return self == Span()

    def __contains__(self, second: object) -> bool:
        return isinstance(second, float | int) and self.since <= second < self.until


class PartitionAuditor:
    """Audits one partition. `new_store`: where what is compared is put by meanwhile. `folds`: those that there are."""

    def __init__(
        self,
        log: KeptLog,
        span: Span,
        new_store: NewStore = lambda _: InMemory(),
        told: Told = lambda _: None,
        folds: Folds = FOLDS,
    ):
        self._log = log
        self._span = span
        self._new_store = new_store
        self._told = told
        self._audit = PartitionAudit(log.partition, whole=span.whole)
        self._replayer = Replayer(log.partition, ReplayTables(new_store("rows"), new_store("window")), folds=folds)
        self._folds = folds

    def audit(self) -> PartitionAudit:
        """What was found. Raises SnapshotNeeded where the log no longer begins at its beginning."""
        log, audit = self._log, self._audit
        require_beginning(log)
        verdicts = VerdictMatch(
            log.evidence.topic, log.approved, log.rejected, audit, self._span.__contains__, self._story
        )
        kept = put_by_rows(log.changelog, self._new_store("changelog"), self._told)
        noted = engines_kept(kept.values, log.changelog.place)
        self._replayer.fold_by(stretches(noted, verdicts.engines(), self._folds))
        tallies = TallyMatch(log.tallies, self._new_store("tallies"), audit) if audit.whole else None
        if tallies is not None:
            tallies.put_by(self._told)
        try:
            last = self._fold(kept, verdicts, tallies)
        except NoPolicy as error:
            audit.stopped = str(error)
            return audit
        verdicts.end(last)
        if tallies is not None:
            tallies.end()
            self._compare_rows(kept)
        return audit

    def _fold(self, kept: RowsKept, verdicts: VerdictMatch, tallies: TallyMatch | None) -> int:
        """The offset of the last record that was read."""
        last = -1
        for step in self._replayer.replay(self._until(kept)):
            for verdict in step.verdicts:
                verdicts.expect(verdict, encode(verdict))
            for tally in step.tallies if tallies is not None else ():
                tallies.expect(tally)  # type: ignore[union-attr]  # there are none without it
            last = step.last
            self._audit.records += step.read
            self._told(step.read)
            if self._replayer.log_time_ms / 1000 >= self._span.until:
                break
        return last

    def _until(self, kept: RowsKept) -> Iterator[LogRecord]:
        """The records that were judged: those behind the marker wait for Decide, all of them before it has written
        anything. A changelog without its marker tells nothing of that."""
        told = kept.marker >= 0 or kept.records == 0
        for record in self._log.evidence.records:
            if told and record.offset > kept.marker:
                self._audit.unjudged += 1
            else:
                yield record.offset, record.value

    def _compare_rows(self, kept: RowsKept) -> None:
        tables = self._replayer.tables
        compare_rows(tables.keyed, kept, self._audit)
        ids = put_by_ids(self._log.ids, self._new_store("ids"), self._told)
        compare_rows(tables.windowed, ids, self._audit)

    def _story(self, offset: int) -> str:
        """What the state knew of the recipient of an intent before its verdict."""
        state = self._replayer.before(offset)
        for at, record in self._replayer.step.records:
            if at == offset and isinstance(record, IntentEvidence):
                return row_text(state.recipients.get(record.recipient_key))
        return ""


def require_beginning(log: KeptLog) -> None:
    """Raises SnapshotNeeded where retention has taken the beginning of a partition of the log."""
    evidence = log.evidence
    if evidence.start > 0:
        raise SnapshotNeeded(
            f"{evidence.topic}/{evidence.partition} begins at offset {evidence.start}: what was before it is no longer "
            f"retained, and rules look back two years. To prove what follows takes a snapshot of the ledger as it was "
            f"at offset {evidence.start} or later. This version makes none yet: audit before retention takes the "
            "beginning, or keep this topic for longer (retention.ms)"
        )
