"""A rule's phrases by a word or a few characters of theirs: of thousands, few have to be looked for in a text. Pure."""

from collections.abc import Iterable, Iterator, Set

from sidestep.streams.screen.feedback.phrases import Phrase, stands_in

_EDGES = "<>()[]{}\"'`*,=|.;!?:"


def words_of(*texts: str) -> frozenset[str]:
    """The words of folded texts, without the marks around them; `l'adresse` is `adresse`, too."""
    words = frozenset(word.strip(_EDGES) for text in texts for word in text.split())
    return words | {word.rpartition("'")[2] for word in words if "'" in word}


GRAM, FOREIGN_GRAM = 4, 2
"""Characters of a phrase by which it is told early that it can't stand in a text; of scripts without blanks, fewer."""


def grams_of(*texts: str) -> frozenset[str]:
    """All runs of GRAM characters in folded texts, and of FOREIGN_GRAM in those that are not ASCII."""
    sizes = (GRAM,) if all(map(str.isascii, texts)) else (GRAM, FOREIGN_GRAM)
    return frozenset(
        text[at : at + size] for text in texts for size in sizes for at in range(max(0, len(text) - size + 1))
    )


def _gram_of(phrase: Phrase) -> str:
    """The run of characters without which a phrase can't stand anywhere; "" for one that is too short."""
    piece = max((piece.removeprefix("^") for piece in phrase), key=len)
    if len(piece) >= GRAM:
        return piece[-GRAM:]
    return piece[-FOREIGN_GRAM:] if len(piece) >= FOREIGN_GRAM and not piece[-FOREIGN_GRAM:].isascii() else ""


class PhraseGrams:
    """Phrases by a run of their characters: of thousands, few have to be looked for in a text, however long it is."""

    def __init__(self, phrases: Iterable[Phrase]):
        self._near: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            self._near.setdefault(_gram_of(phrase), []).append(phrase)
        self._short = self._near.pop("", [])
        self._keys = frozenset(self._near)

    @property
    def signs(self) -> frozenset[str]:
        """Of these one stands wherever a phrase does. Empty: a phrase is too short for that, or there is none."""
        return self._keys if not self._short else frozenset()

    def stands_in(self, grams: Set[str], *texts: str) -> bool:
        """Whether a phrase stands in one of these texts, whose grams those are."""
        if not self._short and self._keys.isdisjoint(grams):
            return False  # nearly all of them
        return any(stands_in(phrase, text) for phrase in self._found(grams) for text in texts)

    def _found(self, grams: Set[str]) -> Iterator[Phrase]:
        yield from self._short
        for gram in self._keys & grams:
            yield from self._near[gram]


class PhraseIndex:
    """Phrases of several words, each beginning with a whole word, and the rest."""

    def __init__(self, phrases: Iterable[Phrase]):
        self._begun: dict[str, list[Phrase]] = {}
        short: list[Phrase] = []
        foreign: list[Phrase] = []
        for phrase in phrases:
            word, blank, _ = phrase[0].lstrip().partition(" ")
            if blank or (len(phrase) > 1 and phrase[1].startswith(" ")):
                self._begun.setdefault(word.strip(_EDGES), []).append(phrase)
            else:
                (short if "".join(phrase).isascii() else foreign).append(phrase)
        self._words = frozenset(self._begun)
        self._short, self._foreign = PhraseGrams(short), PhraseGrams(foreign)
        """Of a single word; and not of ASCII, without a blank behind the first word, as in Chinese."""

    def stands_in(self, words: Set[str], grams: Set[str], texts: tuple[str, ...]) -> bool:
        """Whether a phrase stands in one of these texts, whose words and grams those are; one of a single word, in the
        first."""
        near = (phrase for word in self._words & words for phrase in self._begun[word])
        return (
            self._short.stands_in(grams, texts[0])
            or any(stands_in(phrase, text) for phrase in near for text in texts)
            or (not all(map(str.isascii, texts)) and self._foreign.stands_in(grams, *texts))
        )
