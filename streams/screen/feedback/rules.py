"""A rule that says why messages come back, and the facts of a diagnostic that it is compared with. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.phrase_index import RuleIndex, SoughtPhrase, wanted_plainly, words_of
from sidestep.streams.screen.feedback.phrases import TEXT_MAX, Phrase, folded, stands_in
from sidestep.streams.screen.feedback.plain_words import plain_words


@dataclass(frozen=True, slots=True)
class BounceRule:
    """A rule: words that mean a reason, and the conditions under which they do. Empty conditions hold always."""

    name: str
    reason: str
    any: tuple[Phrase, ...]
    example: str = ""
    command: str = ""
    status: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    notice: tuple[Phrase, ...] = ()
    at: tuple[str, ...] = ()
    none: tuple[Phrase, ...] = ()
    """Phrases whose presence says that the text is about something else."""
    plain: bool = False
    """The phrases are looked for in the plain words of the text, too."""
    bare: bool = False
    """The rule holds only where the status code says nothing: none, or one with a zero in it."""

    @property
    def wanted(self) -> list[SoughtPhrase]:
        """`any`, and where each is looked for."""
        return [wanted_plainly(phrase) if self.plain else SoughtPhrase(phrase) for phrase in self.any]

    def holds(self, facts: "Facts") -> bool:
        """Whether all conditions and one of the phrases hold."""
        return (
            (not self.status or any(matches_code(code, facts.status) for code in self.status))
            and (not self.reply or facts.reply in self.reply)
            and (not self.at or facts.command in self.at)
            and (not self.bare or not facts.status or ".0" in facts.status)
            and (not self.notice or any(stands_in(phrase, facts.notice) for phrase in self.notice))
            and (not self.any or any(map(facts.has, facts.near[self.name])))
            and not any(stands_in(phrase, text) for phrase in self.none for text in self._texts(facts))
        )

    def _texts(self, facts: "Facts") -> tuple[str, ...]:
        return facts.texts if self.plain else facts.texts[:1]


class Facts:
    """The facts of a diagnostic, in lower case, as rules compare them."""

    def __init__(self, diagnostic: Diagnostic, standing: str, index: RuleIndex):
        self.text = folded(diagnostic.text)
        plain = plain_words(self.text, diagnostic.recipient.rpartition("@")[0].lower())
        self.texts = (self.text,) if plain == self.text else (self.text, plain)
        self.near = index.near(*self.texts)
        self.status, self.reply, self.command = diagnostic.status, diagnostic.reply, diagnostic.command
        self.kind, self.action = diagnostic.kind, diagnostic.action
        self.hosts = (diagnostic.domain, diagnostic.host, diagnostic.reporter)
        self.standing = standing
        self._diagnostic = diagnostic
        self._said: dict[str, str] = {}

    @cached_property
    def notice(self) -> str:
        """The notice around the diagnostic; few rules ask."""
        return folded(self._diagnostic.notice, TEXT_MAX * 2)

    @cached_property
    def _words(self) -> frozenset[str]:
        return words_of(*self.texts)

    def has(self, wanted: SoughtPhrase) -> bool:
        """Whether a phrase stands where it is looked for."""
        if wanted.word and wanted.word not in self._words:
            return False
        return any(stands_in(wanted.phrase, text) for text in (self.texts if wanted.plain else self.texts[:1]))

    def says(self, reason: str, rules: Iterable[BounceRule]) -> str:
        """The name of the first of these rules that holds; "" if none does."""
        if reason not in self._said:
            self._said[reason] = next((rule.name for rule in self.among(rules) if rule.holds(self)), "")
        return self._said[reason]

    def among(self, rules: Iterable[BounceRule]) -> list[BounceRule]:
        """Of some rules, those that may hold."""
        return [rule for rule in rules if rule.name in self.near]


def matches_code(pattern: str, status: str) -> bool:
    """Whether a status code fits a pattern: `5.7.1` itself, `x.7.1` in any class, `5.7.606-649` a range of details."""
    first, _, last = pattern.rpartition(".")[2].partition("-")
    head, _, detail = status.rpartition(".")
    wanted = pattern.rpartition(".")[0]
    if head != wanted and not (wanted.startswith("x") and head[1:] == wanted[1:]):
        return False
    return detail == first if not last else detail.isdigit() and int(first) <= int(detail) <= int(last)
