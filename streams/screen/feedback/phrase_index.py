"""A rule's phrases by the word that they begin with: of a thousand, few have to be looked for in a text. Pure."""

from collections.abc import Iterable, Iterator, Set

from sidestep.streams.screen.feedback.phrases import Phrase, stands_in

_EDGES = "<>()[]{}\"'`*,=|.;!?:"


def words_of(*texts: str) -> frozenset[str]:
    """The words of folded texts, without the marks around them; `l'adresse` is `adresse`, too."""
    words = frozenset(word.strip(_EDGES) for text in texts for word in text.split())
    return words | {word.rpartition("'")[2] for word in words if "'" in word}


class PhraseIndex:
    """Phrases of several words, each beginning with a whole word, and the rest."""

    def __init__(self, phrases: Iterable[Phrase]):
        self._begun: dict[str, list[Phrase]] = {}
        self._short: list[Phrase] = []
        self._foreign: list[Phrase] = []
        """Not of ASCII, and without a blank behind the first word, as in Chinese."""
        for phrase in phrases:
            word, blank, _ = phrase[0].lstrip().partition(" ")
            if blank or (len(phrase) > 1 and phrase[1].startswith(" ")):
                self._begun.setdefault(word.strip(_EDGES), []).append(phrase)
            else:
                (self._short if "".join(phrase).isascii() else self._foreign).append(phrase)

    def stands_in(self, words: Set[str], texts: tuple[str, ...]) -> bool:
        """Whether a phrase stands in one of these texts, whose words those are; one of a single word, in the first."""
        return any(stands_in(phrase, texts[0]) for phrase in self._short) or any(
            stands_in(phrase, text) for phrase in self._near(words, texts) for text in texts
        )

    def _near(self, words: Set[str], texts: tuple[str, ...]) -> Iterator[Phrase]:
        for word in self._begun.keys() & words:
            yield from self._begun[word]
        if not all(text.isascii() for text in texts):
            yield from self._foreign
