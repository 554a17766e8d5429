"""The copies of one old partition's ledger: its changelogs, read to their ends again and again, written into those of
the new partitions. In transactions, each with the place in the source that it reaches: killed anywhere, and begun
again, nothing is missing and nothing comes twice. Blocks. Raises SidestepError."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sidestep.streams.grow.split import COPIED, PACE, POLICY, is_copied
from sidestep.streams.runtime.changes import Changes
from sidestep.streams.runtime.kafka import client, explain, fetched
from sidestep.streams.runtime.manifest import MARKER, Place, ledger_writer
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.outgoing import Keyed, Outgoing
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.streams.runtime.transactions import Aborted, Transactions
from sidestep.topics.catalog import APPROVED, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable

MANY = 10_000
"""Records in one transaction."""
SILENT_SECONDS = 30.0
LOOK_BACK = 100
"""Records at the end of a changelog among which its last transaction is looked for at first; then ten times as many."""
BEGIN = b"-1"
"""The marker of a ledger that has judged nothing."""

Told = Callable[[int], None]
"""Called with how many records of the source have been copied."""


class Reached(NamedTuple):
    """Offsets in the changelogs of rows and of ids up to which everything is copied; -1: nothing is."""

    rows: int = -1
    ids: int = -1


_decode_reached = msgspec.msgpack.Decoder(Reached).decode


class Copy:
    """One new partition's ledger."""

    def __init__(
        self, connection: Connection, group: str, partition: int, offsets: Offsets, failpoint: Callable[[str], None]
    ):
        """Fences whoever else has the partition."""
        own = [LEDGER_CHANGELOG.name, IDS_CHANGELOG.name, APPROVED.name, REJECTED.name]
        self.partition = partition
        self._failpoint = failpoint
        self._transactions = Transactions(
            connection,
            ledger_writer(group, "decide", partition, own, {}),
            Place(IDS_CHANGELOG.name, partition),
            failpoint,
            offsets,
        )
        self.reached = reached(connection, partition, offsets)

    def take(self, rows: Sequence[Record], ids: Sequence[Record]) -> None:
        """Write what is new of them; they are in the source's order."""
        rows = [record for record in rows if (record.offset() or 0) > self.reached.rows]
        ids = [record for record in ids if (record.offset() or 0) > self.reached.ids]
        if not rows and not ids:
            return
        now = Reached(_last(rows, self.reached.rows), _last(ids, self.reached.ids))
        changes = [(record.key() or b"", record.value()) for record in rows if is_copied(record.key())]
        changes.append((COPIED, msgspec.msgpack.encode(now)))
        window: list[Keyed] = [{"key": None, "value": record.value()} for record in ids]
        outgoing = Outgoing({(IDS_CHANGELOG.name, self.partition): window} if window else {})
        self._failpoint("grow-before-copy")
        self._write(outgoing, Changes(rows=changes))
        self.reached = now

    def _write(self, outgoing: Outgoing, changes: Changes) -> None:
        while True:
            self._transactions.settle()
            try:
                self._transactions.write(outgoing, changes, BEGIN)
            except Aborted:
                continue
            return


