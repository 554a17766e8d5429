"""Who sends mostly what can't be read: counted by producer in the order of the log, so that it makes no difference how
the log is cut into batches. Pure.

A producer is whoever a record names as its service, in a topic; nothing has to prove that, as all that follows from it
is that somebody looks. Records that name none are the partition's.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from sidestep.schemas.reading import read_service
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.record import Record

NAMES_MOST = 100
"""Producers of a partition that are told apart: made-up names beyond them are the partition's."""


class Producer(NamedTuple):
    """One producer, as it is called in notes and to people."""

    topic: str
    service: str
    partition: int
    """-1 where there is a service."""

    def __str__(self) -> str:
        return f"{self.topic}/{self.service}" if self.service else f"{self.topic}/{self.partition}"


class Overflow(NamedTuple):
    """A producer that has sent too much of it, and the record with which that was so."""

    producer: Producer
    offset: int


class Buckets:
    """Of one partition, a leaky bucket for each producer: a record that can't be read fills it, one that can drains it.

    It is full when more than `share` of `window` records could not be read, beyond what the readable ones among them
    excuse. With a share of 1 it never is.
    """

    def __init__(self, tp: Partition, share: float, window: int):
        self._tp = tp
        self._full = share * window
        self._drain = share / (1 - share) if share < 1 else float("inf")
        self._levels: dict[str, float] = {}

    def note(self, records: Sequence[Record], unread: Collection[int]) -> Iterator[Overflow]:
        """The next records of the partition, and the offsets of those that could not be read. Who overflows, each at
        most once a call."""
        if not unread and not self._levels:
            return
        told: set[str] = set()
        for record in records:
            name = self._name(record)
            if record.offset() not in unread:
                self._leak(name)
            elif self._fill(name) and name not in told:
                told.add(name)
                yield Overflow(self.producer(name), record.offset())

    def of(self, record: Record) -> Producer:
        """Whose record it is."""
        return self.producer(self._name(record))

    def producer(self, name: str) -> Producer:
        """By the service; empty: the partition."""
        return Producer(self._tp.topic, name, -1 if name else self._tp.partition)

    def forget(self, producer: Producer) -> None:
        """Empty the bucket of a producer."""
        self._levels.pop(producer.service, None)

    def _name(self, record: Record) -> str:
        name = read_service(record.value())
        return name if name in self._levels or len(self._levels) < NAMES_MOST else ""

    def _fill(self, name: str) -> bool:
        level = self._levels[name] = min(self._levels.get(name, 0.0) + 1, self._full + 1)
        return self._drain != float("inf") and level > self._full

    def _leak(self, name: str) -> None:
        for each in {name, ""} & self._levels.keys():
            self._levels[each] -= self._drain
            if self._levels[each] <= 0:
                del self._levels[each]
