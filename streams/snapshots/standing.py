"""All snapshots of a cluster: what they are of, and until when the rule keeps them. Blocks.

An erasure says by this list which snapshots still hold the keyed hash of a person, and for how long.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sidestep.streams.errors import SnapshotRefused
from sidestep.streams.snapshots.keeping import DAY, KeepRule, removed_at
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest, SnapshotRef


class StandingSnapshot(NamedTuple):
    """One of them."""

    ref: SnapshotRef
    manifest: SnapshotManifest | None
    """None: it is refused, …"""
    refused: str
    """… for this reason."""
    removed_at: float
    """When the rule will remove it if workers go on taking them, seconds since 1970; inf: not within ten years."""


def standing_snapshots(
    place: SnapshotPlace,
    cluster: str,
    ledgers: Mapping[str, int],
    rule: KeepRule,
    every: float = DAY,
    *,
    check: bool = False,
) -> Iterator[StandingSnapshot]:
    """By role, partition and time. `ledgers`: numbers of partitions by role. `every`: seconds between two snapshots.
    `check`: read all files as well. Raises SnapshotsUnreachable."""
    for role, partitions in ledgers.items():
        for partition in range(partitions):
            refs = place.listed(cluster, role, partition)
            ends = removed_at([ref.taken_at for ref in refs], rule, every)
            for ref in refs:
                manifest, refused = _looked_at(place, ref, check)
                yield StandingSnapshot(ref, manifest, refused, ends[ref.taken_at])


def _looked_at(place: SnapshotPlace, ref: SnapshotRef, check: bool) -> tuple[SnapshotManifest | None, str]:
    try:
        manifest = place.manifest(ref)
        if check:
            place.check(manifest)
    except SnapshotRefused as error:
        return None, str(error)
    return manifest, ""