class Parent:
    """One old partition: what is read of its changelogs, from their beginnings, and the copies that are made of it."""

    def __init__(self, connection: Connection, partition: int, copies: Sequence[Copy], offsets: Offsets):
        self.partition = partition
        self.copies = copies
        self.marker = -1
        """Up to where in the log it has judged, as far as has been read."""
        self.policy: bytes | None = None
        self.pace: bytes | None = None
        self.rows: dict[bytes, int] = {}
        """Of each row that is copied, its octets' hash in this process."""
        self.ids: set[int] = set()
        """Likewise of the records of ids."""
        self.read = 0
        self._offsets = offsets
        self._places = [Place(topic.name, partition) for topic in (LEDGER_CHANGELOG, IDS_CHANGELOG)]
        self._next = {place.topic: 0 for place in self._places}
        settings = {"group.id": "grow-unused", "enable.auto.commit": False, "enable.partition.eof": True}
        settings |= {"auto.offset.reset": "earliest", "isolation.level": "read_committed", "fetch.wait.max.ms": 20}
        self._consumer = Consumer(client(connection, f"grow-{partition}", **settings))
        self._consumer.assign([TopicPartition(*place, 0) for place in self._places])

    def left(self) -> int:
        """Roughly how many records are still to be read."""
        ends = self._offsets.ends(self._places)
        return sum(max(0, end.high - self._next[place.topic]) for place, end in ends.items())

    def catch_up(self, told: Told = lambda read: None) -> None:
        """Copy what is committed now."""
        ends = {place.topic: end.stable for place, end in self._offsets.ends(self._places).items()}
        answered = time.monotonic()
        while any(self._next[topic] < end for topic, end in ends.items()):
            if self._take():
                answered = time.monotonic()
            elif time.monotonic() - answered > SILENT_SECONDS:
                raise BrokerUnreachable(f"{self._places[0]}: no answer within {SILENT_SECONDS:.0f} s. Is Kafka up?")
            told(self.read)

    def _take(self) -> bool:
        """Whether anything was said."""
        rows: list[Record] = []
        ids: list[Record] = []
        taken = fetched(self._consumer.consume(MANY, 0.1))
        for message in taken:
            error = message.error()
            if error is None:
                (rows if message.topic() == LEDGER_CHANGELOG.name else ids).append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # what is left are ends of transactions
                self._next[message.topic()] = max(self._next[message.topic()], message.offset() or 0)
            elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                raise explain(KafkaException(error), f"reading {message.topic()}/{self.partition}")
        for copy in self.copies:
            copy.take(rows, ids)
        self._note(rows, ids)
        return bool(taken)

    def _note(self, rows: Sequence[Record], ids: Sequence[Record]) -> None:
        for record in rows:
            key, value = record.key() or b"", record.value()
            if key == MARKER:
                self.marker = int(value or BEGIN)
            elif key == POLICY:
                self.policy = value
            elif key == PACE:
                self.pace = value
            if is_copied(key):
                note(self.rows, key, value)
        self.ids.update(hash(record.value()) for record in ids)
        for topic, records in ((LEDGER_CHANGELOG.name, rows), (IDS_CHANGELOG.name, ids)):
            if records:
                self._next[topic] = max(self._next[topic], (records[-1].offset() or 0) + 1)
        self.read += len(rows) + len(ids)

    def is_settled(self) -> bool:
        """Whether no transaction is open in its changelogs."""
        return all(ends.stable >= ends.high for ends in self._offsets.ends(self._places).values())

    def close(self) -> None:
        """End the consumer."""
        self._consumer.close()


def note(rows: dict[bytes, int], key: bytes, value: bytes | None) -> None:
    """A row, or its end."""
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = hash(value)


def reached(connection: Connection, partition: int, offsets: Offsets) -> Reached:
    """How far a new partition's changelog is a copy: what its last transaction says."""
    place = Place(LEDGER_CHANGELOG.name, partition)
    high, low = offsets.ends([place])[place].high, offsets.starts([place])[place]
    window = LOOK_BACK
    while high > low:
        start = max(low, high - window)
        found = [record.value() for record in _rows(connection, partition, start) if record.key() == COPIED]
        if found:
            return _decode_reached(found[-1] or b"")
        if start == low:
            break
        window *= 10
    return Reached()


def _rows(connection: Connection, partition: int, start: int = 0) -> Iterator[Record]:
    return read_to_end(connection, LEDGER_CHANGELOG.name, (partition,), "grow", start)


def differing(connection: Connection, parent: Parent, copy: Copy) -> int:
    """How many rows and records of ids a copy lacks, has besides, or has otherwise, when read back."""
    rows: dict[bytes, int] = {}
    for record in _rows(connection, copy.partition):
        if record.key() not in (MARKER, COPIED):
            note(rows, record.key() or b"", record.value())
    wrong = sum(parent.rows.get(key) != value for key, value in rows.items()) + len(parent.rows.keys() - rows.keys())
    ids = {hash(r.value()) for r in read_to_end(connection, IDS_CHANGELOG.name, (copy.partition,), "grow")}
    return wrong + len(parent.ids - ids)  # retention takes those of the source earlier


def _last(records: Sequence[Record], otherwise: int) -> int:
    return (records[-1].offset() or 0) if records else otherwise
