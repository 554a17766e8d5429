"""All rules by a few characters of each of their phrases: of thousands, few have to be looked for in a text. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sidestep.streams.screen.feedback.phrases import Phrase

_EDGES = "<>()[]{}\"'`*,=|.;!?:"


def words_of(*texts: str) -> frozenset[str]:
    """The words of folded texts, without the marks around them; `l'adresse` is `adresse`, too."""
    words = frozenset(word.strip(_EDGES) for text in texts for word in text.split())
    return words | {word.rpartition("'")[2] for word in words if "'" in word}


GRAM, FOREIGN_GRAM = 4, 2
"""Characters of a phrase by which it is told early that it can't stand in a text; of scripts without blanks, fewer."""


def grams_of(*texts: str) -> set[str]:
    """All runs of GRAM characters in folded texts, and of FOREIGN_GRAM in those that are not ASCII."""
    found: set[str] = set()
    for text in texts:
        found |= _cut(text, GRAM)
        if not text.isascii():
            found |= _cut(text, FOREIGN_GRAM)
    return found


def _cut(text: str, size: int) -> set[str]:
    return {text[at : at + size] for at in range(len(text) - size + 1)}


class SoughtPhrase(NamedTuple):
    """A phrase of a rule, and where it is looked for."""

    phrase: Phrase
    plain: bool = False
    """In the plain words of the text, too."""
    word: str = ""
    """Stands in it as a whole word."""


def wanted_plainly(phrase: Phrase) -> SoughtPhrase:
    """A phrase as rules want it that go by plain words: one of several words begins with a whole one, and one of a
    single word is looked for in the text alone, unless it is not of ASCII, as in Chinese."""
    word, blank, _ = phrase[0].lstrip().partition(" ")
    if blank or (len(phrase) > 1 and phrase[1].startswith(" ")):
        return SoughtPhrase(phrase, True, word.strip(_EDGES))
    return SoughtPhrase(phrase, not "".join(phrase).isascii())


class RuleIndex:
    """Rules by the two runs of characters of each of their phrases that fewest other phrases have."""

    def __init__(self, rules: Mapping[str, Iterable[SoughtPhrase]]):
        """`rules`: what each wants, by its name, which no other has. One that wants nothing may hold for any text."""
        listed = [(name, wanted, _runs(wanted.phrase)) for name, phrases in rules.items() for wanted in phrases]
        times = Counter(run for _, _, runs in listed for run in runs)
        self._always: dict[str, list[SoughtPhrase]] = {name: [] for name, phrases in rules.items() if not phrases}
        self._near: dict[str, list[tuple[str, str, SoughtPhrase]]] = {}
        for name, wanted, runs in listed:
            if runs:
                first, *others = sorted(runs, key=lambda run: (times[run], run))
                self._near.setdefault(first, []).append((others[0] if others else first, name, wanted))
            else:
                self._always.setdefault(name, []).append(wanted)
        self._keys = frozenset(self._near)

    def near(self, *texts: str) -> dict[str, list[SoughtPhrase]]:
        """The rules that may hold for folded texts, nearly none of all, each with the phrases that may stand there."""
        found = {name: [*wanted] for name, wanted in self._always.items()}
        grams = grams_of(*texts)
        for run in self._keys & grams:
            for other, name, wanted in self._near[run]:
                if other in grams:
                    found.setdefault(name, []).append(wanted)
        return found


def _runs(phrase: Phrase) -> frozenset[str]:
    """The runs of characters that stand wherever a phrase does; empty for one that is too short."""
    return frozenset(run for piece in phrase for run in _runs_of(piece.removeprefix("^")))


def _runs_of(piece: str) -> set[str]:
    return _cut(piece, GRAM) or {run for run in _cut(piece, FOREIGN_GRAM) if not run.isascii()}
