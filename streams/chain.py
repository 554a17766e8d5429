"""The chain of a partition: digests that say what was read and what was written, each resting on the one before. Pure.

A batch with verdicts makes a link: the head of the chain so far, and what the batch has read (offsets and values of
evidence) and written (keys and values of its verdicts), in one digest, which is the new head. The link stands in the
header `sidestep-chain` of the batch's last verdict, in its transaction. A batch without verdicts, of which nobody is
told, takes the head on by a step for each record; so it makes no difference how those were cut. The head itself is a
row of the ledger, beside its marker.

Heads are BLAKE2b (RFC 7693), what they rest on is SHA-256, a digest for every eight records, because processors have
instructions for that (docs/decisions/060). A link says the first octets of each, so that who finds a head that does not
fit can tell which eight it is. docs/chain.md has it for other languages, with vectors.
"""

from collections.abc import Sequence
from hashlib import blake2b, sha256
from itertools import pairwise
from struct import pack
from typing import NamedTuple

import msgspec
from msgspec import Struct

from sidestep.schemas.codec import ContractError
from sidestep.streams.runtime.tables import Table

HEADER = "sidestep-chain"
VERSION = 1
OCTETS = 32
"""Of a head."""
TOGETHER = 8
"""Records under one digest."""
SAID = 8
"""Octets of such a digest that a link says."""
POINT = 4
"""Octets of a head that a link says of a batch without verdicts before it."""
POINTS_MOST = 64
"""Of those, at most: of more every second is said."""

_FIRST, _STEP, _LINK = b"sidestep-first-1", b"sidestep-step-1", b"sidestep-chain-1"
"""What the heads are made for: BLAKE2b's personalization."""
_ABSENT = -1
"""Length of a value that is not there."""

Point = tuple[int, bytes]
"""Offset of evidence, and the first octets of the head behind it."""
Span = tuple[int, int]
"""First and last offset."""


class ChainRow(Struct, array_like=True, frozen=True, gc=False):
    """Where the chain of a partition has come to."""

    to: int
    """Offset of the last evidence that is in."""
    head: bytes
    base_to: int
    """The same of the last link, or of where the chain begins: nothing up to there is in it."""
    base: bytes
    points: list[Point] = []
    """Batches since then."""


CHAIN = Table("chain", b"\0", ChainRow)
"""One row, among the ledger's own: no fold of the log gives it, for it says how the log was cut."""
ROW = b"chain"
STORED = CHAIN.prefix + ROW
"""The row's key in the changelog and in the store."""


class LinkedVerdicts(Struct, array_like=True, frozen=True, gc=False):
    """What a link says of the verdicts in one topic."""

    count: int
    digests: bytes
    """SAID octets for every TOGETHER of them."""


class Link(Struct, array_like=True, frozen=True, gc=False):
    """What the header holds, as a MessagePack array."""

    version: int
    base_to: int
    base: bytes
    """Evidence and head of the link before it; first_head(base_to) where the chain begins."""
    points: list[Point]
    """Batches without verdicts in between."""
    start: int
    """Offset of the batch's first evidence."""
    before: bytes
    """The head before the batch."""
    to: int
    """Offset of its last evidence."""
    gaps: list[Span]
    """Offsets between these that had no record for Decide: ends of transactions, and what they took back."""
    evidence: bytes
    """SAID octets for every TOGETHER of its records."""
    approved: LinkedVerdicts
    rejected: LinkedVerdicts
    head: bytes
    """The new one."""

    @property
    def first(self) -> bool:
        """The chain begins with it."""
        return self.base == first_head(self.base_to)


class Pairs(NamedTuple):
    """Keys and values of records, in their order."""

    keys: list[bytes]
    values: Sequence[bytes | None]


_encode_link = msgspec.msgpack.Encoder().encode
_decode_link = msgspec.msgpack.Decoder(Link).decode


