"""Where a replay begins: at the log's beginning, or behind a snapshot of the ledger.

    beginning = find_beginning(kept, snapshots, folder)
    Replayer(partition, beginning.tables, beginning.start)

What Kafka and the place of snapshots hold is only read: a snapshot is copied to a folder, checked, and opened there.
Who has no time for that has it lent: `SnapshotPlace.fetch` says what is not checked then.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from rocksdict import Cache

from sidestep.streams.audit.began import Beginning
from sidestep.streams.audit.key_values import InMemory, KeyValues
from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.errors import LedgerDamaged, SnapshotNeeded, SnapshotRefused
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import STORES, SnapshotManifest, SnapshotRef, SnapshotWanted, ref_of, require_fit
from sidestep.topics.catalog import EVIDENCE

ROLE = "decide"
"""Whose ledgers hold what the fold goes by."""
OF_THE_LEDGER = b"\0"
"""What keys begin with of what a ledger keeps for itself beside its rows."""

CACHE_OCTETS = 32 * 1024 * 1024
"""RocksDB's block cache."""

NewTables = Callable[[str], KeyValues]
"""A name -> an empty store."""


__all__ = ["Beginning", "LogExtent", "LogSnapshots", "find_beginning", "newest_snapshot", "open_store"]


@dataclass(frozen=True)
class LogExtent:
    """A partition of the log: offset of its first record that is still there, and of the next one that will come."""

    partition: int
    start: int
    end: int
    carried_on: bool = False
    """Its ledger began with a copy of another partition's: the log grew."""

    @property
    def place(self) -> str:
        """TOPIC/PARTITION."""
        return f"{EVIDENCE.name}/{self.partition}"


@dataclass(frozen=True)
class LogSnapshots:
    """Where the snapshots of a cluster's log are looked for. `url`: a folder, or what fsspec takes."""

    url: str
    cluster: str
    """Id of the Kafka cluster."""


def find_beginning(
    log: LogExtent,
    snapshots: LogSnapshots | None,
    folder: Path,
    *,
    offset: int | None = None,
    before_ms: int | None = None,
    new_tables: NewTables = lambda _: InMemory(),
    lend: bool = False,
) -> Beginning:
    """Where to begin so as to have the state before the record at `offset`, or what was at a log time in milliseconds:
    the newest sound snapshot that is not later. Where neither is said, as early as can be. `folder`: not there yet, for
    the snapshot's copy. `new_tables`: for rows where none is used. `lend`: as SnapshotPlace.fetch has it.

    Raises SnapshotNeeded where the log no longer has its beginning, and no snapshot takes its place. Without `offset` a
    snapshot later than the wish does where there is none before it: see `start`.
    """
    refused: list[str] = []
    for ref, manifest in _in_order(log, snapshots, offset, before_ms, refused):
        place = SnapshotPlace(snapshots.url)  # type: ignore[union-attr]  # there are none without it
        try:
            return _opened(place, ref, manifest, folder / ref.name, refused, lend)
        except SnapshotRefused as error:
            refused.append(str(error))
    if log.start > 0 or log.carried_on:
        raise SnapshotNeeded(_needed(log, snapshots, offset, refused))
    return Beginning(ReplayTables(new_tables("rows"), new_tables("window")), 0, refused=refused)


def _in_order(
    log: LogExtent, snapshots: LogSnapshots | None, offset: int | None, before_ms: int | None, refused: list[str]
) -> Iterator[tuple[SnapshotRef, SnapshotManifest]]:
    """Snapshots that would do, the best first."""
    anywhere = offset is None and before_ms is None
    if snapshots is None or (anywhere and log.start == 0 and not log.carried_on):
        return
    fitting = _fitting(log, snapshots, refused)
    before = [
        each
        for each in fitting
        if (offset is None or each[1].marker < offset) and (before_ms is None or each[1].log_time_ms <= before_ms)
    ]
    if not anywhere:
        yield from reversed(before)
    if (log.start > 0 or log.carried_on) and offset is None:
        yield from (each for each in fitting if anywhere or each not in before)


