"""The ledger of one partition: state, outputs and progress that move together or not at all.

commit() puts outputs, changelog records and a marker with the source offset into one Kafka transaction, then the same
rows, the marker and the changelog positions into RocksDB. The changelog is the truth, RocksDB a copy that may lag
behind it: wherever the process dies, recovery() brings the copy up to the last committed transaction, and the marker
in it says which source records are in. `transactional.id` is <group>-<role>-<partition>: a new owner fences the old
one.

There are up to two stores, each with the position of its own changelog: `rows` (keyed tables and the marker) and, where
a role has windowed tables, `window` (whose old rows RocksDB drops by age). Everything here blocks; call it from a
thread.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rocksdict import Cache, WriteBatch

from sidestep.streams.errors import LedgerError
from sidestep.streams.runtime.changelog_ends import TOMBSTONE_SECONDS
from sidestep.streams.runtime.changes import Changes, encoded
from sidestep.streams.runtime.hanging import Ended
from sidestep.streams.runtime.manifest import MARKER, Place, Writer, ledger_writer
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.quarantine import open_sound
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.recovery import POSITION, Progress, recover
from sidestep.streams.runtime.store import Store, new_batch
from sidestep.streams.runtime.tables import Row, Table, Writes, unpack_pairs
from sidestep.streams.runtime.transactions import TRANSACTION_SECONDS, Aborted, Positions, Transactions
from sidestep.topics.connection import Connection

CLUSTER = b"\0cluster"
"""Id of the Kafka cluster whose changelog the store follows."""


@dataclass(frozen=True)
class LedgerSettings:
    """What all partitions of a role share. `window_seconds`: how long rows of windowed tables are kept."""

    connection: Connection
    group: str
    role: str
    """In transactional ids and folders, so that ledgers of two roles neither fence nor overwrite each other."""
    data: Path
    """Folder of all roles' ledgers."""
    rows_changelog: str
    window_changelog: str
    """Empty: the role has no windowed tables."""
    own_topics: tuple[str, ...]
    """Where a ledger writes besides: in these only to the partition with its own number, and nobody else does."""
    shared_topics: Mapping[str, int]
    """In these to any, as others do. With their numbers of partitions."""
    window_seconds: int
    cache: Cache
    transaction_seconds: float = TRANSACTION_SECONDS
    """After which Kafka aborts a transaction that its writer has left open."""
    tombstone_seconds: Callable[[], float] = lambda: TOMBSTONE_SECONDS
    """For how long the changelog tells of the ends of rows, at the least. Raises SidestepError. Blocks."""

    @cached_property
    def offsets(self) -> Offsets:
        """By one connection for all partitions."""
        return Offsets(self.connection)

    def folder(self, partition: int) -> Path:
        """Where a partition's ledger lies on disk."""
        return self.data / self.role / str(partition)

    def writer(self, partition: int) -> Writer:
        """Who writes for a partition, and where."""
        own = [self.rows_changelog, *filter(None, [self.window_changelog]), *self.own_topics]
        return ledger_writer(self.group, self.role, partition, own, self.shared_topics)


