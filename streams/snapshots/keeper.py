"""The snapshots of one role's ledgers in this worker: which are due, what becomes of one that is held, what is shown.
Blocks: called from a thread, by one at a time."""

import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sidestep.streams.errors import SnapshotRefused
from sidestep.streams.snapshots.figures import SnapshotFigures
from sidestep.streams.snapshots.keeping import DAY, KeepRule, kept
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest, SnapshotRef
from sidestep.streams.snapshots.request import SnapshotRequest, read_request
from sidestep.streams.snapshots.take import HeldState, SnapshotSource, keep
from sidestep.streams.snapshots.turns import is_due, turn

log = logging.getLogger(__name__)

SETTLED_SECONDS = 60.0
"""From a worker's start to the first snapshot that nobody has asked for: it has other things to do."""
AGAIN_SECONDS = 600.0
"""From a failure to the next attempt, unless somebody asks for one."""
HELD = ".held"
"""Behind the name of a partition's folder: where its state is held."""
UNFINISHED_SECONDS = DAY
"""After which what has no manifest is not being written any more."""


class SnapshotKeeper:
    """Knows a partition by its number."""

    def __init__(
        self, url: str, source: SnapshotSource, rule: KeepRule, interval: float, clock: Callable[[], float] = time.time
    ):
        self._url = url
        self._source = source
        self._rule = rule
        self._interval = interval
        self._clock = clock
        self._began = clock()
        self._opened: SnapshotPlace | None = None
        self._newest: dict[int, float | None] = {}
        self._failed_at: dict[int, float] = {}
        self._answered: dict[int, str] = {}
        """By partition, the request that was tried last."""
        self._request: SnapshotRequest | None = None
        self.figures = SnapshotFigures()

    def forget_others(self, partitions: set[int]) -> None:
        """Only these are this worker's: others take the snapshots of the rest."""
        for known in (self._newest, self._failed_at, self._answered):
            for partition in known.keys() - partitions:
                del known[partition]
        self.figures.keep_only(partitions)

    def look_for_request(self, cluster: str) -> None:
        """See whether somebody has asked for snapshots (`sidestep snapshot`). Raises SnapshotsUnreachable."""
        self._request = read_request(self._place(), cluster)

    def is_due(self, cluster: str, partition: int) -> bool:
        """Whether to take one now. Raises SnapshotsUnreachable."""
        now = self._clock()
        if partition not in self._newest:
            refs = self._place().listed(cluster, self._source.role, partition)
            self._noted(partition, refs[-1].taken_at if refs else None)
        newest = self._newest[partition]
        if self._is_asked(partition, newest):
            return True
        if now - self._failed_at.get(partition, float("-inf")) < AGAIN_SECONDS or now - self._began < SETTLED_SECONDS:
            return False
        return is_due(now, newest, self._interval, turn(self._source.role, partition))

    def keep(self, held: HeldState) -> SnapshotManifest:
        """Make a snapshot of what is held, and remove those that the rule does not keep. Raises
        SnapshotsUnreachable."""
        self.figures.held_seconds[held.partition] = held.held_seconds
        manifest = keep(held, self._source, self._place())
        self._failed_at.pop(held.partition, None)
        self._noted(held.partition, manifest.taken_at)
        self.figures.octets[held.partition] = manifest.octets
        log.info(
            "snapshot taken",
            extra={
                "role": manifest.role,
                "partition": manifest.partition,
                "marker": manifest.marker,
                "octets": manifest.octets,
                "held_up_ms": round(held.held_seconds * 1000, 1),
                "seconds": round(self._clock() - held.taken_at, 3),
            },
        )
        remove_old(self._place(), manifest, self._rule)
        return manifest

    def failed(self, partition: int, error: Exception) -> None:
        """An attempt came to nothing; the worker goes on, and tries again later."""
        self.figures.failed += 1
        self._failed_at[partition] = self._clock()
        log.error("no snapshot of %s/%d: %s", self._source.topic, partition, error)

    def asked_for(self, partition: int) -> None:
        """One attempt for each request, whatever becomes of it."""
        if self._request is not None:
            self._answered[partition] = self._request.id

    def _is_asked(self, partition: int, newest: float | None) -> bool:
        request = self._request
        if request is None or self._answered.get(partition) == request.id:
            return False
        return newest is None or newest < request.at

    def _noted(self, partition: int, taken_at: float | None) -> None:
        self._newest[partition] = taken_at
        if taken_at is not None:
            self.figures.taken_at[partition] = taken_at

    def _place(self) -> SnapshotPlace:
        if self._opened is None:
            self._opened = SnapshotPlace(self._url)
        return self._opened


def remove_old(place: SnapshotPlace, newest: SnapshotManifest, rule: KeepRule) -> list[SnapshotRef]:
    """Remove what the rule does not keep, and what was left unfinished; what was removed. Nothing of it unless one that
    stays is sound, its files read again. Raises SnapshotsUnreachable."""
    cluster, role, partition = newest.cluster, newest.role, newest.partition
    now = newest.taken_at
    refs = place.listed(cluster, role, partition)
    stays = kept([ref.taken_at for ref in refs], rule)
    old = [ref for ref in refs if ref.taken_at not in stays]
    if old and not any(_is_sound(place, ref) for ref in reversed(refs) if ref not in old):
        log.error("no snapshot of %s/%d is sound: none is removed", role, partition)
        return []
    unfinished = place.unfinished(cluster, role, partition)
    gone = old + [ref for ref in unfinished if now - ref.taken_at > UNFINISHED_SECONDS]
    for ref in gone:
        place.remove(ref)
    return gone


def remove_held(folder: Path) -> None:
    """What a killed worker has left of states that it held: nobody goes on with them."""
    for left in folder.glob(f"*{HELD}"):
        shutil.rmtree(left, ignore_errors=True)


def _is_sound(place: SnapshotPlace, ref: SnapshotRef) -> bool:
    with contextlib.suppress(SnapshotRefused):
        place.check(place.manifest(ref))
        return True
    return False