def _fitting(log: LogExtent, snapshots: LogSnapshots, refused: list[str]) -> list[tuple[SnapshotRef, SnapshotManifest]]:
    """Snapshots behind which the log has the next record, in its order."""
    place, found = SnapshotPlace(snapshots.url), []
    wanted = SnapshotWanted(snapshots.cluster, ROLE, EVIDENCE.name, log.partition, ENGINE)
    for ref in place.listed(snapshots.cluster, ROLE, log.partition):
        try:
            manifest = place.manifest(ref)
            require_fit(manifest, wanted)
        except SnapshotRefused as error:
            refused.append(str(error))
            continue
        if manifest.marker >= log.end:
            refused.append(f"{ref}: it lies beyond the end of {log.place}, which is at {log.end}")
        elif manifest.marker + 1 >= log.start:
            found.append((ref, manifest))
    return sorted(found, key=lambda each: each[1].marker)


def _opened(
    place: SnapshotPlace, ref: SnapshotRef, manifest: SnapshotManifest, folder: Path, refused: list[str], lend: bool
) -> Beginning:
    place.fetch(manifest, folder, lend=lend)
    closing, cache, stores = ExitStack(), Cache(CACHE_OCTETS), dict[str, OnDisk]()
    try:
        for name in STORES:
            stores[name] = open_store(manifest, folder, name, cache, compact=not lend)
            closing.callback(stores[name].close)
        [marker] = stores["rows"].get_many([MARKER])
        if marker != b"%d" % manifest.marker:
            raise SnapshotRefused(f"{ref}: its manifest says marker {manifest.marker}, its rows have another")
        for store in stores.values():
            store.put([(key, None) for key, _ in store.items(OF_THE_LEDGER)])
    except BaseException:
        closing.close()
        raise
    tables = ReplayTables(stores["rows"], stores["window"])
    return Beginning(tables, manifest.marker + 1, manifest, refused, closing.close)


def open_store(manifest: SnapshotManifest, folder: Path, name: str, cache: Cache, *, compact: bool = False) -> OnDisk:
    """One store of a snapshot that was fetched to a folder. Raises SnapshotRefused."""
    try:
        return OnDisk(folder / name, cache, timed=name in manifest.ages, compact=compact)
    except LedgerDamaged as error:
        raise SnapshotRefused(f"{ref_of(manifest)}: {name} is damaged: {error.__cause__}") from None


def newest_snapshot(place: SnapshotPlace, cluster: str, partition: int) -> SnapshotManifest | None:
    """The newest one of a partition's ledger that can be used. Raises SnapshotsUnreachable."""
    wanted = SnapshotWanted(cluster, ROLE, EVIDENCE.name, partition, ENGINE)
    for ref in reversed(place.listed(cluster, ROLE, partition)):
        with suppress(SnapshotRefused):
            manifest = place.manifest(ref)
            require_fit(manifest, wanted)
            return manifest
    return None


def _needed(log: LogExtent, snapshots: LogSnapshots | None, offset: int | None, refused: list[str]) -> str:
    until = "" if offset is None else f" and before offset {offset}"
    text = (
        f"{log.place} begins at offset {log.start}: what was before it is no longer retained, and rules look back two "
        f"years. To prove what follows takes a snapshot of the ledger as it was at offset {log.start - 1} or "
        f"later{until}"
    )
    if log.start == 0:
        text = (
            f"{log.place} came when the log grew, and its ledger began with a copy of another partition's, which was "
            f"compared then. What this log says is proved from a snapshot on{until}"
        )
    if snapshots is None:
        return f"{text}. Say where they are kept (SIDESTEP_SNAPSHOTS)"
    others = [name for name in SnapshotPlace(snapshots.url).clusters() if name != snapshots.cluster]
    why = "".join(f"\n  {line}" for line in refused) or " There is none"
    if others:
        why += f"\n  (there are some of other clusters: {', '.join(others)})"
    return (
        f"{text}. Of cluster {snapshots.cluster} in {snapshots.url}:{why}\n"
        "Workers take one a day (`sidestep snapshot` at once), so that later stretches can be proved; keep "
        f"{EVIDENCE.name} for longer than that (retention.ms)"
    )
