"""Where the fold begins that leads to one verdict."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rocksdict import Cache

from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.errors import SnapshotNeeded
from sidestep.streams.explain.shelf import Shelf

MANY = 50_000
"""Records: what more of them leave is kept on disk."""
CACHE_OCTETS = 32 * 1024 * 1024


class Start(NamedTuple):
    """A state, and the offset of the first record behind it."""

    tables: ReplayTables
    start: int


@contextmanager
def start_before(log: Shelf, offset: int) -> Iterator[Start]:
    """The state nearest before an offset of the log. Raises SnapshotNeeded."""
    if log.start > 0:
        raise SnapshotNeeded(
            f"{log.place} begins at offset {log.start}: what was before it is no longer retained, and there is no "
            "snapshot to begin with"
        )
    if offset < MANY:
        yield Start(ReplayTables(), 0)
        return
    with tempfile.TemporaryDirectory(prefix="sidestep-explain-") as folder:
        cache = Cache(CACHE_OCTETS)
        stores = [OnDisk(Path(folder) / name, cache) for name in ("rows", "window")]
        try:
            yield Start(ReplayTables(*stores), 0)
        finally:
            for store in stores:
                store.close()
