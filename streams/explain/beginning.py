"""Where the fold begins that leads to one verdict: behind the newest snapshot before it, or at the log's beginning."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from rocksdict import Cache

from sidestep.streams.audit.beginning import CACHE_OCTETS, Beginning, LogExtent, LogSnapshots, find_beginning
from sidestep.streams.audit.key_values import InMemory, KeyValues
from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.explain.shelf import Shelf

MANY = 50_000
"""Records: what more of them leave behind is kept on disk."""


@contextmanager
def beginning_before(
    log: Shelf, offset: int, snapshots: LogSnapshots | None, carried_on: bool = False, *, lend: bool = False
) -> Iterator[Beginning]:
    """The state nearest before an offset of the log. `carried_on`: as a LogExtent has it; `lend`: as
    SnapshotPlace.fetch has it. Raises SnapshotNeeded."""
    with tempfile.TemporaryDirectory(prefix="sidestep-explain-") as folder, ExitStack() as opened:
        cache = Cache(CACHE_OCTETS)

        def new_store(name: str) -> KeyValues:
            if offset < MANY:
                return InMemory()
            return opened.enter_context(closing(OnDisk(Path(folder) / name, cache)))

        extent = LogExtent(log.place.partition, log.start, log.end, carried_on)
        beginning = find_beginning(
            extent, snapshots, Path(folder) / "snapshot", offset=offset, new_tables=new_store, lend=lend
        )
        with closing(beginning):
            yield beginning
