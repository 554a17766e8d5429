"""How many characters of a record's words are looked at, so that none takes long: all of any honest one's. Pure."""

from collections.abc import Iterable

WORDS_MAX = 40_000
"""Characters of all the words of a record together: of a hundred recipients, 400 each, where all of them are long. Real
servers say 120 on average, and what they mean at the beginning."""


def even_part(lengths: Iterable[int]) -> int:
    """The characters of each text that are looked at, so that all together are WORDS_MAX at most: short texts leave
    what they don't need to long ones."""
    left, waiting = WORDS_MAX, sorted(lengths)
    for number, length in enumerate(waiting):
        part = left // (len(waiting) - number)
        if length > part:
            return part
        left -= length
    return WORDS_MAX
