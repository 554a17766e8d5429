"""A record that is larger than its topic takes: compression hid that from the broker. Pure.

A thousandth of it came over the wire; whole it may be a gigabyte. So it is cut where it is handed over, before it waits
for anybody, and becomes a dead letter that says how long it was.
"""

from collections.abc import Sequence
from operator import methodcaller

from sidestep.streams.runtime.record import Record
from sidestep.topics.headers import readable_headers

LARGEST_PART = 1_048_588
"""Octets of a key or a value: the most that fits into a topic, unless it was compressed on its way in."""
KEPT_OCTETS = 1_024
"""Of a key and of a value that is larger: enough to tell whose it is."""


_KEY = methodcaller("key")


class CutRecord:
    """The beginning of a record, with its headers where they are not large as well; nothing of the rest is kept."""

    __slots__ = ("_headers", "_key", "_offset", "_partition", "_timestamp", "_topic", "_value", "lengths")

    def __init__(self, record: Record):
        key, value = record.key(), record.value()
        self._topic, self._partition, self._offset = record.topic(), record.partition(), record.offset()
        self._key = key and bytes(key[:KEPT_OCTETS])
        self._value = value and bytes(value[:KEPT_OCTETS])
        self._timestamp = record.timestamp()
        headers = readable_headers(record) or ()
        self._headers = headers if sum(len(name) + len(octets or b"") for name, octets in headers) <= 32_768 else None
        self.lengths = {"key": len(key or b""), "value": len(value or b"")}
        """Octets that they had."""

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
        """The beginning of it."""
        return self._key

    def value(self) -> bytes | None:
        """The beginning of it."""
        return self._value

    def headers(self) -> Sequence[tuple[str, bytes | None]] | None:
        """None: they were large, or there were none."""
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        """See Record."""
        return self._timestamp

    def __len__(self) -> int:
        return len(self._value or b"")


def cut(records: list[Record]) -> list[Record]:
    """The same records, those cut of which a part is larger than any topic takes."""
    if (
        max(map(len, records)) <= LARGEST_PART
        and max(map(len, filter(None, map(_KEY, records))), default=0) <= LARGEST_PART
    ):
        return records  # nearly always: so that is looked at in few steps of the interpreter
    return [CutRecord(record) if _is_too_large(record) else record for record in records]


def _is_too_large(record: Record) -> bool:
    return max(len(record), len(record.key() or b"")) > LARGEST_PART
