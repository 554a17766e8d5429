"""The verdicts that stand in one topic, looked at some records ahead. Pure."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from math import inf

import msgspec

from sidestep.schemas import LogPosition, Verdict, Versions
from sidestep.streams.audit.kept import Kept, KeptPartition

AHEAD = 64


class NamedEvidence(msgspec.Struct):
    """What a verdict says of its place in the log."""

    evidence: LogPosition
    decided_at: float
    versions: Versions


_decode = msgspec.json.Decoder(NamedEvidence).decode


class VerdictStream:
    """The verdicts of one topic, looked at some records ahead."""

    def __init__(self, kept: KeptPartition):
        self.kept = kept
        self._records = chain.from_iterable(kept.batches())
        self.ahead: deque[Kept] = deque()
        self._first = self._first_kept() if kept.start > 0 else 0

    def begin_at(self, offset: int) -> int:
        """Pass over what stands there on evidence before an offset. How many records that were."""
        passed = 0
        while (head := self.head()) is not None and (judged := self.read(head)) is not None:
            if judged.evidence.offset >= offset:
                break
            self.take()
            passed += 1
        if passed:
            self._first = 0  # what comes behind it is kept
        return passed

    def head(self) -> Kept | None:
        """The next record; None at the end."""
        if not self.ahead:
            self.ahead.extend(islice(self._records, 1))
        return self.ahead[0] if self.ahead else None

    def take(self) -> Kept:
        """The next one, which is done with. There is one."""
        return self.ahead.popleft()

    def are_next(self, verdicts: Sequence[Verdict], values: list[bytes]) -> bool:
        """Whether the next records are these."""
        count = len(values)
        self.ahead.extend(islice(self._records, max(count - len(self.ahead), 0)))
        kept = list(islice(self.ahead, count))
        if len(kept) < count:
            return False
        _, keys, found, proofs, _ = zip(*kept, strict=True)
        return found == tuple(values) and keys == tuple([verdict.id.encode() for verdict in verdicts]) and all(proofs)

    def pass_by(self, count: int) -> list[Kept]:
        """So many records, which are done with."""
        return [self.ahead.popleft() for _ in range(count)]

    def keeps(self, offset: int) -> bool:
        """Whether retention has left what the topic had of this evidence."""
        return offset >= self._first

    def index_of(self, offset: int) -> int | None:
        """How far ahead the verdict on this evidence stands, behind others that come too early; None: it isn't near, or
        it is the one that comes too late."""
        self._look()
        offsets = [judged.evidence.offset if (judged := self.read(kept)) else -1 for kept in self._near()]
        if offset not in offsets:
            return None
        index = offsets.index(offset)
        skipped, behind = offsets[:index], offsets[index + 1 : index + 2]
        if skipped and (behind > [max(skipped)] or (not behind and index > 1)):
            return None  # those before it go on in their order behind it: it is late
        return index

    def _look(self) -> None:
        self.ahead.extend(islice(self._records, max(AHEAD - len(self.ahead), 0)))

    def _first_kept(self) -> float:
        self._look()
        known = [judged.evidence.offset for kept in self._near() if (judged := self.read(kept)) is not None]
        return min(known, default=inf)

    def _near(self) -> Iterator[Kept]:
        return islice(self.ahead, AHEAD)

    def read(self, kept: Kept) -> NamedEvidence | None:
        """What a record says of its place; None: it can't be a verdict on this partition's log."""
        try:
            judged = _decode(kept.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return judged if judged.evidence.partition == self.kept.partition else None
