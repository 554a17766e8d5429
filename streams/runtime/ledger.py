"""The ledger of one partition: state, outputs and progress that move together or not at all.

commit() puts outputs, changelog records and a marker with the source offset into one Kafka transaction, then the same
rows, the marker and the changelog positions into RocksDB. The changelog is the truth, RocksDB a copy that may lag
behind it: wherever the process dies, recovery() brings the copy up to the last committed transaction, and the marker
in it says which source records are in. `transactional.id` is <group>-<role>-<partition>: a new owner fences the old
one.

There are two stores, each with the position of its own changelog: `rows` (keyed tables and the marker) and `window`
(windowed tables, whose old rows RocksDB drops by age). Everything here blocks; call it from a thread.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from rocksdict import Cache, WriteBatch

from sidestep.streams.errors import LedgerError
from sidestep.streams.runtime.kafka import MESSAGE_MAX, OnDelivery, client, explain, produce_batch
from sidestep.streams.runtime.outgoing import Keyed, Outgoing
from sidestep.streams.runtime.quarantine import open_sound
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.recovery import POSITION, Progress, recover
from sidestep.streams.runtime.store import Store, new_batch
from sidestep.streams.runtime.tables import Row, Table, Writes, pack_pairs, unpack_pairs
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed

MARKER = b"\0marker"
"""Source offset reached, as decimal digits; in the changelog and in the store."""

CLUSTER = b"\0cluster"
"""Id of the Kafka cluster whose changelog the store follows."""

TRANSACTION_SECONDS = 60.0


class Aborted(Exception):
    """The transaction was rolled back and may be tried again from the start: fold the batch anew."""


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
    window_seconds: int
    cache: Cache

    def folder(self, partition: int) -> Path:
        """Where a partition's ledger lies on disk."""
        return self.data / self.role / str(partition)


