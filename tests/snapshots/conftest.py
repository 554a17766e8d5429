"""A ledger that has folded half of the golden log, a folder for snapshots, and one snapshot in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest
from tests.snapshots.snapshot_world import FoldedLedger, taken


@dataclass
class Snapped:
    """What tests begin with."""

    ledger: FoldedLedger
    place: SnapshotPlace
    manifest: SnapshotManifest
    folder: Path

    def take(self) -> SnapshotManifest:
        """One more."""
        return taken(self.ledger, self.place, self.folder / "held")


@pytest.fixture
def snapped(tmp_path: Path) -> Iterator[Snapped]:
    """At offset 40, in a local folder."""
    ledger, place = FoldedLedger(tmp_path / "ledger"), SnapshotPlace(str(tmp_path / "place"))
    ledger.fold(40)
    yield Snapped(ledger, place, taken(ledger, place, tmp_path / "held"), tmp_path)
    ledger.close()
