"""A ledger in two databases, folded from the golden log, and snapshots of it: what tests of snapshots spoil."""

import time
from pathlib import Path

from rocksdict import Cache

from sidestep.streams.audit import Replayer, ReplayTables
from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.runtime.ledger import CLUSTER
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.recovery import POSITION
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest
from sidestep.streams.snapshots.take import SnapshotSource, hold, keep
from tests.audit.conftest import golden_lines

LOG = list(enumerate(golden_lines("log")))
OURS = "cluster-of-ours"
SOURCE = SnapshotSource("sidestep", "decide", "email-evidence", ENGINE, {"window": 1_296_000})
POSITIONS = {"rows": 7, "window": 3}
"""Where its changelogs were, as it says."""


class FoldedLedger:
    """Ledger's interface as far as snapshots need it, over real databases."""

    def __init__(self, folder: Path, partition: int = 0, cluster: str = OURS):
        self.partition, self.cluster, self.marker = partition, cluster, -1
        self.stores = {
            "rows": OnDisk(folder / "rows", Cache(1_000_000)),
            "window": OnDisk(folder / "window", Cache(1_000_000), timed=True),
        }
        self.replayer = Replayer(partition, ReplayTables(self.stores["rows"], self.stores["window"]))

    def fold(self, until: int) -> None:
        """All records of the golden log before this offset."""
        for _ in self.replayer.replay(LOG[:until], 10):
            pass
        self.marker = self.replayer.next - 1
        own = {CLUSTER: self.cluster.encode(), POSITION: b"7", MARKER: b"%d" % self.marker}
        self.stores["rows"].put(own.items())

    def checkpoint(self, folder: Path) -> dict[str, int]:
        """As Ledger.checkpoint has it."""
        for name, store in self.stores.items():
            store.checkpoint(folder / name)
        return dict(POSITIONS)

    def close(self) -> None:
        """Both databases."""
        for store in self.stores.values():
            store.close()


def taken(
    ledger: FoldedLedger, place: SnapshotPlace, folder: Path, source: SnapshotSource = SOURCE
) -> SnapshotManifest:
    """A snapshot of it."""
    return keep(hold(ledger, folder, lambda one: one.replayer.log_time_ms), source, place)


def wait_a_tick() -> None:
    """Until the clock shows another microsecond."""
    now = time.time()
    while time.time() - now < 1e-5:
        pass
