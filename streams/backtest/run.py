"""A backtest of several partitions of Kafka's log. Nothing is written to Kafka, and no group is joined. Blocks."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sidestep.streams.audit.audit_partition import NEVER, Span
from sidestep.streams.audit.beginning import Beginning, LogExtent, LogSnapshots, find_beginning
from sidestep.streams.audit.on_disk import stores
from sidestep.streams.audit.replay import LogRecord
from sidestep.streams.backtest.counts import BacktestCounts
from sidestep.streams.backtest.other_policy import NewStore
from sidestep.streams.backtest.partition import LoggedPartition, PartitionBacktest
from sidestep.streams.backtest.report import BacktestReport
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.errors import BacktestFailed
from sidestep.streams.partition_note import PartitionNote
from sidestep.streams.read_partitions import note_or_none
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.side_by_side import Told, added_up, side_by_side
from sidestep.streams.runtime.to_the_end import batches_to_end
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection
from sidestep.topics.stretch import topic_of

NAME = "sidestep-reader-backtest"
"""Of the client; who may read at all may name a group of this name, which is never joined (topics/acls.py)."""


@dataclass(frozen=True)
class BacktestJob:
    """One partition to fold twice."""

    connection: Connection
    extent: LogExtent
    snapshots: LogSnapshots | None
    text: str
    span: Span
    folder: Path
    """Empty, for this partition's rows."""

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self.extent.partition

    def __call__(self, told: Told) -> BacktestCounts:
        """Fold it, here. Raises SidestepError."""
        since = self.span.since
        before_ms = None if since == NEVER else int(since * 1000)
        with (
            stores(self.folder) as new_store,
            beginning(self.extent, self.snapshots, self.folder, before_ms, new_store) as begun,
        ):
            records = read_records(self.connection, self.extent, begun.start)
            log = LoggedPartition(self.partition, begun.tables, begun.start, records)
            counts = PartitionBacktest(parse(self.text), self.text, self.span, new_store, told).compare(log)
            counts.notes += told_of(begun, self.extent)
            return counts


def backtest(
    connection: Connection,
    policy: Policy,
    text: str,
    partitions: Sequence[int] = (),
    span: Span = Span(),
    told: Callable[[int, int], None] = lambda _done, _total: None,
    processes: int | None = None,
    snapshots: str = "",
) -> BacktestReport:
    """Fold these partitions of the log twice; all, where none is named. `text`: of the policy, which has been checked.
    `told` hears how many records have been read, and of how many. `processes`: at most so many at a time; None: one a
    core. `snapshots`: where they are kept; empty: nowhere. Raises SidestepError, SnapshotNeeded among them."""
    extents = extents_of(connection, partitions)
    place = snapshots_in(connection, snapshots)
    total = sum(extent.end - extent.start for extent in extents)
    with tempfile.TemporaryDirectory(prefix="sidestep-backtest-") as folder:
        jobs = [
            BacktestJob(replace(connection), extent, place, text, span, Path(folder) / str(extent.partition))
            for extent in extents
        ]
        found = side_by_side(jobs, processes or os.cpu_count() or 1, added_up(told, total), BacktestFailed)
    whole = BacktestCounts()
    for counts in found:
        whole.merge(counts)
    return BacktestReport(policy.name, policy.version, [extent.partition for extent in extents], span, whole)


def extents_of(connection: Connection, partitions: Sequence[int] = ()) -> list[LogExtent]:
    """What there is now of these partitions of the log, or of all. Raises SidestepError."""
    found = require(admin_client(connection), connection, [EVIDENCE.name])
    known = sorted(found[EVIDENCE.name].partitions)
    if unknown := set(partitions) - set(known):
        raise BacktestFailed(f"{EVIDENCE.name} has no partition {min(unknown)}: it has {len(known)}")
    places = [Place(EVIDENCE.name, number) for number in sorted(set(partitions)) or known]
    offsets = Offsets(connection)
    starts, ends = offsets.starts(places), offsets.ends(places)
    note = note_or_none(connection) or PartitionNote(len(known))
    carried_on = note.is_carried_on
    return [LogExtent(p.partition, starts[p], ends[p].stable, carried_on(p.partition)) for p in places]


@contextmanager
def beginning(
    extent: LogExtent, snapshots: LogSnapshots | None, folder: Path, before_ms: int | None, new_store: NewStore
) -> Iterator[Beginning]:
    """The state that a fold of a partition begins with: the log's beginning, or the newest snapshot of
    before a log time. Raises SnapshotNeeded."""
    found = find_beginning(extent, snapshots, folder / "snapshot", before_ms=before_ms, new_tables=new_store)
    with closing(found):
        yield found


def told_of(found: Beginning, extent: LogExtent) -> list[str]:
    """What a reader of the report should know of a beginning."""
    notes = [f"a snapshot was not used: {each}" for each in found.refused]
    if found.snapshot is not None:
        notes.append(f"{extent.place} is folded from offset {found.start} on, behind a snapshot")
    return notes


def snapshots_in(connection: Connection, url: str) -> LogSnapshots | None:
    """Snapshots of this cluster; None: nobody says where they are."""
    return LogSnapshots(url, topic_of(connection, EVIDENCE.name).cluster) if url else None


def read_records(connection: Connection, extent: LogExtent, start: int) -> Iterator[LogRecord]:
    """The records of a partition from `start` to its end."""
    if extent.end <= start:
        return
    for records in batches_to_end(connection, EVIDENCE.name, [extent.partition], NAME, start):
        for record in records:
            if record.offset() >= extent.end:
                return
            yield record.offset(), record.value()
