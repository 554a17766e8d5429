"""RocksDB through rocksdict: one database of a partition's ledger, small and bounded."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast, overload

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from sidestep.streams.errors import LedgerDamaged, LedgerError
from sidestep.streams.runtime.damage import disk_fault, fault, mark_of

# The changelog is the write-ahead log: after a crash its tail is read again from the position stored with the data.
_WITHOUT_WAL = WriteOptions()
_WITHOUT_WAL.disable_wal = True  # type: ignore[method-assign, assignment]  # a property, whatever the stub says

WRITE_BUFFER, WRITE_BUFFERS = 8 * 1024 * 1024, 2
MEMTABLES = WRITE_BUFFERS * WRITE_BUFFER
"""Octets of a database that are not on the disk yet: one is written while the next one fills, or who writes waits."""
BLOOM_BITS = 10
MEMTABLE_BLOOM = 0.1
DELETIONS_WINDOW, DELETIONS = 512, 256
"""A file with so many tombstones among so many entries in a row is compacted soon, …"""
DELETIONS_SHARE = 0.25
"""… and one with such a share of them."""


class _Cursor(Protocol):
    """Goes through a database in key order."""

    def seek(self, key: bytes) -> None: ...

    def valid(self) -> bool: ...

    def key(self) -> bytes: ...

    def value(self) -> bytes: ...

    def next(self) -> None: ...

    def status(self) -> None: ...


class _RawDatabase(Protocol):
    """Rdict in raw mode, where keys and values are octets. Its stub speaks of all that it can store otherwise."""

    @overload
    def get(self, key: bytes) -> bytes | None: ...

    @overload
    def get(self, key: list[bytes]) -> list[bytes | None]: ...

    def write(self, write_batch: WriteBatch, write_opt: WriteOptions) -> None: ...

    def iter(self) -> "_Cursor": ...

    def property_int_value(self, name: str) -> int | None: ...

    def flush(self, wait: bool = True) -> None: ...

    def close(self) -> None: ...


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER)
    options.set_max_write_buffer_number(WRITE_BUFFERS)
    # most keys of a batch are new: a filter over the memtable says so for a third of the price of searching it
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM)
    options.set_memtable_whole_key_filtering(True)
    options.set_level_zero_file_num_compaction_trigger(8)
    # rows that have ended give their room back soon, not when RocksDB would compact anyway
    options.add_compact_on_deletion_collector_factory(DELETIONS_WINDOW, DELETIONS, DELETIONS_SHARE)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_background_jobs(2)
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    options.set_stats_dump_period_sec(0)
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    # Filters and indexes stay with the open files, 1.3 MB a million keys. In the block cache they would be bounded by
    # it, but a look-up of a new key would cost four times as much (3.2 µs against 0.8 at 1.2 million keys).
    table.set_bloom_filter(BLOOM_BITS, False)
    options.set_block_based_table_factory(table)
    return options


BUSY = ("num-immutable-mem-table", "num-running-compactions")
"""Properties of a RocksDB that writes files."""


class Store:
    """One database. `ttl_seconds`: rows have a time, and older ones than that may be dropped when RocksDB compacts; 0:
    they have one, and none is dropped. None: they have none.

    Everything here raises LedgerError where the disk does not do its part, LedgerDamaged where the files are not what
    was written (marked, so that the next opening sets them aside); to open it LedgerInUse, too.
    """

    def __init__(self, path: Path, cache: Cache, ttl_seconds: int | None = None, *, compact: bool = True):
        """`compact` False: for who needs it for a moment; tidying up begins with its opening, and to close it waits."""
        self._path = path
        access = AccessType.read_write() if ttl_seconds is None else AccessType.with_ttl(ttl_seconds)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_fault(path.parent, error) from error
        try:
            options = _options(cache)
            options.set_disable_auto_compactions(not compact)
            # by name: else what the folder's OPTIONS file says counts, which knows neither our cache nor the filters
            opened = Rdict(str(path), options, column_families={"default": options}, access_type=access)
        except Exception as error:
            raise fault(path, error) from error
        self._db = cast(_RawDatabase, opened)

    def get(self, key: bytes) -> bytes | None:
        """The value of one key."""
        try:
            return self._db.get(key)
        except Exception as error:
            raise self._fault(error) from error

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of many keys, in their order."""
        try:
            return self._db.get(keys) if keys else []
        except Exception as error:
            raise self._fault(error) from error

    def write(self, batch: WriteBatch) -> None:
        """Apply a batch, whole or not at all. Raises what earlier batches met on their way to the disk, too."""
        try:
            self._db.write(batch, _WITHOUT_WAL)
        except Exception as error:
            raise self._fault(error) from error

    def items(self, prefix: bytes, start: bytes = b"", stop: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Everything whose key is `prefix` and something from `start` on, before `stop` (None: all), in key order."""
        cursor = self._db.iter()
        cursor.seek(prefix + start)
        last = None if stop is None else prefix + stop
        while cursor.valid() and (key := cursor.key()).startswith(prefix) and (last is None or key < last):
            yield key, cursor.value()
            cursor.next()
        try:
            cursor.status()  # a cursor that meets a damaged block stops as if that were the end
        except Exception as error:
            raise self._fault(error) from error

    def begin_flush(self) -> None:
        """Have what is in memory written beside the work."""
        try:
            self._db.flush(wait=False)
        except Exception as error:
            raise self._fault(error) from error

    def is_flushing(self) -> bool:
        """Whether some of it is being written, or files are merged: a checkpoint would wait for the end of that."""
        return any(self._db.property_int_value(f"rocksdb.{name}") for name in BUSY)

    def checkpoint(self, folder: Path) -> None:
        """All that is in it now, as a database of its own in a folder that is not there yet: hard links to its files,
        which RocksDB never changes. Raises LedgerError, and marks nothing: it is the folder that may not do."""
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db.flush()  # without a write-ahead log, what is in memory would not be in the copy
            Checkpoint(cast(Rdict, self._db)).create_checkpoint(str(folder))
        except Exception as error:
            raise disk_fault(folder, error) from error

    def estimate_keys(self) -> int:
        """Roughly how many keys there are."""
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def memtables(self) -> int:
        """Octets of rows that are not on the disk yet."""
        return int(self._db.property_int_value("rocksdb.cur-size-all-mem-tables") or 0)

    def close(self) -> None:
        """Flush and close. After a kill instead, recovery reads the tail of the changelog again."""
        try:
            try:
                self._db.flush()
            finally:
                self._db.close()
        except Exception as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> LedgerError:
        found = fault(self._path, error)
        if isinstance(found, LedgerDamaged):
            with contextlib.suppress(OSError):
                mark_of(self._path).write_text(str(error), "utf-8")
        return found


def new_batch() -> WriteBatch:
    """An empty WriteBatch for raw keys and values."""
    return WriteBatch(raw_mode=True)
