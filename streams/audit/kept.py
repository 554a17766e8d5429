"""What Kafka keeps of one partition of the log and of what was made of it. Pure: reading.py reads it, tests make it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

SOME = 1_000
"""Records handed over together."""


class Kept(NamedTuple):
    """A committed record as it stands."""

    offset: int
    key: bytes | None
    value: bytes | None
    proof: bool = True
    """Whether it has a proof (topics/verdict_proof.py), where that is looked for."""
    link: bytes | None = None
    """Its link of the chain (streams/chain.py), where that is looked for."""


@runtime_checkable
class Batched(Protocol):
    """Records that come in lists."""

    def batches(self, since: int | None = None) -> Iterator[list[Kept]]:
        """As KeptPartition has it."""


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
    """In offset order; each time anew."""
    end: int = 0
    """Offset behind the last record."""

    def batches(self, since: int | None = None) -> Iterator[list[Kept]]:
        """The records in lists, from an offset on; None: all."""
        if isinstance(self.records, Batched):
            yield from self.records.batches(since)
            return
        left = (record for record in self.records if since is None or record.offset >= since)
        while some := list(islice(left, SOME)):
            yield some

    def place(self, offset: int) -> str:
        """TOPIC/PARTITION/OFFSET."""
        return f"{self.topic}/{self.partition}/{offset}"


@dataclass(frozen=True)
class KeptWatch:
    """A partition of email-tallies, and all that Watch has made of it."""

    tallies: KeptPartition
    anomalies: Sequence[KeptPartition]
    """All partitions of email-anomalies: an anomaly lies in that of its service."""
    changelog: KeptPartition
    """Of the ledger, with the marker."""
    count: int
    """Partitions of email-tallies."""


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
    chained: "Chained | None" = None
    """The same evidence and verdicts once more, where the chain has to be walked; None: it is not looked at."""

    @property
    def partition(self) -> int:
        """Number of the partition."""
        return self.evidence.partition


class Chained(NamedTuple):
    """What the chain of a partition rests on, with the links."""

    evidence: KeptPartition
    approved: KeptPartition
    rejected: KeptPartition
