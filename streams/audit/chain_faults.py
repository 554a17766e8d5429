"""What a link says was read and written, beside what stands in Kafka: the first record that is another. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sidestep.streams.audit.findings import Outcome
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.chain import (
    SAID,
    TOGETHER,
    ChainedBatch,
    Link,
    LinkedVerdicts,
    Pairs,
    Span,
    WrittenVerdicts,
    digests_of,
    gaps_in,
    linked_head,
    written,
)


class ChainFault(NamedTuple):
    """Something that does not fit."""

    outcome: Outcome
    place: str
    """TOPIC/PARTITION/OFFSET of the first record that it may be; without an offset where nothing stands."""
    evidence: int
    """Offset in the log: all before it holds."""
    text: str
    until: int = -1
    """It is one of the log's records from `evidence` to here; -1: it is none of them."""


Verdicts = tuple[KeptPartition, Sequence[Kept]]
"""A topic, and its records that a link covers."""
Place = Callable[[int], str]
"""An offset of the log -> TOPIC/PARTITION/OFFSET."""


def faults_of(
    link: Link,
    where: str,
    evidence: Sequence[Kept],
    verdicts: Sequence[tuple[KeptPartition, Sequence[Kept]]],
    at: Place,
) -> list[ChainFault]:
    """What is wrong with the batch of a link, which stands at `where`."""
    approved, rejected = [
        written(Pairs([each.key or b"" for each in records], [each.value for each in records]))
        for _, records in verdicts
    ]
    read = digests_of([each.value for each in evidence])
    found = [
        _evidence_fault(link, evidence, read.said, at),
        _verdict_fault(link, link.approved, approved.said, *verdicts[0]),
        _verdict_fault(link, link.rejected, rejected.said, *verdicts[1]),
    ]
    if any(found):
        return [fault for fault in found if fault is not None]
    if linked_head(link.before, ChainedBatch(link.start, link.to, link.gaps, read, approved, rejected)) == link.head:
        return []
    return [ChainFault("differs", where, link.start, "the link is not that of these records, or a key is another")]


def _written(records: Sequence[Kept]) -> WrittenVerdicts:
    return written(Pairs([each.key or b"" for each in records], [each.value for each in records]))


def _evidence_fault(link: Link, evidence: Sequence[Kept], said: bytes, at: Place) -> ChainFault | None:
    offsets = [each.offset for each in evidence]
    if (offset := _missing(link, offsets)) is not None:
        return ChainFault("missing", at(offset), offset, "Decide has read it, and it is not there", offset)
    if (offset := _inserted(link.gaps, offsets)) is not None:
        return ChainFault(
            "extra", at(offset), offset, "it was not there when Decide read the records around it", offset
        )
    if (group := _first_other(link.evidence, said)) is None:
        return None
    some = offsets[group * TOGETHER : (group + 1) * TOGETHER] or [link.start]
    text = "it is another than the one that Decide has read"
    return ChainFault("differs", at(some[0]), some[0], _one_of(some, text), some[-1])


def _verdict_fault(
    link: Link, linked: LinkedVerdicts, stands: LinkedVerdicts, kept: KeptPartition, records: Sequence[Kept]
) -> ChainFault | None:
    if stands == linked:
        return None
    group = _first_other(linked.digests, stands.digests) or 0
    some = [each.offset for each in records[group * TOGETHER : (group + 1) * TOGETHER]]
    place = kept.place(some[0]) if some else f"{kept.topic}/{kept.partition}"
    if stands.count == linked.count:
        return ChainFault("differs", place, link.start, _one_of(some, "it is another than Decide has written"))
    text = f"Decide has written {linked.count:,} verdicts on evidence {link.start} to {link.to}, {stands.count:,} stand"
    return ChainFault("missing" if stands.count < linked.count else "extra", place, link.start, text)


def _first_other(one: bytes, other: bytes) -> int | None:
    """Number of the first digest that is another; None: they are the same."""
    if one == other:
        return None
    end = max(len(one), len(other))
    return next(at // SAID for at in range(0, end, SAID) if one[at : at + SAID] != other[at : at + SAID])


def _missing(link: Link, offsets: Sequence[int]) -> int | None:
    """The first offset of a batch that has no record any more."""
    for first, last in gaps_in([link.start - 1, *offsets, link.to + 1]):
        for gap in link.gaps:
            if gap[0] <= first <= gap[1]:
                first = gap[1] + 1
        if first <= last:
            return first
    return None


def _inserted(gaps: Sequence[Span], offsets: Sequence[int]) -> int | None:
    """The first offset that had no record."""
    if not gaps:
        return None
    return next((offset for offset in offsets if any(first <= offset <= last for first, last in gaps)), None)


def _one_of(offsets: Sequence[int], text: str) -> str:
    return text if len(offsets) == 1 else f"of the records up to {offsets[-1]} one is not as it was: {text}"
