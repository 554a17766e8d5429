"""A worker without a ledger on disk begins from the newest snapshot of its own cluster, and recovers the rest from the
changelogs. Blocks.

One that does not fit the changelogs as they are now is refused by name, and what cannot be had is done without: then
the ledger is rebuilt from the changelogs' beginning, as ever.
"""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sidestep.streams.errors import SnapshotRefused
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest, SnapshotWanted, require_fit

log = logging.getLogger(__name__)

Misfit = Callable[[SnapshotManifest], str]
"""Why a snapshot does not fit the changelogs; empty: it does."""


def restore(place: SnapshotPlace, wanted: SnapshotWanted, folder: Path, misfit: Misfit) -> SnapshotManifest | None:
    """Put the newest sound one that fits where a ledger's folder is looked for; None: there is none. Raises
    SnapshotsUnreachable, OSError."""
    partial = folder.with_name(f"{folder.name}.restoring")
    for ref in reversed(place.listed(wanted.cluster, wanted.role, wanted.partition)):
        began = time.monotonic()
        try:
            manifest = place.manifest(ref)
            require_fit(manifest, wanted)
            if why := misfit(manifest):
                raise SnapshotRefused(f"{ref}: {why}")
            shutil.rmtree(partial, ignore_errors=True)
            place.fetch(manifest, partial)
        except SnapshotRefused as error:
            log.warning("this worker does not begin from %s", error)
            continue
        partial.rename(folder)
        log.info("begun from %s: %d octets in %.2f s", ref, manifest.octets, time.monotonic() - began)
        return manifest
    return None
