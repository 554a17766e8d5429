"""Phrases that tell why a message came back: a few pieces in their order, not far apart. Pure.

Pieces are looked for with str.find, piece by piece: next to linear in the text whatever the rules say, and faster than
one large alternation, which `re` tries word by word at every position.
"""

import string
from functools import lru_cache

TEXT_MAX = 3000
"""Characters of a reply that are looked at; servers say what they mean at the beginning."""

GAP_MAX = 120
"""Characters between two pieces of a phrase: words further apart belong to different sentences."""
TRIES_MAX = 16
"""Positions at which the first piece is tried, for texts that repeat it for no good."""
_LOCAL_PART = string.ascii_lowercase + string.digits + "!#$%&'*+-/?^_`{|}~."

Phrase = tuple[str, ...]
"""Pieces that have to stand in this order; the first begins with ^ if the text has to begin with it."""


def parse_phrase(text: str) -> Phrase:
    """The phrase `user * unknown` in pieces; one blank between them is enough."""
    return tuple(piece for piece in text.replace(" * ", "* ").split("*") if piece)


@lru_cache(maxsize=16)  # the same notice is searched for each of its recipients
def folded(text: str, most: int = TEXT_MAX) -> str:
    """A text ready to be searched: lower case, one blank between words, no repeated codes, no local parts.

    The codes are those that multi-line replies repeat in front of each line; a local part stands as x, because `spam@`
    and `full-user@` are names, not words.
    """
    words = text[: most * 2].lower().split()
    if "-" in text:
        words = [word for index, word in enumerate(words) if word[3:4] != "-" or not (index and _is_code(word[:3]))]
    if "@" in text:
        words = [_masked(word) if "@" in word else word for word in words]
    return " ".join(words)[:most]


def _masked(word: str) -> str:
    *names, last = word.split("@")
    return "@".join([*(f"{name.rstrip(_LOCAL_PART)}x" if name else "" for name in names), last])


def _is_code(head: str) -> bool:
    """Whether 550-5.7.1 begins so, the head of a continued line (RFC 5321 4.2.1)."""
    return head.isdigit() and head[0] in "45"


def stands_in(phrase: Phrase, text: str) -> bool:
    """Whether a phrase stands in a text: its pieces in their order, each within GAP_MAX of the one before."""
    if len(phrase) == 1 and phrase[0][0] != "^":
        return phrase[0] in text  # nearly all of them, and most of the time that a report takes
    first, *rest = phrase
    if first.startswith("^"):
        return text.startswith(first[1:]) and _follow(rest, text, len(first) - 1)
    at = text.find(first)
    for _ in range(TRIES_MAX):
        if at < 0 or _follow(rest, text, at + len(first)):
            return at >= 0
        at = text.find(first, at + 1)
    return False


def _follow(pieces: list[str], text: str, at: int) -> bool:
    for piece in pieces:
        found = text.find(piece, at, at + GAP_MAX + len(piece))
        if found < 0:
            return False
        at = found + len(piece)
    return True
