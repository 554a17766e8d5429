"""The hash key as it is written down, and whether chance can have made it. Pure.

Whoever guesses it can try a dictionary of addresses against every row that is kept, so a pattern is refused as no key.
"""

from itertools import pairwise

SIZE = 32
"""Octets; twice as many hex digits."""

DISTINCT_LEAST = 16
"""Different octets among 32: chance has fewer in one key of 10¹⁶."""

HOW_TO_MAKE_ONE = "make one with: openssl rand -hex 32"


def parse_hash_key(text: str) -> bytes:
    """64 hex digits -> 32 octets. Raises ValueError, which does not quote them."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise ValueError(f"expected 64 hex digits; {HOW_TO_MAKE_ONE}")
    if _is_pattern(key):
        raise ValueError(f"that is a pattern, which anybody can guess; {HOW_TO_MAKE_ONE}")
    return key


def _is_pattern(key: bytes) -> bool:
    """Few octets, a block again and again, or steps of one size: 00 01 02 …"""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    repeats = any(key == key[:length] * (SIZE // length) for length in (1, 2, 4, 8, 16))
    return repeats or len(steps) == 1 or len(set(key)) < DISTINCT_LEAST
