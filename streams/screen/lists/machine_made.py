"""Machine-made local parts: hashes, identifiers, random letters (thresholds in data/machine_made.toml). Pure."""

import re
from collections.abc import Mapping
from functools import cache
from operator import add
from typing import Any

from sidestep.streams.screen.lists.shipped import fingerprint, read_table

UUID_LENGTH = 36

_HEX = re.compile("[0-9a-f]+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HUMP = re.compile("[a-z](?=[A-Z])")
_ALTERNATION = re.compile(r"[a-z](?=\d)|\d(?=[a-z])")


class MachineMade:
    """The test for machine-made local parts, with its thresholds."""

    def __init__(self, table: Mapping[str, Any]):
        """`table`: data/machine_made.toml."""
        self._shortest: int = table["shortest"]
        self._hex: int = table["hex_shortest"]
        self._digits: int = table["digits_shortest"]
        self._signs: int = table["signs"]
        self._share: float = table["share"]
        self._rare = frozenset(first + second for first, others in table["rare"].items() for second in others)
        self._parts = re.compile(f"[^._-]{{{self._shortest},}}")
        self._consonants = re.compile(f"[bcdfghjklmnpqrstvwxz]{{{table['consonants']},}}")

    def matches(self, local: str) -> bool:
        """Is a local part machine-made? Case as given, ASCII alone; a "+" tag is its owner's own and left out."""
        bare = local.partition("+")[0]
        if len(bare) < self._shortest or not bare.isascii():
            return False
        if len(bare) == UUID_LENGTH and _UUID.fullmatch(bare.lower()):
            return True
        return any(map(self._odd, self._parts.findall(bare)))

    def _odd(self, part: str) -> bool:
        lowered = part.lower()
        if lowered.isdigit():
            return len(part) >= self._digits
        if len(part) >= self._hex and _HEX.fullmatch(lowered) and not lowered.isalpha():
            return True
        signs = 2 * sum(map(self._rare.__contains__, map(add, lowered, lowered[1:])))
        if not lowered.isalpha():
            signs += len(_ALTERNATION.findall(lowered))
        if not part.islower():
            signs += len(_HUMP.findall(part))
        signs += 2 * len(self._consonants.findall(lowered))
        return signs >= self._signs and signs >= self._share * (len(part) - 1)


@cache
def machine_made() -> MachineMade:
    """The test with the thresholds that ship."""
    return MachineMade(read_table("machine_made"))


@cache
def machine_made_version() -> str:
    """The version of the test: 12 hex digits that change with the thresholds."""
    table = read_table("machine_made")
    return fingerprint(f"{name} {value}" for name, value in (table | table["rare"]).items())
