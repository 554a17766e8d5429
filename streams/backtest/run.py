"""A backtest of several partitions of Kafka's log. Nothing is written to Kafka, and no group is joined. Blocks."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.audit.replay import LogRecord
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.backtest.counts import BacktestCounts
from sidestep.streams.backtest.other_policy import NewStore
from sidestep.streams.backtest.partition import LoggedPartition, PartitionBacktest
from sidestep.streams.backtest.report import BacktestReport
from sidestep.streams.backtest.side_by_side import Told, side_by_side
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.errors import BacktestFailed, SnapshotNeeded
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.to_the_end import batches_to_end
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection

NAME = "sidestep-reader-backtest"
"""Of the client; who may read at all may name a group of this name, which is never joined (topics/acls.py)."""
CACHE_OCTETS = 32 * 1024 * 1024
"""RocksDB's block cache, of one partition."""


@dataclass(frozen=True)
class LogReach:
    """What there is of a partition of the log, by offsets."""

    partition: int
    start: int
    end: int


@dataclass(frozen=True)
class BacktestJob:
    """One partition to fold twice."""

    connection: Connection
    reach: LogReach
    text: str
    span: Span
    folder: Path
    """Empty, for this partition's rows."""

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self.reach.partition

    def __call__(self, told: Told) -> BacktestCounts:
        """Fold it, here. Raises SidestepError."""
        with stores(self.folder) as new_store:
            tables, start = beginning(self.reach, new_store)
            records = read_records(self.connection, self.reach, start)
            log = LoggedPartition(self.partition, tables, start, records)
            return PartitionBacktest(parse(self.text), self.text, self.span, new_store, told).compare(log)


def backtest(
    connection: Connection,
    policy: Policy,
    text: str,
    partitions: Sequence[int] = (),
    span: Span = Span(),
    told: Callable[[int, int], None] = lambda _done, _total: None,
    processes: int | None = None,
) -> BacktestReport:
    """Fold these partitions of the log twice; all, where none is named. `text`: of the policy, which has been checked.
    `told` hears how many records have been read, and of how many. `processes`: at most so many at a time; None: one a
    core. Raises SidestepError, SnapshotNeeded among them."""
    reaches = reaches_of(connection, partitions)
    total, done = sum(reach.end - reach.start for reach in reaches), 0

    def tell(records: int) -> None:
        nonlocal done
        done += records
        told(min(done, total), total)

    with tempfile.TemporaryDirectory(prefix="sidestep-backtest-") as folder:
        jobs = [
            BacktestJob(replace(connection), reach, text, span, Path(folder) / str(reach.partition))
            for reach in reaches
        ]
        found = side_by_side(jobs, processes or os.cpu_count() or 1, tell)
    whole = BacktestCounts()
    for counts in found:
        whole.merge(counts)
    return BacktestReport(policy.name, policy.version, [reach.partition for reach in reaches], span, whole)


def reaches_of(connection: Connection, partitions: Sequence[int] = ()) -> list[LogReach]:
    """What there is now of these partitions of the log, or of all. Raises SidestepError."""
    found = require(admin_client(connection), connection, [EVIDENCE.name])
    known = sorted(found[EVIDENCE.name].partitions)
    if unknown := set(partitions) - set(known):
        raise BacktestFailed(f"{EVIDENCE.name} has no partition {min(unknown)}: it has {len(known)}")
    places = [Place(EVIDENCE.name, number) for number in sorted(set(partitions)) or known]
    offsets = Offsets(connection)
    starts, ends = offsets.starts(places), offsets.ends(places)
    return [LogReach(place.partition, starts[place], ends[place].stable) for place in places]


def beginning(reach: LogReach, new_store: NewStore) -> tuple[ReplayTables, int]:
    """The state that a fold of a partition begins with, and the offset of the first record to fold. Raises
    SnapshotNeeded."""
    if reach.start > 0:
        raise SnapshotNeeded(
            f"{EVIDENCE.name}/{reach.partition} begins at offset {reach.start}: what was before it is no longer "
            "retained, and rules look back two years. Keep this topic for longer (retention.ms)"
        )
    return ReplayTables(new_store("rows"), new_store("window")), 0


def read_records(connection: Connection, reach: LogReach, start: int) -> Iterator[LogRecord]:
    """The records of a partition from `start` to its end."""
    if reach.end <= start:
        return
    for records in batches_to_end(connection, EVIDENCE.name, [reach.partition], NAME, start):
        for record in records:
            if record.offset() >= reach.end:
                return
            yield record.offset(), record.value()


@contextmanager
def stores(folder: Path) -> Iterator[NewStore]:
    """Makes databases in a folder, and closes them in the end."""
    from rocksdict import Cache

    from sidestep.streams.audit.on_disk import OnDisk

    cache, opened = Cache(CACHE_OCTETS), list[OnDisk]()

    def new_store(name: str) -> OnDisk:
        opened.append(OnDisk(folder / name, cache))
        return opened[-1]

    try:
        yield new_store
    finally:
        for store in opened:
            store.close()
