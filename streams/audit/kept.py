"""What Kafka keeps of one partition of the log and of what was made of it. Pure: reading.py reads it, tests make it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Kept(NamedTuple):
    """A committed record as it stands."""

    offset: int
    key: bytes | None
    value: bytes | None
    proof: bool = True
    """Whether it has a proof (topics/verdict_proof.py), where that is looked for."""


@dataclass(frozen=True)
class KeptPartition:
    """A partition of a topic."""

    topic: str
    partition: int
    start: int
    """Offset of the first record that is still there; above 0: some are not."""
    sure: int
    """What stands before this offset was committed before the end of the changelog was asked for, so the marker there
    covers it. What stands behind it may be younger than the audit."""
    records: Iterable[Kept]
    """In offset order, to be gone through once."""

    def place(self, offset: int) -> str:
        """TOPIC/PARTITION/OFFSET."""
        return f"{self.topic}/{self.partition}/{offset}"


@dataclass(frozen=True)
class KeptLog:
    """A partition of email-evidence, and all that Decide has made of it."""

    evidence: KeptPartition
    approved: KeptPartition
    rejected: KeptPartition
    changelog: KeptPartition
    """Of the ledger's keyed tables, with the marker."""
    ids: KeptPartition
    """Changelog of the ledger's windowed table."""
    tallies: Sequence[KeptPartition]
    """All partitions of email-tallies: a tally lies in that of its service."""

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self.evidence.partition
