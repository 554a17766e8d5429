"""Large sets of names or digests in little memory: exact, immutable, fast to ask. Pure.

A frozenset of a million domains takes some 120 MB, these less than 30 (docs/feeds.md has the numbers).
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import AnyStr

_FANOUT = 65_536  # by the first two octets of a digest
AT_ONCE = 20_000
"""Texts that are joined at once."""


class NameSet:
    """A set of texts without line breaks: one long text, ordered by hash, and where each bucket of it begins.

    `may_hold[hash(name) % slots]` is 0 for seven of eight names that are not in the set: who asks often looks there
    first, and saves a call.
    """

    __slots__ = ("_buckets", "_size", "_starts", "_text", "may_hold", "slots")

    def __init__(self, names: Sequence[str]) -> None:
        """`names`: without repetitions."""
        self._size = len(names)
        self.slots = 8 * len(names) + 1
        self._buckets = len(names) // 2 + 1
        seen = bytearray(self.slots)
        counts, lengths = _zeros(self._buckets + 1), _zeros(self._buckets + 1)
        for name in names:
            seen[hash(name) % self.slots] = 1
            bucket = hash(name) % self._buckets
            counts[bucket + 1] += 1
            lengths[bucket + 1] += len(name) + 1
        self.may_hold = bytes(seen)
        self._starts = array("I", accumulate(lengths))
        ordered = self._by_bucket(names, array("I", accumulate(counts)))
        ordered.insert(0, "")
        ordered.append("")
        self._text = joined("\n", ordered)

    def _by_bucket(self, names: Sequence[str], ends: "array[int]") -> list[str]:
        """The names by bucket; `ends`: where the next one of each goes. To sort a million would take too long."""
        ordered = [""] * len(names)
        for name in names:
            bucket = hash(name) % self._buckets
            ordered[ends[bucket]] = name
            ends[bucket] += 1
        return ordered

    def __contains__(self, name: str) -> bool:
        """Does the set hold it?"""
        bucket = hash(name) % self._buckets
        return self._text.find(f"\n{name}\n", self._starts[bucket], self._starts[bucket + 1] + 1) >= 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        return iter(self._text.split("\n")[1:-1])


class DigestSet:
    """A set of digests of one size, side by side in order."""

    __slots__ = ("_blob", "_starts", "_width")

    def __init__(self, blob: bytes, width: int) -> None:
        """`blob`: the digests in order, without repetitions; `width` octets each."""
        self._blob = blob
        self._width = width
        lengths = _zeros(_FANOUT + 1)
        for start in range(0, len(blob), width):
            lengths[(blob[start] << 8 | blob[start + 1]) + 1] += width
        self._starts = array("I", accumulate(lengths))

    def __contains__(self, digest: bytes) -> bool:
        """Does the set hold it?"""
        bucket = digest[0] << 8 | digest[1]
        start, end = self._starts[bucket], self._starts[bucket + 1]
        found = self._blob.find(digest, start, end)
        while found >= 0 and (found - start) % self._width:  # across the border of two digests
            found = self._blob.find(digest, found + 1, end)
        return found >= 0

    def __len__(self) -> int:
        return len(self._blob) // self._width

    def __iter__(self) -> Iterator[bytes]:
        """In order."""
        for start in range(0, len(self._blob), self._width):
            yield self._blob[start : start + self._width]


def joined(between: AnyStr, parts: Sequence[AnyStr]) -> AnyStr:
    """As between.join(parts), in portions: to join a million at once would hold the interpreter up for 50 ms."""
    starts = range(0, len(parts), AT_ONCE)
    return between.join([between.join(parts[start : start + AT_ONCE]) for start in starts])


def _zeros(count: int) -> "array[int]":
    return array("I", bytes(array("I").itemsize * count))
