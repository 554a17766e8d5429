"""Offsets of which something is known, a bit each. Pure."""

from collections.abc import Sequence


class OffsetSet:
    """A set of offsets, one bit for each that the log has."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, offset: int) -> None:
        """One more, not negative."""
        octet = offset >> 3
        if octet >= len(self._bits):
            self._bits.extend(bytes(octet + 1024 - len(self._bits)))
        self._bits[octet] |= 1 << (offset & 7)

    def add_all(self, offsets: Sequence[int]) -> None:
        """More of them, in order; at least one."""
        first = offsets[0] & ~7
        digits = bytearray(b"0") * (offsets[-1] - first + 1)
        for offset in offsets:
            digits[offset - first] = 49  # "1"
        digits.reverse()  # the last digit of a number is its lowest
        more = int(digits, 2).to_bytes((len(digits) + 7) >> 3, "little")
        start, end = first >> 3, (first >> 3) + len(more)
        if end > len(self._bits):
            self._bits.extend(bytes(end + 1024 - len(self._bits)))
        self._bits[start] |= more[0]
        self._bits[start + 1 : end] = more[1:]

    def __contains__(self, offset: int) -> bool:
        octet = offset >> 3
        return 0 <= octet < len(self._bits) and bool(self._bits[octet] >> (offset & 7) & 1)
