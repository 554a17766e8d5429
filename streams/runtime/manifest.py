"""What one transaction wrote, partition by partition: a header of the marker record, which is written last.

So that whoever takes a partition over can tell a transaction that is complete from one that is not, and recognise its
records in every partition: a producer numbers what it writes to a partition, and Kafka keeps the number of each
record batch's first record. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import msgspec

MARKER = b"\0marker"
"""Key of the record that ends each transaction of a ledger; its value is the source offset reached, as decimal digits.
In the changelog of rows and in the store."""

HEADER = "wrote"
"""Name of the marker record's header, whose octets are MessagePack: [[topic, partition, first sequence, records]]."""

SEQUENCES = 2**31
"""A producer's sequence numbers begin again at 0 after 2^31 - 1."""


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


@dataclass(frozen=True)
class Writer:
    """Whose partitions they are: a transactional id, and where it writes."""

    transactional_id: str
    changelog: Place
    """Where its marker records are, one in each transaction."""
    own: tuple[Place, ...]
    """Places that only this id writes to, `changelog` among them."""
    shared: tuple[Place, ...]
    """Places that others write to as well."""


def ledger_writer(group: str, role: str, partition: int, own: Sequence[str], shared: Mapping[str, int]) -> Writer:
    """Who writes for a partition of a role with ledgers. `own`: topics of which it has the partition of its number, the
    rows' changelog first; `shared`: others, with their numbers of partitions."""
    places = [Place(topic, number) for topic, count in shared.items() for number in range(count)]
    return Writer(
        transactional_id=f"{group}-{role}-{partition}",
        changelog=Place(own[0], partition),
        own=tuple(Place(topic, partition) for topic in own),
        shared=tuple(places),
    )


class Wrote(NamedTuple):
    """Records of one transaction in one partition: the first one's sequence number, and how many. `records` may be 0:
    the next transaction goes on at `sequence`."""

    sequence: int
    records: int

    @property
    def next(self) -> int:
        """Sequence number of the record that follows."""
        return (self.sequence + self.records) % SEQUENCES


def at_or_after(sequence: int, other: int) -> bool:
    """Whether a sequence number comes at or after another one of the same producer: they go round."""
    return (sequence - other) % SEQUENCES < SEQUENCES // 2


@dataclass(frozen=True)
class Manifest:
    """All places that a producer has written to since it began, with what its last transaction wrote there."""

    places: Mapping[Place, Wrote]

    def encode(self) -> bytes:
        """Octets of the header."""
        return msgspec.msgpack.encode([[*place, *wrote] for place, wrote in self.places.items()])

    @classmethod
    def decode(cls, octets: bytes) -> Self:
        """Raises msgspec.MsgspecError for what is not a manifest."""
        rows = msgspec.msgpack.decode(octets, type=list[tuple[str, int, int, int]])
        return cls({Place(topic, partition): Wrote(*numbers) for topic, partition, *numbers in rows})

    def written(self) -> Iterable[tuple[Place, Wrote]]:
        """The places where the transaction has records."""
        return [(place, wrote) for place, wrote in self.places.items() if wrote.records]


class Sequences:
    """Counts what one producer writes, as Kafka's client numbers it: from 0 on in each partition, without gaps."""

    def __init__(self) -> None:
        self._next: dict[Place, int] = {}

    def manifest(self, counts: Mapping[Place, int]) -> Manifest:
        """The next transaction's, which writes so many records to each place."""
        places = {place: Wrote(self._next.get(place, 0), counts.get(place, 0)) for place in {**self._next, **counts}}
        self._next = {place: wrote.next for place, wrote in places.items()}
        return Manifest(places)
