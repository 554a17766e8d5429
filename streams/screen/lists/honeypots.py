"""Honeypots: local parts that are there to catch senders (data/honeypots.toml). Pure."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise

from sidestep.streams.screen.address.local_part import comparable_local
from sidestep.streams.screen.lists.shipped import fingerprint, read_table

_WORDS = re.compile("[^._-]+")


class Honeypots:
    """The list of honeypots, arranged for look-up."""

    def __init__(self, whole: Iterable[str], words: Iterable[str], marks: Iterable[str]):
        """`whole` may be written with separators, `words` have none. Raises ValueError for a word without a mark."""
        self._whole = {comparable_local(name): name for name in whole}
        self._words = frozenset(words)
        self._marks = tuple(marks)
        for word in self._words:
            if not self._marked(word):
                raise ValueError(f"honeypots.toml: {word} contains none of the marks")

    @property
    def version(self) -> str:
        """The version: 12 hex digits that change with the list."""
        return fingerprint([*self._whole.values(), *(f"word {word}" for word in self._words)])

    def entry(self, local: str) -> str:
        """The entry that a local part matches, as it was given; "" for none."""
        bare = local.lower().partition("+")[0].rstrip("0123456789")
        whole = comparable_local(bare)
        if whole in self._whole:
            return self._whole[whole]
        if not self._marked(whole):
            return ""
        return next((word for word in _neighbours(_WORDS.findall(bare)) if word in self._words), "")

    def _marked(self, text: str) -> bool:
        return any(map(text.__contains__, self._marks))


@cache
def honeypots() -> Honeypots:
    """The list of honeypots that ships."""
    table = read_table("honeypots")
    return Honeypots(table["whole"], table["word"], table["marks"])


def _neighbours(words: list[str]) -> Iterator[str]:
    yield from words
    yield from map("".join, pairwise(words))
    yield from map("".join, zip(words, words[1:], words[2:], strict=False))
