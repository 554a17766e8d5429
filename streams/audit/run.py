"""An audit of several partitions side by side, each in a process of its own: they share nothing but the cluster."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from sidestep.streams.audit.audit_partition import NEVER, PartitionAuditor, Span
from sidestep.streams.audit.began import Beginning
from sidestep.streams.audit.beginning import LogExtent, LogSnapshots, find_beginning
from sidestep.streams.audit.findings import AuditReport, PartitionAudit
from sidestep.streams.audit.finished import AuditAbout, begun
from sidestep.streams.audit.folds import FOLDS
from sidestep.streams.audit.key_values import KeyValues
from sidestep.streams.audit.match_ledger import NewStore
from sidestep.streams.audit.read_chain import open_chained
from sidestep.streams.audit.reading import Extents, cluster_of, open_log, open_watch, read_extents
from sidestep.streams.audit.watch_partition import WatchAuditor
from sidestep.streams.errors import AuditFailed
from sidestep.streams.runtime.collector import fit_batches
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.watch.thresholds import Thresholds, thresholds
from sidestep.topics.catalog import EVIDENCE, TALLIES
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError

CACHE_OCTETS = 32 * 1024 * 1024
"""RocksDB's block cache, of one partition."""

Told = Callable[[int, int], None]
"""Hears how many records have been read, and how many there are to read, roughly."""


@dataclass(frozen=True)
class Job:
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


def audit(
    connection: Connection,
    partitions: Sequence[int] = (),
    span: Span = Span(),
    proofs: bool = False,
    told: Told = lambda _done, _total: None,
    processes: int | None = None,
    rules: Thresholds | None = None,
    snapshots: str = "",
    resume: Path | None = None,
) -> AuditReport:
    """Audit these partitions of the log; all, where none is named. `proofs`: verdicts without a proof are a fault.
    `processes`: at most so many at a time; None: one a core. `rules`: Watch's thresholds, None: as they ship.
    `snapshots`: where they are kept; one is begun with where retention has taken the log's beginning, or where a time
    is asked for; empty: nowhere. `resume`: a folder that remembers the partitions that are finished; an audit that was
    interrupted goes on with the others. Raises SidestepError, SnapshotNeeded among them."""
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
    with tempfile.TemporaryDirectory(prefix="sidestep-audit-") as folder:
        jobs = [
            Job(
                replace(connection),
                extents,
                partition,
                span,
                proofs,
                rules,
                place,
                Path(folder) / str(partition),
            )
            for partition in left
        ]
        keep = finished.keep if finished is not None else lambda _: None
        done += _run(jobs, processes or os.cpu_count() or 1, _Sum(told, total), keep)
    return AuditReport(sorted(done, key=lambda each: each.partition))


def audit_one(job: Job, told: Callable[[int], None]) -> PartitionAudit:
    """One partition, here. Raises SidestepError."""
    from rocksdict import Cache

    from sidestep.streams.audit.on_disk import OnDisk

    cache, opened = Cache(CACHE_OCTETS), list[OnDisk]()

    def new_store(name: str) -> KeyValues:
        opened.append(OnDisk(job.folder / name, cache))
        return opened[-1]

    beginning = _beginning(job, new_store)
    try:
        extents = job.extents.beginning_at(job.partition, beginning.start)
        log = open_log(job.connection, extents, job.partition, job.proofs)
        log = replace(log, chained=open_chained(job.connection, job.extents, job.partition))
        audit = PartitionAuditor(log, job.span, new_store, told, beginning=beginning).audit()
        if job.span.whole and job.partition in job.extents.partitions(TALLIES.name):
            kept = open_watch(job.connection, job.extents, job.partition)
            partitions = len(job.extents.partitions(EVIDENCE.name))
            WatchAuditor(kept, job.rules, partitions, audit, new_store, told).audit()
        return audit
    finally:
        beginning.close()
        for store in opened:
            store.close()


def _beginning(job: Job, new_store: NewStore) -> Beginning:
    """The log's, or behind a snapshot: the first that will do, or the last before what is asked for."""
    extent = job.extents.places[Place(EVIDENCE.name, job.partition)]
    log, since = LogExtent(job.partition, extent.start, extent.end), job.span.since
    before_ms = None if since == NEVER else int(since * 1000)
    return find_beginning(log, job.snapshots, job.folder / "begun", before_ms=before_ms, new_tables=new_store)


class _Sum:
    """Adds up what all partitions tell."""

    def __init__(self, told: Told, total: int):
        self._told, self._total, self._done = told, total, 0

    def __call__(self, records: int) -> None:
        self._done += records
        self._told(min(self._done, self._total), self._total)


def _run(
    jobs: list[Job], processes: int, told: Callable[[int], None], keep: Callable[[PartitionAudit], None]
) -> list[PartitionAudit]:
    """`keep` hears of each partition that is finished."""
    found: list[PartitionAudit] = []
    if len(jobs) <= 1 or processes == 1:
        for job in jobs:
            found.append(audit_one(job, told))
            keep(found[-1])
        return found
    waiting, running = list(jobs), dict[Pipe, tuple[Job, BaseProcess]]()
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                job = waiting.pop(0)
                pipe, process = _start(job)
                running[pipe] = job, process
            for ready in wait(list(running)):
                pipe = ready  # type: ignore[assignment]  # what is waited for
                said = _said(pipe, running[pipe][0])
                if isinstance(said, int):
                    told(said)
                    continue
                found.append(said)
                keep(said)
                running.pop(pipe)[1].join()
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()
    return found


def _start(job: Job) -> tuple[Pipe, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # librdkafka's threads survive no fork
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(job, theirs), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _child(job: Job, pipe: Pipe) -> None:
    fit_batches()
    try:
        pipe.send(audit_one(job, pipe.send))
    except SidestepError as error:
        pipe.send(error)


def _said(pipe: Pipe, job: Job) -> int | PartitionAudit:
    """What a process has said next: records read, or in the end what was found. Raises what it has failed with."""
    try:
        said = pipe.recv()
    except EOFError:
        raise AuditFailed(
            f"the process that audited partition {job.partition} has ended by itself: is there enough memory, and room "
            f"in {tempfile.gettempdir()}? TMPDIR names another folder"
        ) from None
    if isinstance(said, SidestepError):
        raise said
    assert isinstance(said, int | PartitionAudit)
    return said