class Ledger:
    """State of one partition. Not thread-safe: one batch at a time."""

    def __init__(self, settings: LedgerSettings, partition: int, failpoint: Callable[[str], None], progress: Progress):
        self._settings = settings
        self.partition = partition
        self._failpoint = failpoint
        window = Place(settings.window_changelog, partition)
        self._transactions = Transactions(
            settings.connection,
            settings.writer(partition),
            window,
            failpoint,
            settings.offsets,
            settings.transaction_seconds,
        )
        folder = settings.folder(partition)
        self._rows = open_sound(folder / "rows", settings.cache)
        self._stores = {"rows": self._rows}
        if settings.window_changelog:
            self._stores["window"] = open_sound(folder / "window", settings.cache, settings.window_seconds)
        try:
            self._check_cluster()
            self.recovered = self._recover(progress)
        except BaseException:
            self.close()
            raise
        self.marker = self._marker()
        """Source offset up to which everything is in; -1: nothing is."""

    def _check_cluster(self) -> None:
        """A folder that has followed another cluster's changelog would be taken for this one's."""
        cluster = self.cluster = self._transactions.cluster
        for store in self._stores.values():
            known = store.get(CLUSTER)
            if known is None:
                batch = new_batch()
                batch.put(CLUSTER, cluster.encode())
                store.write(batch)
            elif known.decode() != cluster:
                raise LedgerError(
                    f"the ledger in {self._settings.data} belongs to the Kafka cluster {known.decode()}, this is "
                    f"{cluster}. Give this worker another data folder, or remove that one: it is rebuilt from the "
                    "changelog."
                )

    def _recover(self, progress: Progress) -> int:
        settings, partition = self._settings, self.partition
        rows = recover(
            settings.connection,
            settings.rows_changelog,
            partition,
            self._rows,
            _apply_rows,
            progress,
            compacted=True,
            tombstone_seconds=settings.tombstone_seconds(),
        )
        if "window" not in self._stores:
            return rows
        window = self._stores["window"]
        return rows + recover(
            settings.connection, settings.window_changelog, partition, window, _apply_window, progress
        )

    def read(self, table: Table[Row], keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of `keys` that exist."""
        wanted = list(keys)
        prefix, decode = table.prefix, table.decode
        values = self._store(table).get_many([prefix + key for key in wanted])
        return {key: decode(value) for key, value in zip(wanted, values, strict=True) if value is not None}

    def rows(self, table: Table[Row]) -> Iterable[tuple[bytes, Row]]:
        """All rows of a table, in key order: for checks and for the few rows of a control table."""
        return self.between(table, b"", None)

    def between(self, table: Table[Row], start: bytes, stop: bytes | None) -> Iterable[tuple[bytes, Row]]:
        """The rows of a table whose keys are from `start` on and before `stop` (None: the end), in key order."""
        prefix = table.prefix
        for key, value in self._store(table).items(prefix, start, stop):
            yield key[1:], table.decode(value)

    def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
        """Make a batch count. Returns the seconds that the Kafka transaction took.

        Raises Aborted if it was rolled back (nothing has changed, the batch may be folded again), Fenced or another
        SidestepError if this worker must not go on.
        """
        if self.settle():
            raise Aborted("the changelog holds more than this batch began with")
        changes = encoded(writes)
        self._failpoint("before-transaction")
        began = time.monotonic()
        positions = self._transactions.write(outgoing, changes, b"%d" % marker)
        took = time.monotonic() - began
        self._failpoint("after-commit")
        self._apply(changes, marker, positions)
        self._failpoint("after-local")
        self.marker = marker
        return took

    def settle(self) -> bool:
        """Where the connection to Kafka broke, take the partition over anew and catch up with its changelogs: before a
        batch, and while there is none. True: something hung, or others had the partition meanwhile; what was read of
        the ledger before no longer holds. Raises SidestepError."""
        if not self._transactions.settle():
            return False
        caught_up = 0 if self._is_up_to_date() else self._recover(lambda done, total: None)
        self.marker = self._marker()
        return self.ended.any or caught_up > 0

    def _is_up_to_date(self) -> bool:
        """Whether nobody can have written to the changelogs since: behind the last record that is in there is at most
        the end of its transaction, and one record more would have an end as well."""
        settings = self._settings
        topics = {"rows": settings.rows_changelog, "window": settings.window_changelog}
        places = {name: Place(topics[name], self.partition) for name in self._stores}
        ends = settings.offsets.ends(places.values())
        applied = {name: int(store.get(POSITION) or -1) for name, store in self._stores.items()}
        return all(applied[name] < ends[place].high <= applied[name] + 2 for name, place in places.items())

    @property
    def ended(self) -> Ended:
        """What hung when the partition was taken over last."""
        return self._transactions.ended

    def _marker(self) -> int:
        return int(self._rows.get(MARKER) or -1)

    def _apply(self, changes: Changes, marker: int, positions: Positions) -> None:
        batch = new_batch()
        put = batch.put
        for key, value in changes.rows:
            if value is None:
                batch.delete(key)
            else:
                put(key, value)
        batch.put(MARKER, b"%d" % marker)
        batch.put(POSITION, b"%d" % positions.rows[-1])
        self._rows.write(batch)
        if changes.window:
            batch = new_batch()
            put = batch.put
            for key, value in changes.window:
                put(key, value)
            batch.put(POSITION, b"%d" % positions.window[-1])
            self._stores["window"].write(batch)

    def _store(self, table: Table[Any]) -> Store:
        return self._stores["window"] if table.windowed else self._rows

    def begin_flush(self) -> None:
        """Have what the stores hold in memory written beside the work, so that a checkpoint soon after is quick."""
        for store in self._stores.values():
            store.begin_flush()

    def is_flushing(self) -> bool:
        """Whether some of it is being written."""
        return any(store.is_flushing() for store in self._stores.values())

    def checkpoint(self, folder: Path) -> dict[str, int]:
        """Copies of all stores as they are now, at the marker, in a folder that is empty; the changelog positions that
        they have, by store. Not while a batch is committed. Raises LedgerError."""
        for name, store in self._stores.items():
            store.checkpoint(folder / name)
        return {name: int(store.get(POSITION) or -1) for name, store in self._stores.items()}

    @property
    def on_its_way(self) -> int:
        """Octets that Kafka has not acknowledged yet, about."""
        return self._transactions.octets

    def memtables(self) -> int:
        """Octets of rows that are not on the disk yet."""
        return sum(store.memtables() for store in self._stores.values())

    def estimate_keys(self) -> dict[str, int]:
        """Roughly how many rows there are, by store."""
        return {name: store.estimate_keys() for name, store in self._stores.items()}

    def close(self) -> None:
        """Flush and close the stores; the partition may then be opened elsewhere."""
        with ExitStack() as closing:  # whatever one of them raises, all are closed
            for store in self._stores.values():
                closing.callback(store.close)


def _apply_rows(batch: WriteBatch, records: Sequence[Record]) -> None:
    put = batch.put
    for record in records:
        key, value = record.key(), record.value()
        assert key is not None, "a compacted topic takes no record without a key"
        if value is None:
            batch.delete(key)
        else:
            put(key, value)


def _apply_window(batch: WriteBatch, records: Sequence[Record]) -> None:
    put = batch.put
    for record in records:
        for row_key, row in unpack_pairs(record.value() or b"\x90"):
            put(row_key, row)
