"""RocksDB through rocksdict: one database of a partition's ledger, small and bounded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast, overload

from rocksdict import AccessType, BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch, WriteOptions

from sidestep.streams.errors import LedgerError

# The changelog is the write-ahead log: after a crash its tail is read again from the position stored with the data.
_WITHOUT_WAL = WriteOptions()
_WITHOUT_WAL.disable_wal = True  # type: ignore[method-assign, assignment]  # a property, whatever the stub says

WRITE_BUFFER = 8 * 1024 * 1024
BLOOM_BITS = 10
MEMTABLE_BLOOM = 0.1


class _RawDatabase(Protocol):
    """Rdict in raw mode, where keys and values are octets. Its stub speaks of all that it can store otherwise."""

    @overload
    def get(self, key: bytes) -> bytes | None: ...

    @overload
    def get(self, key: list[bytes]) -> list[bytes | None]: ...

    def write(self, write_batch: WriteBatch, write_opt: WriteOptions) -> None: ...

    def items(self, *, from_key: bytes) -> Iterator[tuple[bytes, bytes]]: ...

    def property_int_value(self, name: str) -> int | None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER)
    options.set_max_write_buffer_number(2)
    # most keys of a batch are new: a filter over the memtable says so for a third of the price of searching it
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM)
    options.set_memtable_whole_key_filtering(True)
    options.set_level_zero_file_num_compaction_trigger(8)
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


class Store:
    """One database. `ttl_seconds`: rows older than that may be dropped when RocksDB compacts."""

    def __init__(self, path: Path, cache: Cache, ttl_seconds: int | None = None):
        path.parent.mkdir(parents=True, exist_ok=True)
        access = AccessType.with_ttl(ttl_seconds) if ttl_seconds else AccessType.read_write()
        try:
            opened = Rdict(str(path), _options(cache), access_type=access)
        except Exception as error:
            raise LedgerError(
                f"RocksDB can't open {path}: {error}. If another worker uses this folder, give this one its own "
                "data folder; if the "
                "files are damaged, remove the folder: it is rebuilt from the changelog."
            ) from error
        self._db = cast(_RawDatabase, opened)

    def get(self, key: bytes) -> bytes | None:
        """The value of one key."""
        return self._db.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of many keys, in their order."""
        return self._db.get(keys) if keys else []

    def write(self, batch: WriteBatch) -> None:
        """Apply a batch, whole or not at all."""
        self._db.write(batch, _WITHOUT_WAL)

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Everything whose key begins with `prefix`, in key order."""
        for key, value in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key, value

    def estimate_keys(self) -> int:
        """Roughly how many keys there are."""
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def close(self) -> None:
        """Flush and close. After a kill instead, recovery reads the tail of the changelog again."""
        self._db.flush()
        self._db.close()


def new_batch() -> WriteBatch:
    """An empty WriteBatch for raw keys and values."""
    return WriteBatch(raw_mode=True)
