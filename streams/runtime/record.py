"""A Kafka record as the stages see it. Pure: what fetches it stands in kafka.py.

confluent-kafka's own type says that topic, partition and offset may be missing. That is so for messages that a program
makes itself; what a broker has delivered has all three.
"""

from collections.abc import Sequence
from typing import Protocol


class Record(Protocol):
    """One record of a partition, as a broker has delivered it."""

    def topic(self) -> str:
        """Name of the topic it lies in."""

    def partition(self) -> int:
        """Number of the partition in the topic."""

    def offset(self) -> int:
        """Offset of the record in the partition."""

    def key(self) -> bytes | None:
        """Octets of the key; None: it has none."""

    def value(self) -> bytes | None:
        """Octets of the value; None: it has none."""

    def __len__(self) -> int:
        """Octets of the value."""

    def headers(self) -> Sequence[tuple[str, bytes | None]] | None:
        """Names and octets, in the producer's order. To be asked by headers_of (topics/headers.py) alone: with names
        that are not text, asking twice ends the process."""

    def timestamp(self) -> tuple[int, int]:
        """What the time is (see confluent_kafka.TIMESTAMP_…), and the time in milliseconds since 1970."""
