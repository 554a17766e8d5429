"""A record that is larger than its topic takes: compression hid that from the broker. Pure.

A thousandth of it came over the wire; whole it may be a gigabyte. So it is cut where it is handed over, before it waits
for anybody, and becomes a dead letter that says how long it was. Headers can hide there too, fifty octets of memory for
one of the wire.
"""

from collections.abc import Iterable, Sequence
from operator import methodcaller
from typing import NamedTuple

from sidestep.streams.runtime.record import Record
from sidestep.topics.headers import Header, headers_of_all, headers_of_each, readable_headers

LARGEST_PART = 1_048_588
"""Octets of a key or a value: the most that fits into a topic, unless it was compressed on its way in."""
LARGEST_HEADERS = 1024 * 1024
"""Octets in memory of all headers of a record. Traces and signatures take some hundreds; 5,000 short ones pass."""
HEADER_COST = 100
"""Octets in memory of a header besides its name and value: two of the wire may be all that it is made of."""
UNPACKED_MOST = 100_000_000
"""Octets of a batch of zstd, unpacked; librdkafka refuses what is more (receive.message.max.bytes)."""
NO_TIMESTAMP = (0, -1)
"""As confluent_kafka gives it."""
KEPT_OCTETS = 1_024
"""Of a key and of a value that is larger: enough to tell whose it is."""


_KEY = methodcaller("key")


class CutRecord:
    """What is left of a record that is too large: where key or value are, the beginning of both; where its headers are,
    key and value as they came, and none of the headers."""

    __slots__ = ("_headers", "_key", "_offset", "_partition", "_timestamp", "_topic", "_value", "lengths")

    def __init__(self, record: Record, headers: int):
        """`headers`: what they cost, as headers_cost says."""
        key, value = record.key() or b"", record.value() or b""
        self._topic, self._partition, self._offset = record.topic(), record.partition(), record.offset()
        self._key, self._value = record.key(), record.value()
        self._timestamp = record.timestamp()
        self.lengths: dict[str, int] = {}
        """Octets that the parts had of which something is gone: key, value, headers."""
        if max(len(key), len(value)) > LARGEST_PART:
            self._key, self._value = self._key and key[:KEPT_OCTETS], self._value and value[:KEPT_OCTETS]
            self.lengths |= {part: len(it) for part, it in (("key", key), ("value", value)) if len(it) > KEPT_OCTETS}
        self._headers = readable_headers(record) or ()
        if headers > LARGEST_HEADERS:
            self.lengths["headers"] = headers - HEADER_COST * len(self._headers)
            self._headers = ()

    @property
    def fault(self) -> str:
        """What is wrong with it, as a sentence without a full stop."""
        return f"the record has {max(self.lengths.values())} octets, more than a topic takes"

    def topic(self) -> str:
        """See Record."""
        return self._topic

    def partition(self) -> int:
        """See Record."""
        return self._partition

    def offset(self) -> int:
        """See Record."""
        return self._offset

    def key(self) -> bytes | None:
        """The whole of it, or its beginning."""
        return self._key

    def value(self) -> bytes | None:
        """The whole of it, or its beginning."""
        return self._value

    def headers(self) -> Sequence[Header]:
        """Empty where they were too large."""
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        """See Record."""
        return self._timestamp

    def __len__(self) -> int:
        return len(self._value or b"")


class PackedBatch(CutRecord):
    """A batch that the client does not unpack, as it would take too much memory: one record with the offset of its last
    one, in place of all."""

    __slots__ = ("_first",)

    def __init__(self, topic: str, partition: int, first: int, last: int):
        self._topic, self._partition, self._first, self._offset = topic, partition, first, last
        self._key = self._value = None
        self._headers = ()
        self._timestamp = NO_TIMESTAMP
        self.lengths = {"value": UNPACKED_MOST}

    @property
    def fault(self) -> str:
        """With where its records are: they stay in their topic."""
        where = f"the record at offset {self._first}"
        if self._first < self._offset:
            where = f"the {self._offset - self._first + 1} records from offset {self._first} on"
        return f"{where} would be more than {UNPACKED_MOST} octets when unpacked, and stay packed where they are"


class Handed(NamedTuple):
    """Records that are handed over, and their octets in memory."""

    records: list[Record]
    octets: int


def cut(records: list[Record]) -> Handed:
    """The same records, those cut of which a part is larger than any topic takes, or the headers than LARGEST_HEADERS.
    Afterwards all of them can be asked for their headers."""
    values, keys = list(map(len, records)), list(map(len, filter(None, map(_KEY, records))))
    costs = list(map(headers_cost, headers_of_each(records)))
    if (
        max(values, default=0) <= LARGEST_PART
        and max(keys, default=0) <= LARGEST_PART
        and max(costs, default=0) <= LARGEST_HEADERS
    ):  # nearly always: so that is looked at in few steps of the interpreter
        return Handed(records, sum(values) + sum(keys) + sum(costs))
    pairs = zip(records, costs or [0] * len(records), strict=True)
    left: list[Record] = [CutRecord(record, cost) if _is_too_large(record, cost) else record for record, cost in pairs]
    return Handed(left, octets_of(left))


def headers_cost(headers: Sequence[Header] | None) -> int:
    """Octets in memory."""
    return sum(HEADER_COST + len(name) + len(value or b"") for name, value in headers) if headers else 0


def octets_of(records: Sequence[Record]) -> int:
    """Octets in memory of keys, values and headers of records that `cut` has seen."""
    keys, headers = filter(None, map(_KEY, records)), headers_of_all(records)
    return sum(map(len, records)) + sum(map(len, keys)) + sum(map(headers_cost, headers))


def values_octets(records: Iterable[Record]) -> int:
    """Octets of the values: all that there is to count where stages write."""
    return sum(map(len, records))


def _is_too_large(record: Record, headers: int) -> bool:
    return max(len(record), len(record.key() or b"")) > LARGEST_PART or headers > LARGEST_HEADERS
