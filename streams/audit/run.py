"""An audit of several partitions side by side, each in a process of its own: they share nothing but the cluster."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from sidestep.streams.audit.audit_partition import NEVER, PartitionAuditor, Span
from sidestep.streams.audit.began import Beginning
from sidestep.streams.audit.beginning import LogExtent, LogSnapshots, find_beginning
from sidestep.streams.audit.findings import AuditReport, PartitionAudit
from sidestep.streams.audit.finished import AuditAbout, begun
from sidestep.streams.audit.folds import FOLDS
from sidestep.streams.audit.match_ledger import NewStore
from sidestep.streams.audit.on_disk import stores
from sidestep.streams.audit.read_chain import open_chained
from sidestep.streams.audit.reading import Extents, cluster_of, open_log, open_watch, read_extents
from sidestep.streams.audit.watch_partition import WatchAuditor
from sidestep.streams.errors import AuditFailed, SnapshotNeeded
from sidestep.streams.partition_note import PartitionNote
from sidestep.streams.read_partitions import note_or_none
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.side_by_side import Told, added_up, side_by_side
from sidestep.streams.watch.thresholds import Thresholds, thresholds
from sidestep.topics.catalog import EVIDENCE, TALLIES
from sidestep.topics.connection import Connection


@dataclass(frozen=True)
class AuditJob:
    """One partition to audit."""

    connection: Connection
    extents: Extents
    partition: int
    span: Span
    proofs: bool
    rules: Thresholds
    """Watch's."""
    snapshots: LogSnapshots | None
    folder: Path
    """Empty, for this partition's rows."""
    carried_on: bool = False
    """As a LogExtent has it."""

    def __call__(self, told: Told) -> PartitionAudit:
        """Audit it, here. Raises SidestepError."""
        try:
            return self._audited(told)
        except SnapshotNeeded as error:
            if not self.carried_on:
                raise
            return PartitionAudit(self.partition, whole=self.span.whole, stopped=str(error))

    def _audited(self, told: Told) -> PartitionAudit:
        with stores(self.folder) as new_store, closing(self._beginning(new_store)) as beginning:
            extents = self.extents.beginning_at(self.partition, beginning.start)
            log = open_log(self.connection, extents, self.partition, self.proofs)
            log = replace(log, chained=open_chained(self.connection, self.extents, self.partition))
            audit = PartitionAuditor(log, self.span, new_store, told, beginning=beginning).audit()
            if self.span.whole and self.partition in self.extents.partitions(TALLIES.name):
                kept = open_watch(self.connection, self.extents, self.partition)
                partitions = len(self.extents.partitions(EVIDENCE.name))
                WatchAuditor(kept, self.rules, partitions, audit, new_store, told).audit()
            return audit

    def _beginning(self, new_store: NewStore) -> Beginning:
        """The log's, or behind a snapshot: the first that will do, or the last before what is asked for."""
        extent = self.extents.places[Place(EVIDENCE.name, self.partition)]
        log, since = LogExtent(self.partition, extent.start, extent.end, self.carried_on), self.span.since
        before_ms = None if since == NEVER else int(since * 1000)
        return find_beginning(log, self.snapshots, self.folder / "begun", before_ms=before_ms, new_tables=new_store)


def audit(
    connection: Connection,
    partitions: Sequence[int] = (),
    span: Span = Span(),
    proofs: bool = False,
    told: Callable[[int, int], None] = lambda _done, _total: None,
    processes: int | None = None,
    rules: Thresholds | None = None,
    snapshots: str = "",
    resume: Path | None = None,
) -> AuditReport:
    """Audit these partitions of the log; all, where none is named. `proofs`: verdicts without a proof are a fault.
    `told` hears how many records have been read, and of how many, roughly. `processes`: at most so many at a time;
    None: one a core. `rules`: Watch's thresholds, None: as they ship. `snapshots`: where they are kept; one is begun
    with where retention has taken the log's beginning, or where a time is asked for; empty: nowhere. `resume`: a folder
    that remembers the partitions that are finished; an audit that was interrupted goes on with the others. Raises
    SidestepError, SnapshotNeeded among them."""
    rules = rules or thresholds()
    extents = read_extents(connection)
    wanted = list(partitions) or extents.partitions(EVIDENCE.name)
    if unknown := set(wanted) - set(extents.partitions(EVIDENCE.name)):
        raise AuditFailed(
            f"{EVIDENCE.name} has no partition {min(unknown)}: it has {len(extents.partitions(EVIDENCE.name))}"
        )
    finished = None
    if resume is not None:
        about = AuditAbout(
            cluster_of(connection), version("sidestep"), list(FOLDS), rules.version, wanted,
            str(span.since), str(span.until), proofs,
        )  # fmt: skip
        finished = begun(resume, about, extents)
        extents = finished.extents
    done = finished.found() if finished is not None else []
    left = [partition for partition in wanted if partition not in {each.partition for each in done}]
    total = sum(extents.records(partition) for partition in left)
    place = LogSnapshots(snapshots, cluster_of(connection)) if snapshots else None
    note = note_or_none(connection) or PartitionNote(0)
    with tempfile.TemporaryDirectory(prefix="sidestep-audit-") as folder:
        jobs = [
            AuditJob(
                replace(connection),
                extents,
                number,
                span,
                proofs,
                rules,
                place,
                Path(folder) / str(number),
                note.is_carried_on(number),
            )
            for number in left
        ]
        keep = finished.keep if finished is not None else lambda _: None
        done += side_by_side(jobs, processes or os.cpu_count() or 1, added_up(told, total), AuditFailed, keep)
    return AuditReport(sorted(done, key=lambda each: each.partition))
