"""One partition of email-tallies: folded as Watch folds it, and compared with what Watch has made of it. Pure.

All that Watch goes by stands in its partition of email-tallies, ticks and policies among it; but for its thresholds,
which come from a file (SIDESTEP_WATCH). Anomalies name their version.
"""

from collections.abc import Sequence

from sidestep.schemas.codec import decode_tally
from sidestep.streams.audit.findings import PartitionAudit
from sidestep.streams.audit.kept import KeptWatch
from sidestep.streams.audit.key_values import InMemory
from sidestep.streams.audit.match_anomalies import AnomalyMatch
from sidestep.streams.audit.match_ledger import NewStore, RowMatch, Told, marker_of
from sidestep.streams.audit.replay import LogRecord, readable
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.runtime.changes import Changes, encoded
from sidestep.streams.runtime.readable import MOST, check_stamps
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.watch.batch import Watched, watch
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.thresholds import Thresholds


class WatchAuditor:
    """Audits one partition. `partitions`: of the evidence, as Watch was told; `audit`: what was found goes there."""

    def __init__(
        self,
        kept: KeptWatch,
        rules: Thresholds,
        partitions: int,
        audit: PartitionAudit,
        new_store: NewStore = lambda _: InMemory(),
        told: Told = lambda _: None,
    ):
        self._kept = kept
        self._rules = rules
        self._partitions = partitions
        self._audit = audit
        self._told = told
        self._tables = ReplayTables(new_store("watch"), InMemory())
        self._rows = RowMatch("watch-row", kept.changelog, self._tables.keyed, audit, new_store, told)
        self._state = WatchState(self._tables.rows)

    def audit(self) -> None:
        """Compare everything, or say why not."""
        kept, audit = self._kept, self._audit
        anomalies = AnomalyMatch(kept.anomalies, kept.count, audit)
        anomalies.put_by()
        if kept.tallies.start > 0:
            audit.unwatched = (
                f"{kept.tallies.place(kept.tallies.start)} is its first record: what Watch knew before is not kept"
            )
        elif (models := anomalies.models()) and self._rules.version not in models:
            audit.unwatched = (
                f"its anomalies were told by thresholds {', '.join(sorted(models))}, these are {self._rules.version}: "
                "SIDESTEP_WATCH names their file"
            )
        if audit.unwatched:
            anomalies.leave_out()
            return
        self._fold(anomalies, marker_of(kept.changelog))
        anomalies.end()
        self._rows.end()

    def _fold(self, anomalies: AnomalyMatch, until: float) -> None:
        tallies = self._kept.tallies
        before = tallies.start
        for some in tallies.batches():
            records = [(record.offset, record.value) for record in some if record.offset <= until]
            if records:
                last = records[-1][0]
                watched, changes = self._step(records)
                for anomaly in watched.anomalies:
                    anomalies.expect(anomaly)
                share = (last + 1 - tallies.start) / max(tallies.end - tallies.start, 1)
                self._rows.expect(changes.rows, {}, last, share)
                self._tables.apply(changes)
            self._told(some[-1].offset + 1 - before)
            before = some[-1].offset + 1

    def _step(self, some: Sequence[LogRecord]) -> tuple[Watched, Changes]:
        try:
            return self._step_of(some, closely=False)
        except OverflowError:  # a number that no row can keep: Watch begins the batch anew as well, and looks closely
            self._state = WatchState(self._tables.rows)
            return self._step_of(some, closely=True)

    def _step_of(self, some: Sequence[LogRecord], closely: bool) -> tuple[Watched, Changes]:
        tallies = readable(list(some), closely, decode_tally)
        check_stamps([tally.second for _, tally in tallies], MOST // 1000)
        watched = watch(tallies, self._state, self._rules, self._partitions)
        writes = Writes()
        writes.rows.update(self._state.writes())
        return watched, encoded(writes)
