"""Where a replay begins, with what state. Pure: beginning.py finds it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.snapshots.record import SnapshotManifest


@dataclass
class Beginning:
    """The state before the record at `start`."""

    tables: ReplayTables
    start: int
    snapshot: SnapshotManifest | None = None
    """None: it is the log's beginning, and nothing was known."""
    refused: list[str] = field(default_factory=list)
    """Why snapshots that would have done were not used; each names its own."""
    close: Callable[[], None] = field(default=lambda: None, repr=False)
    """Closes what lies on disk; the folder may go then."""
