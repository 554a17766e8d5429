"""Check of the room that snapshots of ledgers will take, by those that there are. Nothing is written."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from sidestep.streams.doctor import judge
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.settings import Settings
from sidestep.streams.snapshots.place import SnapshotPlace


def snapshots(settings: Settings) -> Iterator[CheckRow]:
    """Room for as many of each ledger as the rule keeps."""
    if not settings.snapshots_url:
        yield CheckRow("snapshots", "ok", "none are taken (SIDESTEP_SNAPSHOTS=none)")
        return
    place = SnapshotPlace(settings.snapshots_url)
    if not place.local:
        yield CheckRow("snapshots", "ok", f"{place.url}: no disk of this machine")
        return
    folder = Path(settings.snapshots_url.removeprefix("file://")).absolute()
    while not folder.exists():
        folder = folder.parent
    yield judge.snapshot_room(place.url, shutil.disk_usage(folder).free, _kept(place), sum(settings.keep_rule))


def _kept(place: SnapshotPlace) -> Iterator[judge.KeptLedger]:
    for ledger in place.ledgers():
        refs = place.listed(*ledger)
        if refs:
            yield judge.KeptLedger(len(refs), place.manifest(refs[-1]).octets)
