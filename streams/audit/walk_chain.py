"""The links of one partition's chain, each held against what stands in Kafka today. Pure: reading.py reads it.

Verdicts of both topics are taken in the log's order, so a link comes behind all verdicts that it covers, and evidence
is read as far as it says: no more than a batch is in memory. A link says what the head before it was, so that one
fault is one finding, and the links behind it are looked at all the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidestep.schemas.codec import ContractError
from sidestep.streams.audit.chain_faults import ChainFault, faults_of
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.audit.merged_verdicts import UNKNOWN, MergedVerdicts
from sidestep.streams.chain import ChainRow, Link, Point, first_head, parse_link, stepped


@dataclass(frozen=True)
class WalkedLink:
    """One link, and what was found of it."""

    link: Link
    place: str
    """TOPIC/PARTITION/OFFSET of the verdict that has it."""
    state: str = "holds"
    """`not-kept`: retention has taken some of what it covers. `later`: it is younger than the question, and what
    belongs to it may not be there yet. Else it was looked at."""
    anew: bool = False
    """Another chain begins with it: a version without chains has judged between."""
    faults: Sequence[ChainFault] = ()


class ChainWalk:
    """Goes through the chain of one partition, once."""

    def __init__(self, evidence: KeptPartition, approved: KeptPartition, rejected: KeptPartition):
        self._evidence = evidence
        self._records = iter(evidence.records)
        self._next: Kept | None = None
        self._topics = approved, rejected
        self._verdicts = MergedVerdicts(approved, rejected)
        self._first = [self._verdicts.first(number) if topic.start > 0 else -1.0 for number, topic in
                       enumerate(self._topics)]  # fmt: skip
        """From which evidence on all verdicts are kept, by topic."""
        self._covered: list[tuple[int, Kept, int]] = []
        self._unreadable = ""
        self.last: Link | None = None
        """The last link so far."""

    def links(self) -> Iterator[WalkedLink]:
        """All links in their order."""
        for number, kept, evidence in self._verdicts:
            self._covered.append((number, kept, evidence))
            if kept.link is None:
                continue
            try:
                link = parse_link(kept.link)
            except ContractError:
                self._unreadable = self._unreadable or self._topics[number].place(kept.offset)
                continue
            yield self._walked(link, self._topics[number], kept.offset)
            self._covered, self._unreadable, self.last = [], "", link

    def tail(self, row: ChainRow) -> list[ChainFault]:
        """What a ledger says of the chain's end, once there are no more links."""
        to, head = (row.base_to, first_head(row.base_to)) if self.last is None else (self.last.to, self.last.head)
        if to < row.base_to or (self.last is None and head != row.base):
            return [] if self.last is None and max(self._first) >= 0 else [self._no_link(row.base_to, to + 1)]
        if to > row.base_to or to + 1 < self._evidence.start:
            return []  # the row is older than the last link; or what it covers is gone
        if head != row.base:
            return [ChainFault("differs", self._at(to), to, "the ledger says of another head there")]
        list(self._until(to))
        found = self._follow(to, head, row.to, [*row.points, (row.to, row.head)])
        strays = [each for each in self._covered if each[2] <= row.to]
        for number, kept, _ in strays[:1]:
            place = self._topics[number].place(kept.offset)
            found.append(ChainFault("extra", place, to + 1, "no link covers it"))
        return found

    # -- one link ------------------------------------------------------------------------------------------------------

    def _walked(self, link: Link, topic: KeptPartition, offset: int) -> WalkedLink:
        place, last = topic.place(offset), self.last
        goes_on = last is not None and (last.to, last.head) == (link.base_to, link.base)
        anew = not goes_on and last is not None and link.first and link.base_to >= last.to
        broken = [] if goes_on or anew else self._broken(last, link)
        if not goes_on:  # what is before it is of links that are gone, or of no chain
            self._covered = [each for each in self._covered if not UNKNOWN < each[2] <= link.base_to]
        if offset >= topic.sure:
            return WalkedLink(link, place, "later", anew)
        if not self._is_kept(link):
            list(self._until(link.to))
            return WalkedLink(link, place, "not-kept", anew, broken)
        list(self._until(link.base_to))
        found = self._follow(link.base_to, link.base, link.start - 1, [*link.points, (link.start - 1, link.before)])
        verdicts = [
            (topic, [kept for number, kept, _ in self._covered if number == each])
            for each, topic in enumerate(self._topics)
        ]
        found += faults_of(link, place, list(self._until(link.to)), verdicts, self._at)
        return WalkedLink(link, place, "holds", anew, [*broken, *found])

    def _broken(self, last: Link | None, link: Link) -> list[ChainFault]:
        if last is None:
            taken = link.first or max(self._first) >= 0
            return [] if taken else [self._no_link(link.base_to, 0)]
        if link.base_to < last.to or (link.base_to == last.to and link.base != last.head):
            return [ChainFault("differs", self._at(link.start), link.start, "its link goes on from another head")]
        if last.to < max(self._first):
            return []  # it may be of those that retention has taken
        return [self._no_link(link.base_to, last.to + 1)]

    def _no_link(self, to: int, evidence: int) -> ChainFault:
        place = self._unreadable or self._at(to)
        why = "can't be read" if self._unreadable else "is gone, and the verdict that had it"
        return ChainFault("missing", place, evidence, f"the link that reaches to evidence {to} {why}")

    def _is_kept(self, link: Link) -> bool:
        counts = link.approved.count, link.rejected.count
        whole = all(not count or link.start >= first for count, first in zip(counts, self._first, strict=True))
        return whole and link.base_to + 1 >= self._evidence.start

    def _follow(self, to: int, head: bytes, until: int, points: Sequence[Point]) -> list[ChainFault]:
        """Evidence of which no verdict follows, behind `to` and up to `until`: the first point that does not fit."""
        known, records = to, self._until(until)
        kept = next(records, None)
        for point, said in points:
            while kept is not None and kept.offset <= point:
                head = stepped(head, kept.offset, kept.value)
                kept = next(records, None)
            if head[: len(said)] != said:
                list(records)
                return [self._unlike(known + 1, point)]
            known = point
        return []

    def _unlike(self, first: int, last: int) -> ChainFault:
        some = "it" if first == last else f"of the records up to {last} one"
        text = f"{some} is not there as Decide has read it, or was not there then; no verdict rests on it"
        return ChainFault("differs", self._at(first), first, text, last)

    def _until(self, offset: int) -> Iterator[Kept]:
        """The next records of the log, up to an offset."""
        while True:
            kept = self._next or next(self._records, None)
            self._next = None
            if kept is None:
                return
            if kept.offset > offset:
                self._next = kept
                return
            yield kept

    def _at(self, offset: int) -> str:
        return self._evidence.place(offset)
