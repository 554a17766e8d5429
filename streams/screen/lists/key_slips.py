"""Slips of single keys: what a name becomes when one is missed, doubled, left out, or swapped with the next. Pure.

For names that are too short, or too much like words, for distance to mean anything (typo.py): nearly every name of
three letters is somebody's, but few of them are a key away from web or gmx.
"""

from collections.abc import Iterator
from functools import cache

SHORTEST = 3
"""Letters of a name, and of what a slip makes of it: of shorter ones (me, gm) nearly all are somebody's."""

_KEYBOARDS = (
    ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    ("qwertzuiop", "asdfghjkl", "yxcvbnm"),
    ("azertyuiop", "qsdfghjklm", "wxcvbn"),
)
"""American, German and French: what is beside a letter on one of them."""


def key_slips(name: str) -> Iterator[str]:
    """The names that a slip of one key makes of a lower-case one; some of them more than once."""
    for at, letter in enumerate(name):
        before, after = name[:at], name[at + 1 :]
        yield before + after
        yield before + letter + letter + after
        if after and after[0] != letter:
            yield before + after[0] + letter + after[1:]
        for other in _beside().get(letter, ""):
            yield before + other + after


@cache
def _beside() -> dict[str, str]:
    """The letters beside each letter, in alphabetical order: left, right, and those that touch it above and below."""
    found: dict[str, set[str]] = {}
    for rows in _KEYBOARDS:
        for number, row in enumerate(rows):
            for at, letter in enumerate(row):
                # each row is moved to the right by some half a key
                above = rows[number - 1][at : at + 2] if number else ""
                below = rows[number + 1][max(0, at - 1) : at + 1] if number + 1 < len(rows) else ""
                found.setdefault(letter, set()).update(row[max(0, at - 1) : at + 2] + above + below)
    return {letter: "".join(sorted(others - {letter})) for letter, others in found.items()}
