"""When a partition's next snapshot is due: once an interval, each partition at a time of its own. Pure."""

from math import floor
from zlib import crc32

GOLDEN = 0.6180339887498949
"""Multiples of it lie evenly between 0 and 1, however many there are."""


def turn(role: str, partition: int) -> float:
    """When in an interval it is the partition's turn, from 0 to 1."""
    return (crc32(role.encode()) / 2**32 + partition * GOLDEN) % 1.0


def is_due(now: float, newest: float | None, interval: float, share: float) -> bool:
    """Whether a snapshot is to be taken now, all in seconds. `newest`: when the last one was; None: there is none.
    `share`: of the interval, when it is the partition's turn."""
    begun = (floor(now / interval - share) + share) * interval
    return newest is None or newest < begun
