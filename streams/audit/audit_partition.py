"""One partition of the log: folded, and compared with all that Decide has made of it. Pure: reading.py reads Kafka."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.audit.began import Beginning
from sidestep.streams.audit.chain_beside import ChainBeside
from sidestep.streams.audit.findings import PartitionAudit, row_text
from sidestep.streams.audit.folds import FOLDS, Folds, engines_kept, stretches
from sidestep.streams.audit.kept import KeptLog
from sidestep.streams.audit.key_values import InMemory
from sidestep.streams.audit.match_chain import end_chain
from sidestep.streams.audit.match_ledger import NewStore, RowMatch, Told, how_far
from sidestep.streams.audit.match_tallies import TallyMatch
from sidestep.streams.audit.match_verdicts import VerdictMatch
from sidestep.streams.audit.replay import LogRecord, Replayed, Replayer
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.errors import NoPolicy, SnapshotNeeded
from sidestep.streams.snapshots.record import ref_of

NEVER, FOR_EVER = float("-inf"), float("inf")
CLOCKS_SECONDS = 3600
"""By which the log's time may be ahead of a worker's clock, which ids are forgotten by."""
BATCH = 10_000
"""Records folded together."""


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
        beginning: Beginning | None = None,
    ):
        """`beginning`: None: the log's; raises SnapshotNeeded where it is gone."""
        self._log = log
        self._span = span
        self._new_store = new_store
        self._told = told
        self._audit = PartitionAudit(log.partition, whole=span.whole)
        if beginning is None:
            require_beginning(log)
            beginning = Beginning(ReplayTables(new_store("rows"), new_store("window")), 0)
        self._snapshot = beginning.snapshot
        self._audit.begins, self._audit.refused = beginning.start, beginning.refused
        self._replayer = Replayer(log.partition, beginning.tables, beginning.start, folds=folds)
        self._folds = folds
        self._chain: ChainBeside | None = None
        self._last = beginning.start - 1
        """Offset of the last record that was folded."""

    def audit(self) -> PartitionAudit:
        """What was found. Raises UnknownEngine."""
        log, audit = self._log, self._audit
        judged = how_far(log.changelog)
        if (snapshot := self._snapshot) is not None:
            audit.snapshot = str(ref_of(snapshot))
            if judged.until < snapshot.marker:
                audit.stopped = f"{audit.snapshot} is of a time to come: {judged.until} was judged last"
                return audit
        if audit.whole and log.chained is not None:
            self._chain = ChainBeside(log.chained, audit.begins)
        verdicts = VerdictMatch(
            log.evidence.topic, log.approved, log.rejected, audit, self._span.__contains__, self._story, self._chain
        )
        if snapshot is not None:
            verdicts.begin_at(audit.begins)
        noted = engines_kept(judged.engines, log.changelog.place)
        self._replayer.fold_by(stretches(noted, verdicts.engines(), self._folds))
        made = self._made() if audit.whole else None
        try:
            self._fold(judged.until, verdicts, made)
        except NoPolicy as error:
            audit.stopped = str(error)
            return audit
        verdicts.end(self._last)
        if made is not None:
            made.tallies.end()
            made.rows.end()
            made.ids.end()
        if self._chain is not None and log.chained is not None:
            end_chain(self._chain, log.chained, judged.chain, audit)
        return audit

    def _made(self) -> "Made":
        log, audit, tables = self._log, self._audit, self._replayer.tables
        made = Made(
            TallyMatch(log.tallies, self._new_store("tallies"), audit, self._first_second()),
            RowMatch("row", log.changelog, tables.keyed, audit, self._new_store, self._told),
            RowMatch("id", log.ids, tables.windowed, audit, self._new_store, self._told),
        )
        made.tallies.put_by(self._told)
        if (snapshot := self._snapshot) is not None:
            made.rows.begin_with_all(0)
            made.ids.begin_with_all(int(snapshot.taken_at) - snapshot.ages.get("window", 0) + CLOCKS_SECONDS)
        return made

    def _fold(self, until: float, verdicts: VerdictMatch, made: "Made | None") -> None:
        for step in self._replayer.replay_lists(self._judged(until)):
            verdicts.expect(step.verdicts)
            if self._chain is not None:
                self._chain.follow()
            if made is not None:
                self._expect(step, made)
            self._audit.records += step.read
            self._told(step.last - self._last)
            self._last = step.last
            if self._replayer.log_time_ms / 1000 >= self._span.until:
                return

    def _expect(self, step: Replayed, made: "Made") -> None:
        tables, evidence = self._replayer.tables, self._log.evidence
        for tally in step.tallies:
            made.tallies.expect(tally)
        share = (step.last + 1 - evidence.start) / max(evidence.end - evidence.start, 1)
        made.rows.expect(step.changes.rows, tables.known_rows, step.last, share)
        made.ids.expect(step.changes.window, tables.known_window, step.last, share)

    def _judged(self, until: float) -> Iterator[list[LogRecord]]:
        """The records that were judged, BATCH of them or a few more together: those behind wait for Decide."""
        together: list[LogRecord] = []
        for some in self._log.evidence.batches():
            judged = some if some[-1].offset <= until else [record for record in some if record.offset <= until]
            self._audit.unjudged += len(some) - len(judged)
            if self._chain is not None:
                self._chain.read(judged)
            together += [(record.offset, record.value) for record in judged]
            if len(together) >= BATCH:
                yield together
                together = []
        if together:
            yield together

    def _first_second(self) -> int:
        """Of log time, in which the fold begins."""
        return 0 if self._snapshot is None else self._snapshot.log_time_ms // 1000

    def _story(self, offset: int) -> str:
        """What the state knew of the recipient of an intent before its verdict."""
        state = self._replayer.before(offset)
        for at, record in self._replayer.step.records:
            if at == offset and isinstance(record, IntentEvidence):
                return row_text(state.recipients.get(record.recipient_key))
        return ""


class Made(NamedTuple):
    """What Decide makes besides verdicts, being compared."""

    tallies: TallyMatch
    rows: RowMatch
    ids: RowMatch


def require_beginning(log: KeptLog) -> None:
    """Raises SnapshotNeeded where retention has taken the beginning of a partition of the log."""
    evidence = log.evidence
    if evidence.start > 0:
        raise SnapshotNeeded(
            f"{evidence.topic}/{evidence.partition} begins at offset {evidence.start}: what was before it is no longer "
            f"retained, and rules look back two years. To prove what follows takes a snapshot of the ledger as it was "
            f"at offset {evidence.start - 1} or later"
        )
