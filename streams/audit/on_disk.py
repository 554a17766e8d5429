"""Octets by key in RocksDB, for logs of any length: memory stays as it is."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rocksdict import Cache

from sidestep.streams.audit.key_values import Change
from sidestep.streams.runtime.store import Store, new_batch

CACHE_OCTETS = 32 * 1024 * 1024
"""RocksDB's block cache, of one partition."""


class OnDisk:
    """A database in a folder of its own, written as a ledger's. Raises LedgerError where the disk does not do its
    part. `timed`: its rows have a time, as those of a ledger's windowed tables; none is dropped for it. `compact`: as
    Store has it."""

    def __init__(self, folder: Path, cache: Cache, timed: bool = False, *, compact: bool = True):
        self._store = Store(folder, cache, 0 if timed else None, compact=compact)
        self.get_many = self._store.get_many
        self.checkpoint = self._store.checkpoint

    def items(self, prefix: bytes, start: bytes = b"", stop: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """As KeyValues has it."""
        return self._store.items(prefix, start, stop)

    def put(self, changes: Iterable[Change]) -> None:
        """Write or remove."""
        batch = new_batch()
        put = batch.put
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                put(key, value)
        self._store.write(batch)

    def close(self) -> None:
        """End it; its folder may go then."""
        self._store.close()


@contextmanager
def stores(folder: Path) -> Iterator[Callable[[str], OnDisk]]:
    """Makes databases in a folder, each by its name, and closes them in the end."""
    cache, opened = Cache(CACHE_OCTETS), list[OnDisk]()

    def new_store(name: str) -> OnDisk:
        opened.append(OnDisk(folder / name, cache))
        return opened[-1]

    try:
        yield new_store
    finally:
        for store in opened:
            store.close()
