"""One dead letter in place of many: it names the offsets of records that could not be read, and they stay where they
are in their topic. Pure.

Its headers are those of a dead letter (dead_letters.py), `offset` that of the first record; it has neither key nor
value. `value-octets` tells whoever does not know it, an older `sidestep dead-letters redrive`, that something is not
there.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from sidestep.streams.runtime.dead_letters import dead_letter_headers
from sidestep.streams.runtime.outgoing import ANY_PARTITION, Single
from sidestep.streams.runtime.record import Record

OFFSETS = "offsets"
"""Header that only such a letter has: every offset that it stands for, as offsets_text writes them."""

OffsetRanges = Sequence[tuple[int, int]]
"""First and last offset of each, in order; what lies between two of them is not meant."""


def collective_letter(records: Sequence[Record], code: str, text: str, topic: str) -> Single:
    """Of records of one partition, in the order of their offsets, that can't be read for the same reason. `text`: what
    is wrong with the last one."""
    ranges = joined(record.offset() for record in records)
    said = f"{len(records)} records, which stay where they are in their topic; with the last one: {text}"
    return {
        "topic": topic,
        "partition": ANY_PARTITION,
        "key": None,
        "value": None,
        "headers": [
            ("value-octets", b"%d" % sum(map(len, records))),
            *dead_letter_headers(records[0], code, said),
            (OFFSETS, offsets_text(ranges)),
        ],
    }


def joined(offsets: Iterable[int]) -> list[tuple[int, int]]:
    """Offsets, in any order -> ranges."""
    found: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if found and offset == found[-1][1] + 1:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((offset, offset))
    return found


def offsets_text(ranges: OffsetRanges) -> bytes:
    """`7,9-12`: first and last offset of each range, or the only one."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges).encode()


def read_offsets(text: bytes) -> list[tuple[int, int]]:
    """What offsets_text has written. Raises ValueError for anything else."""
    ranges = [(int(first), int(last) if dash else int(first)) for first, dash, last in _parts(text.decode("ascii"))]
    in_order = all(before[1] < after[0] for before, after in pairwise(ranges))
    if not in_order or any(first > last for first, last in ranges) or offsets_text(ranges) != text:
        raise ValueError("no ranges of offsets")
    return ranges


def _parts(text: str) -> Iterable[tuple[str, str, str]]:
    return (part.partition("-") for part in text.split(","))
