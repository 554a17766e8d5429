"""The chain of a partition held against evidence and verdicts as they pass by on their way through the audit: they are
read once for both. Pure.

All that is said here is that everything is as it was. What does not fit at once is left to walk_chain.py, which reads
all of it once more and names it; so what costs most is paid where something is wrong.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from sidestep.schemas.codec import ContractError
from sidestep.streams.audit.findings import Outcome
from sidestep.streams.audit.kept import Chained, Kept
from sidestep.streams.audit.walk_chain import ChainWalk
from sidestep.streams.chain import (
    CHAIN,
    ChainedBatch,
    ChainRow,
    Link,
    Pairs,
    Point,
    digests_of,
    first_head,
    gaps_in,
    linked_head,
    parse_link,
    stepped,
    written,
)

MOST = 50_000
"""Records of the log that may wait for a link, some 60 MB: more than a batch has."""


class _Linked(NamedTuple):
    """A link, as it stands."""

    link: Link
    topic: int
    offset: int
    evidence: int
    """That its verdict is about."""


class _Written:
    """Verdicts of one topic that no link has covered yet."""

    def __init__(self) -> None:
        self.evidence: list[int] = []
        self.kept: list[Kept] = []

    def until(self, evidence: int) -> Pairs:
        """Take those on evidence up to an offset."""
        count = bisect_right(self.evidence, evidence)
        some = self.kept[:count]
        del self.evidence[:count], self.kept[:count]
        return Pairs([kept.key or b"" for kept in some], [kept.value for kept in some])


class ChainBeside:
    """Follows one chain. `begins`: offset of the log with which the fold does."""

    def __init__(self, chained: Chained, begins: int):
        self.whole = True
        """False: walk it."""
        self.counts: Counter[Outcome] = Counter()
        self.chained_from: int | None = None
        self._sure = chained.approved.sure, chained.rejected.sure
        self._offsets: list[int] = []
        self._values: list[bytes | None] = []
        self._read = begins - 1
        self._verdicts = _Written(), _Written()
        self._links: deque[_Linked] = deque()
        self._last: Link | None = None
        self._walked = -1
        """Evidence up to here was."""
        if begins > 0 or any(topic.start > 0 for topic in chained):
            self._walk_until(chained, begins)

    def _walk_until(self, chained: Chained, begins: int) -> None:
        """The links that rest on what is before the fold, or on what retention has taken."""
        walk = ChainWalk(*chained)
        for walked in walk.links():
            self.counts["proved" if walked.state == "holds" else walked.state] += 1  # type: ignore[index]
            if walked.faults or walked.anew or walked.state == "later":
                break
            if walked.state == "holds":
                self.chained_from = walked.link.base_to + 1 if self.chained_from is None else self.chained_from
                if walked.link.base_to + 1 >= begins:
                    self._last, self._walked = walked.link, walked.link.to
                    return
        self.whole = False

    def read(self, records: Sequence[Kept]) -> None:
        """The log's next records."""
        if self.whole and records:
            self._offsets += [kept.offset for kept in records]
            self._values += [kept.value for kept in records]
            self._read = records[-1].offset

    def proved(self, topic: int, records: Sequence[Kept], evidence: Sequence[int]) -> None:
        """The next verdicts of a topic (0: approved, 1: rejected), and the offsets of their evidence."""
        if not self.whole:
            return
        if evidence[0] <= self._walked:
            start = bisect_right(evidence, self._walked)
            records, evidence = records[start:], evidence[start:]
        self._verdicts[topic].evidence += evidence
        self._verdicts[topic].kept += records
        for kept, offset in zip(records, evidence, strict=True):
            if kept.link is not None:
                self._add_link(topic, kept, kept.link, offset)

    def _add_link(self, topic: int, kept: Kept, octets: bytes, evidence: int) -> None:
        try:
            self._links.append(_Linked(parse_link(octets), topic, kept.offset, evidence))
        except ContractError:
            self.whole = False

    def stray(self, topic: int, kept: Kept | None, evidence: int = -1) -> None:
        """A verdict that is not the fold's next one; None: one that is not there, on this evidence."""
        if kept is not None and kept.offset >= self._sure[topic]:
            self.counts["later"] += kept.link is not None
        elif kept is not None or evidence > self._walked:
            self.whole = False

    def follow(self) -> None:
        """Hold against their links what was read and proved so far."""
        self._links = deque(sorted(self._links, key=lambda linked: linked.evidence))
        while self.whole and self._links and self._links[0].link.to <= self._read:
            linked = self._links.popleft()
            if linked.offset >= self._sure[linked.topic]:
                self.counts["later"] += 1
                self._pass(linked)
            elif self._fits(linked):
                self.counts["proved"] += 1
                if self.chained_from is None:
                    self.chained_from = linked.link.base_to + 1
                self._pass(linked)
            else:
                self.whole = False
        if len(self._offsets) > MOST:
            self.whole = False
        if not self.whole:
            self._offsets, self._values, self._verdicts = [], [], (_Written(), _Written())

    def end(self, row: bytes | None) -> None:
        """The fold has no more. `row`: how far the changelog says that the chain has come."""
        self.follow()
        self.whole = self.whole and all(linked.offset >= self._sure[linked.topic] for linked in self._links)
        self.counts["later"] += len(self._links)
        if self.whole and row is not None and not self._links:
            try:
                self.whole = self._ends_with(CHAIN.decode(row))
            except msgspec.MsgspecError:
                self.whole = False

    def _fits(self, linked: _Linked) -> bool:
        link, last = linked.link, self._last
        if (last is None and not link.first) or (
            last is not None and (last.to, last.head) != (link.base_to, link.base)
        ):
            return False
        points = [*link.points, (link.start - 1, link.before)]
        if last is None:
            for topic in self._verdicts:
                topic.until(link.base_to)  # of a version without chains
        if not self._leads(link.base_to, link.base, points):
            return False
        some = slice(bisect_left(self._offsets, link.start), bisect_right(self._offsets, link.to))
        offsets = self._offsets[some]
        if not offsets or (offsets[0], offsets[-1], gaps_in(offsets)) != (link.start, link.to, link.gaps):
            return False
        read = digests_of(self._values[some])
        approved, rejected = [written(topic.until(linked.evidence)) for topic in self._verdicts]
        if (read.said, approved.said, rejected.said) != (link.evidence, link.approved, link.rejected):
            return False
        batch = ChainedBatch(link.start, link.to, link.gaps, read, approved, rejected)
        return linked_head(link.before, batch) == link.head

    def _leads(self, to: int, head: bytes, points: Sequence[Point]) -> bool:
        """Whether evidence of which no verdict follows, behind `to`, leads from this head to these."""
        index = bisect_right(self._offsets, to)
        for point, said in points:
            while index < len(self._offsets) and self._offsets[index] <= point:
                head = stepped(head, self._offsets[index], self._values[index])
                index += 1
            if head[: len(said)] != said:
                return False
        return True

    def _pass(self, linked: _Linked) -> None:
        self._last = linked.link
        count = bisect_right(self._offsets, linked.link.to)
        del self._offsets[:count], self._values[:count]
        for topic in self._verdicts:
            topic.until(linked.evidence)

    def _ends_with(self, row: ChainRow) -> bool:
        last = self._last
        to, head = (row.base_to, first_head(row.base_to)) if last is None else (last.to, last.head)
        if to > row.base_to:
            return True  # the row is older than the last link
        if to < row.base_to or head != row.base or row.to > self._read:
            return False
        if any(topic.until(row.to).keys for topic in self._verdicts):
            return False
        return self._leads(to, head, [*row.points, (row.to, row.head)])
