"""Taking a snapshot, in two steps: the state is held while nothing is committed, which takes some tens of milliseconds;
what takes long, summing and copying its files, goes on beside the work. Blocks: call each from a thread."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from sidestep.streams.errors import SnapshotsUnreachable
from sidestep.streams.snapshots.keeping import FREE_SHARE
from sidestep.streams.snapshots.place import SnapshotPlace, summed
from sidestep.streams.snapshots.record import SnapshotManifest


class HeldLedger(Protocol):
    """A ledger as far as a snapshot needs it: runtime/ledger.py."""

    partition: int
    marker: int
    cluster: str

    def checkpoint(self, folder: Path) -> dict[str, int]:
        """Copies of its stores in an empty folder; the changelog positions that they have."""


LedgerT_contra = TypeVar("LedgerT_contra", bound=HeldLedger, contravariant=True)


@dataclass(frozen=True)
class SnapshotSource:
    """What all ledgers of a role say in their snapshots; SnapshotManifest has the same fields."""

    group: str
    role: str
    topic: str
    engine: str
    ages: dict[str, int]


@dataclass(frozen=True)
class HeldState:
    """A ledger's state, held in a folder."""

    folder: Path
    cluster: str
    partition: int
    marker: int
    log_time_ms: int
    positions: dict[str, int]
    taken_at: float
    held_seconds: float
    """For which the partition was held up."""


def hold(ledger: LedgerT_contra, folder: Path, clock_ms: Callable[[LedgerT_contra], int]) -> HeldState:
    """Hold the state of a ledger that commits nothing meanwhile. `folder`: on the ledger's disk, not there yet. Raises
    LedgerError."""
    began = time.monotonic()
    positions = ledger.checkpoint(folder)
    held = time.monotonic() - began
    return HeldState(
        folder, ledger.cluster, ledger.partition, ledger.marker, clock_ms(ledger), positions, time.time(), held
    )


def keep(held: HeldState, source: SnapshotSource, place: SnapshotPlace) -> SnapshotManifest:
    """Make a snapshot of it. Raises SnapshotsUnreachable. The folder is removed in any case."""
    try:
        files = summed(held.folder, sorted(held.positions))
        manifest = SnapshotManifest(
            cluster=held.cluster,
            group=source.group,
            role=source.role,
            topic=source.topic,
            partition=held.partition,
            marker=held.marker,
            log_time_ms=held.log_time_ms,
            taken_at=held.taken_at,
            engine=source.engine,
            positions=held.positions,
            ages=source.ages,
            files=files,
        )
        _require_room(place, manifest)
        place.put(manifest, held.folder)
        return manifest
    except OSError as error:
        raise SnapshotsUnreachable(f"the state held in {held.folder} can't be read: {error}") from error
    finally:
        shutil.rmtree(held.folder, ignore_errors=True)


def _require_room(place: SnapshotPlace, manifest: SnapshotManifest) -> None:
    free = place.free()
    if free is not None and free < FREE_SHARE * manifest.octets:
        raise SnapshotsUnreachable(
            f"{place.url} has {free:,} octets left, and a snapshot of {manifest.octets:,} is only written where there "
            f"are {FREE_SHARE} times as many: make room, keep fewer (SIDESTEP_SNAPSHOT_KEEP), or keep them elsewhere "
            "(SIDESTEP_SNAPSHOTS)"
        )
