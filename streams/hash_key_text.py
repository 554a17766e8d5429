"""The hash key as it is written down, and whether chance can have made it. Pure.

Whoever guesses it can try a dictionary of addresses against every row that is kept, so a pattern is refused as no key.
"""

from sidestep.topics.weak_keys import is_pattern

SIZE = 32
"""Octets; twice as many hex digits."""

HOW_TO_MAKE_ONE = "make one with: openssl rand -hex 32"


def parse_hash_key(text: str) -> bytes:
    """64 hex digits -> 32 octets. Raises ValueError, which does not quote them."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise ValueError(f"expected 64 hex digits; {HOW_TO_MAKE_ONE}")
    if is_pattern(key):
        raise ValueError(f"that is a pattern, which anybody can guess; {HOW_TO_MAKE_ONE}")
    return key