class Ledger:
    """State of one partition. Not thread-safe: one batch at a time."""

    def __init__(self, settings: LedgerSettings, partition: int, failpoint: Callable[[str], None], progress: Progress):
        self._settings = settings
        self.partition = partition
        self._failpoint = failpoint
        self._producer = self._fence_previous_owner()
        folder = settings.folder(partition)
        self._rows = open_sound(folder / "rows", settings.cache)
        self._window = open_sound(folder / "window", settings.cache, settings.window_seconds)
        try:
            self._check_cluster()
            self.recovered = self._recover(progress)
        except BaseException:
            self.close()
            raise
        self.marker = int(self._rows.get(MARKER) or -1)
        """Source offset up to which everything is in; -1: nothing is."""

    def _fence_previous_owner(self) -> Producer:
        settings = self._settings
        name = f"{settings.group}-{settings.role}-{self.partition}"
        producer = Producer(
            client(
                settings.connection,
                name,
                **{
                    "transactional.id": name,
                    "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
                    # A batch is complete when it is produced, and the commit sends it at once whatever stands here.
                    # With 0 librdkafka's threads turn in circles while Kafka adds the partitions to the transaction:
                    # a tenth of Decide's CPU (docs/decisions/006).
                    "linger.ms": 3,
                    "batch.size": 1_000_000,
                    "message.max.bytes": MESSAGE_MAX,
                    "compression.type": "lz4",
                    "queue.buffering.max.messages": 1_000_000,
                },
            )
        )
        try:
            producer.init_transactions(TRANSACTION_SECONDS)
        except KafkaException as error:
            raise explain(error, f"taking over partition {self.partition}") from error
        return producer

    def _check_cluster(self) -> None:
        """A folder that has followed another cluster's changelog would be taken for this one's."""
        cluster = self._producer.list_topics(self._settings.rows_changelog, timeout=TRANSACTION_SECONDS).cluster_id
        for store in (self._rows, self._window):
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
        rows = recover(settings.connection, settings.rows_changelog, partition, self._rows, _apply_row, progress)
        window = recover(
            settings.connection, settings.window_changelog, partition, self._window, _apply_window, progress
        )
        return rows + window

    def read(self, table: Table[Row], keys: Iterable[bytes]) -> dict[bytes, Row]:
        """The rows of `keys` that exist."""
        wanted = list(keys)
        prefix, decode = table.prefix, table.decode
        values = self._store(table).get_many([prefix + key for key in wanted])
        return {key: decode(value) for key, value in zip(wanted, values, strict=True) if value is not None}

    def rows(self, table: Table[Row]) -> Iterable[tuple[bytes, Row]]:
        """All rows of a table, in key order: for checks and for the few rows of a control table."""
        for key, value in self._store(table).items(table.prefix):
            yield key[1:], table.decode(value)

    def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
        """Make a batch count. Returns the seconds that the Kafka transaction took.

        Raises Aborted if it was rolled back (nothing has changed, the batch may be folded again), Fenced or another
        SidestepError if this worker must not go on.
        """
        encoded = _encode(writes)
        self._failpoint("before-transaction")
        began = time.monotonic()
        rows_position, window_position = self._transaction(outgoing, encoded, b"%d" % marker)
        took = time.monotonic() - began
        self._failpoint("after-commit")
        self._apply(encoded, marker, rows_position, window_position)
        self._failpoint("after-local")
        self.marker = marker
        return took

    def _transaction(self, outgoing: Outgoing, encoded: "_Encoded", marker: bytes) -> tuple[list[int], list[int]]:
        settings, producer, partition = self._settings, self._producer, self.partition
        rows_position: list[int] = []
        window_position: list[int] = []
        try:
            producer.begin_transaction()
            for (topic, into), records in outgoing.batches.items():
                self._produce(topic, into, records)
            for single in outgoing.singles:
                producer.produce(**single)
            self._failpoint("inside-transaction")
            changes: list[Keyed] = [{"key": key, "value": value} for key, value in encoded.rows]
            self._produce(settings.rows_changelog, partition, changes)
            if encoded.window:
                producer.produce(
                    settings.window_changelog,
                    pack_pairs(encoded.window),
                    None,
                    partition,
                    on_delivery=_remember(window_position),
                )
            producer.produce(settings.rows_changelog, marker, MARKER, partition, on_delivery=_remember(rows_position))
            self._failpoint("before-commit")
            self._commit_transaction()
        except KafkaException as error:
            self._roll_back(error)
        return rows_position, window_position

    def _produce(self, topic: str, partition: int, records: list[Keyed]) -> None:
        if records and (refused := produce_batch(self._producer, topic, partition, records)):
            raise PublishFailed(f"{topic}/{partition}: Kafka's client did not take a record: {refused}")

    def _commit_transaction(self) -> None:
        deadline = time.monotonic() + TRANSACTION_SECONDS
        while True:
            try:
                return self._producer.commit_transaction(max(1.0, deadline - time.monotonic()))
            except KafkaException as error:
                # whether it was committed is not known as long as the answer is missing: ask again, never guess
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise

    def _roll_back(self, error: KafkaException) -> None:
        if not error.args[0].txn_requires_abort():
            raise explain(error, f"committing partition {self.partition}") from error
        try:
            self._producer.abort_transaction(TRANSACTION_SECONDS)
        except KafkaException as second:
            raise explain(second, f"rolling back partition {self.partition}") from second
        raise Aborted(str(error)) from error

    def _apply(self, encoded: "_Encoded", marker: int, rows_position: list[int], window_position: list[int]) -> None:
        batch = new_batch()
        put = batch.put
        for key, value in encoded.rows:
            if value is None:
                batch.delete(key)
            else:
                put(key, value)
        batch.put(MARKER, b"%d" % marker)
        batch.put(POSITION, b"%d" % rows_position[-1])
        self._rows.write(batch)
        if encoded.window:
            batch = new_batch()
            put = batch.put
            for key, value in encoded.window:
                put(key, value)
            batch.put(POSITION, b"%d" % window_position[-1])
            self._window.write(batch)

    def _store(self, table: Table[Any]) -> Store:
        return self._window if table.windowed else self._rows

    def estimate_keys(self) -> dict[str, int]:
        """Roughly how many rows there are, by store."""
        return {"rows": self._rows.estimate_keys(), "window": self._window.estimate_keys()}

    def close(self) -> None:
        """Flush and close the stores; the partition may then be opened elsewhere."""
        try:
            self._rows.close()
        finally:
            self._window.close()


@dataclass(frozen=True)
class _Encoded:
    rows: list[tuple[bytes, bytes | None]]
    """None: the row is gone, a tombstone in the changelog."""
    window: list[tuple[bytes, bytes]]


def _encode(writes: Writes) -> _Encoded:
    encoded = _Encoded([], [])
    for table, rows in writes.rows.items():
        prefix, encode = table.prefix, table.encode
        if table.windowed:
            encoded.window.extend([(prefix + key, encode(row)) for key, row in rows.items()])
        else:
            encoded.rows.extend([(prefix + key, None if row is None else encode(row)) for key, row in rows.items()])
    return encoded


def _remember(position: list[int]) -> OnDelivery:
    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            position.append(cast("Record", message).offset())

    return delivered


def _apply_row(batch: WriteBatch, key: bytes | None, value: bytes | None) -> None:
    assert key is not None, "a compacted topic takes no record without a key"
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)


def _apply_window(batch: WriteBatch, key: bytes | None, value: bytes | None) -> None:
    for row_key, row in unpack_pairs(value or b"\x90"):
        batch.put(row_key, row)
