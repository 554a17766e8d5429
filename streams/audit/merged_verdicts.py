"""Verdicts of both topics of one partition, in the log's order: that of the evidence which they are about. Pure."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from sidestep.schemas import LogPosition
from sidestep.streams.audit.kept import Kept, KeptPartition

UNKNOWN = -1
AHEAD = 3
"""So many records of a topic tell which of them is out of its order."""


class OnEvidence(msgspec.Struct):
    """What a verdict says of the record that it is about."""

    evidence: LogPosition


_decode = msgspec.json.Decoder(OnEvidence).decode


def evidence_of(kept: Kept) -> int:
    """Offset of the evidence that a record is about; UNKNOWN: it says none."""
    try:
        return _decode(kept.value or b"").evidence.offset
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return UNKNOWN


class MergedVerdicts:
    """Goes through both topics, once. Yields 0 for approvals and 1 for rejections, with the record and the offset of
    its evidence.

    What says no evidence, and what is ahead of its two neighbours behind it, comes at once: it is not where it belongs.
    """

    def __init__(self, approved: KeptPartition, rejected: KeptPartition):
        self._ahead = [_Ahead(approved), _Ahead(rejected)]

    def __iter__(self) -> Iterator[tuple[int, Kept, int]]:
        one, other = self._ahead
        while one.left or other.left:
            number = int(not one.left or (other.left and other.place < one.place))
            yield number, *self._ahead[number].take()

    def first(self, number: int) -> float:
        """Offset of the evidence of a topic's first verdict, before anything is taken."""
        return self._ahead[number].first


class _Ahead:
    """The next records of a topic."""

    def __init__(self, kept: KeptPartition):
        self._records = iter(kept.records)
        self._next: deque[tuple[Kept, int]] = deque()
        self._look()
        known = [evidence for _, evidence in self._next if evidence != UNKNOWN]
        self.first: float = min(known, default=float("inf"))

    def _look(self) -> None:
        for kept in islice(self._records, AHEAD - len(self._next)):
            self._next.append((kept, evidence_of(kept)))

    @property
    def left(self) -> bool:
        """There are more."""
        return bool(self._next)

    @property
    def place(self) -> int:
        """Where the next one stands in the log's order."""
        evidence, *behind = [evidence for _, evidence in self._next]
        return UNKNOWN if len(behind) > 1 and all(UNKNOWN < each < evidence for each in behind) else evidence

    def take(self) -> tuple[Kept, int]:
        """The next one, and its evidence."""
        taken = self._next.popleft()
        self._look()
        return taken
