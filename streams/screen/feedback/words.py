"""How much of a record is looked at, so that none takes long: all of any honest one. Counted, and no time: the same
record is read alike on any machine. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

WORDS_MAX = 30_000
"""Characters of all the words of a record together: of a hundred recipients, 300 each, where all of them are long. Real
servers say 120 on average, and what they mean at the beginning."""

NOTICE_MAX = 30_000
"""Characters of all notices for people of a record together."""
MESSAGES_MAX = 10
"""Messages of a record: of an mbox, or one in another."""


@dataclass(slots=True)
class Allowance:
    """How much of a record may still be looked at; what is read takes from it."""

    messages: int = MESSAGES_MAX
    notice: int = NOTICE_MAX
    words: int = WORDS_MAX
    notice_each: int = NOTICE_MAX
    """Characters of one notice, however many are left."""
    pile: int = 1
    """Messages of an mbox."""
    waiting: int = 0
    """Of them, those that are still to be read."""

    def take_notice(self, text: str) -> str:
        """What is looked at of a notice."""
        text = text[: min(self.notice, self.notice_each)]
        self.notice -= len(text)
        return text

    def take_words(self, lengths: list[int]) -> int:
        """The characters of each of a message's texts that are looked at: while others wait, half of all that are left
        at most."""
        part = even_part(lengths, self.words // 2 if self.waiting else self.words)
        self.words -= sum(min(length, part) for length in lengths)
        return part


def even_part(lengths: Iterable[int], most: int = WORDS_MAX) -> int:
    """The characters of each text that are looked at, so that all together are `most` at most: short texts leave what
    they don't need to long ones."""
    left, waiting = most, sorted(lengths)
    for number, length in enumerate(waiting):
        part = left // (len(waiting) - number)
        if length > part:
            return part
        left -= length
    return most
