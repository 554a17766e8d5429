"""Whether chance can have made a key. Pure."""

from itertools import pairwise

DISTINCT_LEAST = 16
"""Different octets among 32: chance has fewer in one key of 10¹⁶."""


def is_pattern(key: bytes) -> bool:
    """Few octets, a block again and again, or steps of one size: 00 01 02 … For keys of 32 octets or more."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    repeats = any(key == key[:length] * (len(key) // length) for length in (1, 2, 4, 8, 16))
    return repeats or len(steps) == 1 or len(set(key)) < DISTINCT_LEAST
