"""Words to look for: a phrase is a few pieces in their order. Pure.

They are looked for with str.find, piece by piece: linear in the text whatever the rules say, and faster than one large
alternation, which `re` tries word by word at every position.
"""

from collections.abc import Iterable
from functools import lru_cache

TEXT_MAX = 3000
"""Characters of a reply that are looked at; servers say what they mean at the beginning."""

Phrase = tuple[str, ...]
"""Pieces that have to stand in this order; the first begins with ^ if the text has to begin with it."""


def phrase(text: str) -> Phrase:
    """`user * unknown` as pieces; one blank between them is enough."""
    return tuple(piece for piece in text.replace(" * ", "* ").split("*") if piece)


@lru_cache(maxsize=16)  # the same notice is folded for each of its recipients
def fold(text: str, most: int = TEXT_MAX) -> str:
    """Lower case, one blank between words, and the codes that multi-line replies repeat in front of each line gone."""
    words = text[: most * 2].lower().split()
    return " ".join(_without_repeats(words))[:most]


def _without_repeats(words: list[str]) -> Iterable[str]:
    for index, word in enumerate(words):
        if index and len(word) > 3 and word[3] == "-" and word[:3].isdigit() and word[0] in "45":
            continue  # 550-5.7.1, the head of a continued line (RFC 5321 4.2.1)
        yield word


def stands_in(phrase: Phrase, text: str) -> bool:
    """Whether the pieces stand in the text in their order."""
    at = 0
    if phrase[0].startswith("^"):
        at = len(phrase[0]) - 1
        if not text.startswith(phrase[0][1:]):
            return False
        phrase = phrase[1:]
    for piece in phrase:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True