def parse_link(octets: bytes) -> Link:
    """Of a header. Raises ContractError."""
    try:
        link = _decode_link(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ContractError("link-unreadable", f"{HEADER} is not a link of a chain") from None
    ordered = link.base_to < link.start <= link.to < 2**63
    ordered = ordered and all(link.start < first <= last < link.to for first, last in link.gaps)
    if link.version != VERSION or not ordered or {len(link.base), len(link.before), len(link.head)} != {OCTETS}:
        raise ContractError("link-unreadable", f"{HEADER} is not a link of version {VERSION}")
    return link


def first_head(base_to: int) -> bytes:
    """The head of a chain that begins behind this offset of evidence; -1: with the log."""
    return blake2b(pack("<q", base_to), digest_size=OCTETS, person=_FIRST).digest()


def begins(marker: int) -> ChainRow:
    """A chain that begins behind what a ledger has already."""
    head = first_head(marker)
    return ChainRow(marker, head, marker, head)


def stepped(head: bytes, offset: int, value: bytes | None) -> bytes:
    """The head behind a record of a batch without verdicts."""
    octets = value or b""
    record = pack("<qi", offset, _ABSENT if value is None else len(octets)) + sha256(octets).digest()
    return blake2b(head + record, digest_size=OCTETS, person=_STEP).digest()


def advanced(
    row: ChainRow, offsets: Sequence[int], values: Sequence[bytes | None], approved: Pairs, rejected: Pairs
) -> tuple[ChainRow, bytes | None]:
    """The chain behind a batch of evidence and its verdicts, and the octets of its link; None: it has no verdicts."""
    if not (approved.keys or rejected.keys):
        return _without_verdicts(row, offsets, values), None
    start, to = offsets[0], offsets[-1]
    batch = ChainedBatch(start, to, gaps_in(offsets), digests_of(values), written(approved), written(rejected))
    head = linked_head(row.head, batch)
    link = Link(
        VERSION, row.base_to, row.base, row.points, start, row.head, to, batch.gaps, batch.evidence.said,
        batch.approved.said, batch.rejected.said, head,
    )  # fmt: skip
    return ChainRow(to, head, to, head), _encode_link(link)


def _without_verdicts(row: ChainRow, offsets: Sequence[int], values: Sequence[bytes | None]) -> ChainRow:
    head = row.head
    for offset, value in zip(offsets, values, strict=True):
        head = stepped(head, offset, value)
    points = [*row.points, (offsets[-1], head[:POINT])]
    points = points[1::2] if len(points) > POINTS_MOST else points
    return ChainRow(offsets[-1], head, row.base_to, row.base, points)


class Digests(NamedTuple):
    """Of records in a row."""

    lengths: bytes
    """Of each, 4 octets."""
    digests: bytes
    """Of every TOGETHER of them, 32 octets."""

    @property
    def said(self) -> bytes:
        """What a link says of them."""
        digests = self.digests
        return b"".join([digests[at : at + SAID] for at in range(0, len(digests), 32)])


class WrittenVerdicts(NamedTuple):
    """Of verdicts in one topic."""

    keys: bytes
    """Lengths of all, and one digest."""
    values: Digests
    number: int

    @property
    def said(self) -> LinkedVerdicts:
        """What a link says of them."""
        return LinkedVerdicts(self.number, self.values.said)


class ChainedBatch(NamedTuple):
    """All that a link covers."""

    start: int
    to: int
    gaps: list[Span]
    evidence: Digests
    approved: WrittenVerdicts
    rejected: WrittenVerdicts


def linked_head(before: bytes, batch: ChainedBatch) -> bytes:
    """The head behind a batch with verdicts."""
    hasher = blake2b(before, digest_size=OCTETS, person=_LINK)
    hasher.update(pack("<qqi", batch.start, batch.to, len(batch.gaps)))
    hasher.update(b"".join([pack("<qq", *gap) for gap in batch.gaps]))
    hasher.update(pack("<i", len(batch.evidence.lengths) // 4) + batch.evidence.lengths + batch.evidence.digests)
    for topic in (batch.approved, batch.rejected):
        hasher.update(pack("<i", topic.number) + topic.keys + topic.values.lengths + topic.values.digests)
    return hasher.digest()


def digests_of(values: Sequence[bytes | None]) -> Digests:
    """Of records by their values."""
    octets: Sequence[bytes]
    if None in values:
        lengths = [_ABSENT if value is None else len(value) for value in values]
        octets = [value or b"" for value in values]
    else:
        octets = values  # type: ignore[assignment]  # none of them is None
        lengths = list(map(len, octets))
    join = b"".join
    digests = [sha256(join(octets[at : at + TOGETHER])).digest() for at in range(0, len(octets), TOGETHER)]
    return Digests(pack(f"<{len(lengths)}i", *lengths), join(digests))


def written(pairs: Pairs) -> WrittenVerdicts:
    """Of verdicts, as they stand in one topic."""
    keys = pairs.keys
    named = pack(f"<{len(keys)}i", *map(len, keys)) + sha256(b"".join(keys)).digest()
    return WrittenVerdicts(named, digests_of(pairs.values), len(keys))


def gaps_in(offsets: Sequence[int]) -> list[Span]:
    """The offsets between the first and the last one that are not there."""
    if offsets[-1] - offsets[0] + 1 == len(offsets):
        return []
    return [(one + 1, other - 1) for one, other in pairwise(offsets) if other - one > 1]
