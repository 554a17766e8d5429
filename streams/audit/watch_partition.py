"""One partition of email-tallies: folded as Watch folds it, and compared with what Watch has made of it. Pure.

All that Watch goes by stands in its partition of email-tallies, ticks and policies among it; but for its thresholds,
which come from a file (SIDESTEP_WATCH). Its ledger notes their version, and since when they are in force.
"""

from collections.abc import Sequence

import msgspec

from sidestep.schemas.codec import decode_tally
from sidestep.streams.audit.findings import PartitionAudit
from sidestep.streams.audit.kept import KeptPartition, KeptWatch
from sidestep.streams.audit.key_values import InMemory
from sidestep.streams.audit.match_anomalies import AnomalyMatch
from sidestep.streams.audit.match_ledger import NewStore, RowMatch, Told, marker_of
from sidestep.streams.audit.replay import LogRecord, readable
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.runtime.changes import Changes, encoded
from sidestep.streams.runtime.readable import MOST, Unfoldable, check_stamps, folding, halves
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.watch.batch import Watched, watch
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.tables import NOTED_THRESHOLDS
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
        else:
            audit.unwatched = self._unlike()
        if audit.unwatched:
            anomalies.leave_out()
            return
        self._fold(anomalies, marker_of(kept.changelog))
        anomalies.end()
        self._rows.end()

    def _unlike(self) -> str:
        """Why these thresholds are not those that Watch went by, from the first tally to the last; empty: they are."""
        first = next((record.offset for some in self._kept.tallies.batches() for record in some), None)
        noted = noted_thresholds(self._kept.changelog)
        others = sorted({version for version in noted.values() if version != self._rules.version})
        if others:
            return (
                f"it was folded by thresholds {', '.join(others)}, these are {self._rules.version}: SIDESTEP_WATCH "
                "names their file"
            )
        if first is not None and min(noted, default=first + 1) > first and self._kept.changelog.end > 0:
            return "its ledger does not say by which thresholds it was folded from the first tally on: an older version"
        return ""

    def _fold(self, anomalies: AnomalyMatch, until: float) -> None:
        tallies = self._kept.tallies
        before = tallies.start
        for some in tallies.batches():
            records = [(record.offset, record.value) for record in some if record.offset <= until]
            if records:
                self._step(records, anomalies)
            self._told(some[-1].offset + 1 - before)
            before = some[-1].offset + 1

    def _step(self, some: Sequence[LogRecord], anomalies: AnomalyMatch) -> None:
        """One lot of tallies. Where the fold fails for the sake of one, that is passed over, as Watch does it."""
        try:
            with folding():
                watched, changes = self._fold_lot(some)
        except Unfoldable:
            self._state = WatchState(self._tables.rows)
            if len(some) > 1:
                for half in halves(some):
                    self._step(half, anomalies)
            return
        for anomaly in watched.anomalies:
            anomalies.expect(anomaly)
        tallies, last = self._kept.tallies, some[-1][0]
        share = (last + 1 - tallies.start) / max(tallies.end - tallies.start, 1)
        self._rows.expect(changes.rows, {}, last, share)
        self._tables.apply(changes)

    def _fold_lot(self, some: Sequence[LogRecord]) -> tuple[Watched, Changes]:
        tallies = readable(some, decode_tally)
        check_stamps([tally.second for _, tally in tallies], MOST // 1000)
        watched = watch(tallies, self._state, self._rules, self._partitions)
        writes = Writes()
        writes.rows.update(self._state.writes())
        return watched, encoded(writes)


def noted_thresholds(changelog: KeptPartition) -> dict[int, str]:
    """Versions of the thresholds by the offset of the tally with which they began, as the ledger has noted them."""
    noted = {}
    for some in changelog.batches():
        for record in some:
            if record.key is not None and record.key[:1] == NOTED_THRESHOLDS.prefix:
                try:
                    noted[int.from_bytes(record.key[1:])] = NOTED_THRESHOLDS.decode(record.value or b"").version
                except msgspec.MsgspecError:
                    continue  # it was changed: it differs from the fold's, and is named there
    return noted
