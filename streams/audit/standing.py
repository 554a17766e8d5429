"""Records put by until the fold says what they must be: octets by key, each with its offset in front. Pure."""

from typing import NamedTuple, Self

_OCTETS = 8


class StandingRow(NamedTuple):
    """The last record of a key, as it stands in a topic."""

    offset: int
    value: bytes | None
    """None: a tombstone."""

    def packed(self) -> bytes:
        """As octets."""
        offset = self.offset.to_bytes(_OCTETS, "big")
        return offset + b"\0" if self.value is None else offset + b"\1" + self.value

    @classmethod
    def unpacked(cls, octets: bytes) -> Self:
        """Of such octets."""
        value = octets[_OCTETS + 1 :] if octets[_OCTETS] else None
        return cls(int.from_bytes(octets[:_OCTETS], "big"), value)
