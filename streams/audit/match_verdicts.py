"""Verdicts of the fold beside those in email-approved and email-rejected: a merge of streams in the log's order, with
bounded memory. Pure.

A partition's verdicts stand in the order of their evidence. So nearly always the next one of the fold is, octet by
octet, the next one in its topic, and nothing is decoded. Where it is not, its evidence says what has happened: a look
AHEAD records forward finds it behind others that come too early; what names evidence that is past is repeated, or
extra.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from sidestep.schemas import Verdict
from sidestep.schemas.codec import encode
from sidestep.streams.audit.chain_beside import ChainBeside
from sidestep.streams.audit.findings import AuditFinding, Outcome, PartitionAudit, first_difference
from sidestep.streams.audit.folds import Begun
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.audit.offset_set import OffsetSet
from sidestep.streams.audit.verdict_stream import AHEAD, VerdictStream
from sidestep.topics.verdict_proof import HEADER

TOGETHER = 250
"""Verdicts compared at once; where one of them is not the next of its topic, each of them by itself."""
MISSING_MAX = 10_000
"""Verdicts that may still stand further on."""

Expected = tuple[Verdict, bytes]


class VerdictMatch:
    """Compares one partition's verdicts. `counts`: whether a verdict of this log time (seconds) is to be reported;
    `story`: offset of evidence -> what the state knew of its recipient; `chain`: hears of all that passes by."""

    def __init__(
        self,
        topic: str,
        approved: KeptPartition,
        rejected: KeptPartition,
        audit: PartitionAudit,
        counts: Callable[[float], bool],
        story: Callable[[int], str],
        chain: ChainBeside | None = None,
    ):
        self._topic = topic
        self._streams = VerdictStream(approved), VerdictStream(rejected)
        self._audit = audit
        self._counts = counts
        self._story = story
        self._chain = chain
        self._seen = OffsetSet()
        self._missing: dict[int, tuple[Expected, str]] = {}
        self._early: dict[int, list[tuple[VerdictStream, Kept]]] = {}

    def begin_at(self, offset: int) -> None:
        """The fold begins with this record of the log: nothing proves verdicts on those before it."""
        if passed := sum(stream.begin_at(offset) for stream in self._streams):
            self._audit.count("verdict", "not-kept", passed)

    def engines(self) -> list[Begun]:
        """What the first verdicts of both topics say."""
        return [
            Begun(judged.evidence.offset, judged.versions.engine, stream.kept.place(head.offset))
            for stream in self._streams
            if (head := stream.head()) is not None and (judged := stream.read(head)) is not None
        ]

    def expect(self, verdicts: Sequence[Verdict]) -> None:
        """The fold's next verdicts."""
        for start in range(0, len(verdicts), TOGETHER):
            some = verdicts[start : start + TOGETHER]
            values = [encode(verdict) for verdict in some]
            if not self._are_next(some, values):
                for verdict, value in zip(some, values, strict=True):
                    self._expect(verdict, value)

    def _are_next(self, verdicts: Sequence[Verdict], values: Sequence[bytes]) -> bool:
        """Whether all of them stand where they must, which is how it nearly always is."""
        found: list[list[int]] = []
        for stream, decision in zip(self._streams, ("approved", "rejected"), strict=True):
            own = [index for index, verdict in enumerate(verdicts) if verdict.decision == decision]
            if own and not stream.are_next([verdicts[index] for index in own], [values[index] for index in own]):
                return False
            found.append(own)
        offsets = [verdict.evidence.offset for verdict in verdicts]
        for number, own in enumerate(found):
            passed = self._streams[number].pass_by(len(own))
            if self._chain is not None and own:
                self._chain.proved(number, passed, [offsets[index] for index in own])
        if proved := sum([self._counts(verdict.decided_at) for verdict in verdicts]):
            self._audit.count("verdict", "proved", proved)
        self._seen.add_all(offsets)
        return True

    def _expect(self, verdict: Verdict, value: bytes) -> None:
        own = self._streams[verdict.decision != "approved"]
        offset = verdict.evidence.offset
        head = own.head()
        if head is not None and head.value == value and head.key == verdict.id.encode() and head.proof:
            own.take()
            if self._chain is not None:
                self._chain.proved(int(own is self._streams[1]), [head], [offset])
            if self._counts(verdict.decided_at):
                self._audit.count("verdict", "proved")
        else:
            if self._chain is not None:
                self._chain.stray(int(own is self._streams[1]), None, offset)
            self._look_closer(verdict, value, own)
            self._settle_early(offset - 1)
        self._seen.add(offset)

    def end(self, last: int) -> None:
        """The fold has no more: `last` is the offset of the last record that it has read. Whatever still stands there
        is looked at."""
        for stream in self._streams:
            while (head := stream.head()) is not None:
                stream.take()
                self._stray(stream, head)
                self._settle_early(last)
        self._settle_early(last)
        for stream, kept in chain.from_iterable(self._early.values()):
            if kept.offset < stream.kept.sure:
                self._find_extra(stream, kept)
            else:
                self._audit.count("verdict", "later")
        for (verdict, _), story in self._missing.values():
            self._find_missing(verdict, story)

    def _settle_early(self, last: int) -> None:
        """What has waited for its turn, which does not come: the fold has read all up to this offset."""
        for offset in [offset for offset in self._early if offset <= last]:
            for stream, kept in self._early.pop(offset):
                self._find_extra(stream, kept)

    def _find_extra(self, stream: VerdictStream, kept: Kept) -> None:
        self._report("extra", stream, kept, "the fold makes no verdict of its evidence")

    def _look_closer(self, verdict: Verdict, value: bytes, own: VerdictStream) -> None:
        offset = verdict.evidence.offset
        if early := self._early.get(offset):
            stream, kept = early.pop(0)
            self._compare(stream, kept, (verdict, value), "it stands before verdicts that come before it in the log")
            return
        if not own.keeps(offset):
            if self._counts(verdict.decided_at):
                self._audit.count("verdict", "not-kept")
            return
        for stream in self._streams:
            self._pass_over(stream, offset)
        for stream in (own, *(each for each in self._streams if each is not own)):
            index = stream.index_of(offset)
            if index is not None and (index == 0 or stream is own):
                for _ in range(index):
                    self._stray(stream, stream.take())
                kept = stream.take()
                elsewhere = "" if stream is own else f"it stands in {stream.kept.topic}"
                self._compare(stream, kept, (verdict, value), elsewhere)
                return
        if self._counts(verdict.decided_at):
            self._note_missing(verdict, value)

    def _pass_over(self, stream: VerdictStream, offset: int) -> None:
        """What stands before the place where a verdict on this evidence would."""
        while (head := stream.head()) is not None:
            judged = stream.read(head)
            if judged is not None and judged.evidence.offset >= offset:
                return
            stream.take()
            self._stray(stream, head)

    def _stray(self, stream: VerdictStream, kept: Kept) -> None:
        """A record that is not the next one of the fold."""
        judged = stream.read(kept)
        if self._chain is not None:
            self._chain.stray(int(stream is self._streams[1]), kept)
        if judged is None or judged.evidence.topic != self._topic:
            self._report("extra", stream, kept, "it is no verdict on this partition of the log")
        elif (found := self._missing.pop(judged.evidence.offset, None)) is not None:
            self._compare(stream, kept, found[0], "it stands behind verdicts that come after it in the log", found[1])
        elif judged.evidence.offset in self._seen:
            if self._counts(judged.decided_at):
                self._report("repeated", stream, kept, "its evidence has had its verdict")
        elif self._counts(judged.decided_at):
            self._early.setdefault(judged.evidence.offset, []).append((stream, kept))

    def _compare(
        self, stream: VerdictStream, kept: Kept, expected: Expected, misplaced: str, story: str | None = None
    ) -> None:
        verdict, value = expected
        if not self._counts(verdict.decided_at):
            return
        text = _difference(kept, value, verdict.id) or misplaced
        if not text:
            self._audit.count("verdict", "proved")
            return
        if story is None:  # to tell one takes as long as to fold its batch: not for findings that are only counted
            story = self._story(verdict.evidence.offset) if self._audit.tells_stories else ""
        self._report("differs", stream, kept, text, self._place(verdict.evidence.offset), story)

    def _note_missing(self, verdict: Verdict, value: bytes) -> None:
        story = self._story(verdict.evidence.offset) if len(self._missing) < AHEAD else ""
        if len(self._missing) < MISSING_MAX:
            self._missing[verdict.evidence.offset] = (verdict, value), story
        else:
            self._find_missing(verdict, story)

    def _find_missing(self, verdict: Verdict, story: str) -> None:
        kept = self._streams[verdict.decision != "approved"].kept
        text = f"the fold says {verdict.action}: {', '.join(rule.id for rule in verdict.rules) or 'no rule'}"
        place = f"{kept.topic}/{kept.partition}"
        self._audit.find(AuditFinding("verdict", "missing", place, self._place(verdict.evidence.offset), text, story))

    def _report(
        self, outcome: Outcome, stream: VerdictStream, kept: Kept, text: str, evidence: str = "", story: str = ""
    ) -> None:
        judged = stream.read(kept)
        evidence = evidence or (self._place(judged.evidence.offset) if judged is not None else "")
        place = stream.kept.place(kept.offset)
        self._audit.find(AuditFinding("verdict", outcome, place, evidence, text, story))

    def _place(self, offset: int) -> str:
        return f"{self._topic}/{self._audit.partition}/{offset}"


def _difference(kept: Kept, value: bytes, id: str) -> str:
    """In what a record that stands for a verdict is another; empty: in nothing."""
    if kept.value != value:
        return first_difference(value, kept.value or b"")
    if kept.key != id.encode():
        return "the record's key is not the verdict's id"
    return "" if kept.proof else f"the record has no header {HEADER} that can be read"
